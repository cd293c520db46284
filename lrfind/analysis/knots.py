"""Blocks of neighbouring losses, whose means stand for them in a long sweep.

The smoother rounds off far more than a block, so that a curve through the means is the curve.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from lrfind.support.arrays import Array, Steps

MOST_KNOTS = 2000
"""Sweeps of more losses are smoothed on the means of blocks, at most so many."""


def block_starts(size: int) -> Steps | None:
    """The first step of each block; None for a sweep that needs none.

    Args:
        size: Number of losses.

    Returns:
        Shape `(m,)` with m of at most `MOST_KNOTS`: blocks of equal length, or one step more.

    Example:
        >>> block_starts(2000) is None, len(block_starts(2001)), block_starts(5000)[:3].tolist()
        (True, 1000, [0, 3, 6])
    """
    if size <= MOST_KNOTS:
        return None
    count = size // -(-size // MOST_KNOTS)
    return np.asarray(np.arange(count) * size // count)


def lengths(starts: Steps, size: int) -> Steps:
    """Number of losses in each block."""
    return np.diff(starts, append=size)


def middles(starts: Steps, size: int) -> Steps:
    """The step in the middle of each block."""
    return starts + (lengths(starts, size) - 1) // 2


def block_sums(values: Array, starts: Steps | None) -> Array:
    """The sum over each block; the values themselves without blocks."""
    return values if starts is None else np.asarray(np.add.reduceat(values, starts))


def block_means(values: Array, starts: Steps) -> Array:
    """The mean of each block."""
    return np.asarray(np.add.reduceat(values, starts) / lengths(starts, values.size))


def between_knots(curve: Array, starts: Steps, size: int) -> Array:
    """A curve through the middles of the blocks at every step, linear between them."""
    return np.asarray(np.interp(np.arange(size), middles(starts, size), curve))


def knot_noise(length: float, correlation: float) -> tuple[float, float]:
    """The noise of block means, for AR(1) noise of the losses.

    The precision matrix of the losses restricted to curves that are constant in each block is again
    that of AR(1) noise, apart from the ends.

    Args:
        length: Losses in a block.
        correlation: Lag-1 autocorrelation of the losses' noise, in [0, 1).

    Returns:
        How much more precise a mean is than a loss, and the autocorrelation of the means.

    Example:
        >>> knot_noise(5, 0.0), round(knot_noise(1, 0.5)[1], 9)
        ((5.0, 0.0), 0.5)
    """
    if correlation == 0:
        return float(length), 0.0
    scale = 1 / (1 - correlation**2)
    diagonal = scale * (length * (1 - correlation) ** 2 + 2 * correlation)
    ratio = correlation * scale / diagonal  # equals r / (1 + r * r) of the means
    means = (1 - sqrt(1 - 4 * ratio**2)) / (2 * ratio)
    return diagonal * (1 - means**2) / (1 + means**2), means
