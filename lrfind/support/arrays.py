"""Type aliases used everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Array", "ArrayLike", "Steps"]

Array = NDArray[np.float64]
"""A float64 array."""

Steps = NDArray[np.intp]
"""An array of indices."""
