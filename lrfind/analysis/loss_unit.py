"""The unit that losses are analysed in: 1, unless sums of them would overflow."""

from __future__ import annotations

import sys

import numpy as np

from lrfind.support.arrays import Array

MOST = 960
"""Binary exponent above which a loss is extreme: 64 more than any sum of losses needs are left."""


def loss_unit(loss: Array) -> float:
    """A power of two, so that dividing by it rounds nothing.

    Args:
        loss: Shape `(n,)`, finite.

    Returns:
        1.0 for losses below `2**960`, about 1e289; else at most `2**64`.

    Example:
        >>> loss_unit(np.array([2.3, 1e30])), loss_unit(np.array([2.3, -1e300])) == 2.0**37
        (1.0, True)
    """
    exponent = int(np.frexp(np.abs(loss).max(initial=0.0))[1])
    return 2.0 ** max(0, exponent - MOST)


def in_full(loss: float, unit: float) -> float:
    """A loss that was measured in a unit, within the range of floats."""
    most = sys.float_info.max
    return min(max(loss * unit, -most), most)
