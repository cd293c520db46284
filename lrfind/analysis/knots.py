"""A long sweep on a few thousand knots: the means of blocks of steps, and the way back.

Smoothing and drawing curves on 4,000 points costs the same however long the sweep is, and the
spacing of the knots, a 2,000th of the sweep at most, is far below what any sweep can tell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrfind.support.arrays import Array, Steps

MOST_KNOTS = 4000
"""A sweep of up to as many steps has a knot at each."""


@dataclass(frozen=True)
class Knots:
    """The knots of a sweep of `size` steps, at least 1.

    Example:
        >>> knots = Knots(6 * MOST_KNOTS)
        >>> knots.block, knots.steps[:3].tolist()
        (6, [2, 8, 14])
    """

    size: int

    @property
    def block(self) -> int:
        """Steps that a knot stands for; the last one also for those that fill no block."""
        return -(-self.size // MOST_KNOTS)

    @property
    def count(self) -> int:
        """The number of knots."""
        return self.size // self.block

    @property
    def _ends(self) -> Steps:
        """Shape `(count + 1,)`: where each block starts, and the end of the last."""
        return np.append(np.arange(self.count) * self.block, self.size)

    @property
    def middles(self) -> Array:
        """Shape `(count,)`: the middle of each block, in steps; between two if it is even."""
        ends = self._ends
        return (ends[:-1] + ends[1:] - 1) / 2

    @property
    def steps(self) -> Steps:
        """Shape `(count,)`: the step at or just before the middle of each block."""
        return np.asarray(self.middles, dtype=np.intp)

    def holding(self, steps: Steps) -> Steps:
        """The index of the knot that stands for each step."""
        return np.minimum(steps // self.block, self.count - 1)

    def means(self, values: Array) -> Array:
        """The mean of each block of shape `(size,)`; the values themselves if it is one step."""
        if self.block == 1:
            return values
        ends = self._ends
        return np.asarray(np.add.reduceat(values, ends[:-1]) / np.diff(ends))

    def at_steps(self, values: Array) -> Array:
        """What is known at the knots, at every step: linear between the middles and beyond."""
        if self.block == 1:
            return values
        known = self.middles
        slopes = np.diff(values[[0, 1, -2, -1]])[::2] / np.diff(known[[0, 1, -2, -1]])[::2]
        first = values[0] - slopes[0] * known[0]
        last = values[-1] + slopes[1] * (self.size - 1 - known[-1])
        places = np.concatenate([[0.0], known, [self.size - 1.0]])
        heights = np.concatenate([[first], values, [last]])
        return np.asarray(np.interp(np.arange(self.size), places, heights))

    def correlation(self, single: float) -> float:
        """Lag-1 autocorrelation of the means of blocks of AR(1) noise, from that of the noise.

        With r that and k steps in a block, `r (1 - r**k)**2 / (k (1 - r**2) - 2 r (1 - r**k))`.
        """
        if self.block == 1 or single == 0:
            return single
        left = 1 - single**self.block
        return single * left**2 / (self.block * (1 - single**2) - 2 * single * left)
