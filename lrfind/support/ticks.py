"""Ticks of a loss axis whose foot holds labels; imports matplotlib, so it is imported on use."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import AutoLocator


class TicksFrom(AutoLocator):
    """matplotlib's ticks, without those below a loss, where only labels stand.

    Args:
        lowest: The lowest tick there may be.
    """

    def __init__(self, lowest: float) -> None:
        super().__init__()
        self._lowest = lowest

    def tick_values(self, vmin: float, vmax: float) -> Any:
        """The ticks between two losses."""
        ticks = np.asarray(super().tick_values(vmin, vmax))
        return ticks[ticks >= self._lowest]
