"""The size of the mini-batch noise, and its correlation from batch to batch."""

from __future__ import annotations

import numpy as np

from lrfind.support.arrays import Array

FEWEST_FOR_CORRELATION = 20
"""With fewer losses an autocorrelation cannot be distinguished from chance."""

MOST_CORRELATION = 0.9
"""A larger value means a smooth curve that the trend does not follow, not noise."""

PLATEAU = 30.0
"""The first third of a sweep is a plateau if it lies this factor below the last learning rate."""

TREND_DEGREE = 2
"""Degree of the trend that is subtracted: the loss may start to fall in the first third."""


def noise_scale(loss: Array) -> float:
    """Standard deviation of the batch-to-batch noise, `1.4826 * median |difference| / sqrt 2`.

    Robust against the trend and outliers: 1.4826 is the ratio of standard deviation and median
    absolute deviation of a normal distribution, and a difference has twice the variance of a loss.

    Args:
        loss: Shape `(n,)`.

    Returns:
        In units of the loss; 0 for fewer than two losses.
    """
    if loss.size < 2:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(loss))) / np.sqrt(2))


def running_median(values: Array, window: int) -> Array:
    """The median of each value and its neighbours, mirrored at the ends.

    Args:
        values: Shape `(n,)`.
        window: Number of values, odd.

    Returns:
        Shape `(n,)`.

    Example:
        >>> running_median(np.array([1.0, 1.0, 9.0, 1.0, 2.0, 2.0]), 3).tolist()
        [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]
    """
    # Mirrored, so that a single high value at the end does not count.
    padded = np.pad(values, window // 2, mode="reflect" if values.size >= window else "edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, window), axis=1))


def has_plateau(lr: Array) -> bool:
    """Whether the loss of a sweep hardly changes in its first third.

    Args:
        lr: Shape `(n,)`, the learning rate of each loss.

    Example:
        >>> has_plateau(np.geomspace(1e-6, 1, 90)), has_plateau(np.linspace(1e-6, 1, 90))
        (True, False)
    """
    return bool(lr[lr.size // 3] * PLATEAU < lr[-1])


def plateau_correlation(loss: Array) -> float:
    """Lag-1 autocorrelation of the noise in the first third, where the loss hardly changes yet.

    Losses of shuffled batches are independent there; those of batches in a meaningful order
    (sorted data, consecutive frames) are not. Later, correlated noise could not be distinguished
    from the shape of the curve.

    Args:
        loss: Shape `(n,)`.

    Returns:
        In [0, 0.9]; 0 if it is below two standard errors, `2 / sqrt(n / 3)`, or so close to 1 that
        it must be the shape of a curve without noise.
    """
    correlation = _lag_one(loss)
    return correlation if correlation < MOST_CORRELATION else 0.0


def plateau_wander(loss: Array, curve: Array) -> float:
    """How far the loss drifts upwards in the first third, where it should hardly change.

    Data in a meaningful order make the loss drift up and down, and a smooth curve follows; a later
    decrease may be just such a drift. If the losses are independent, a rise here is chance, and
    already covered by the uncertainty of the curve.

    Args:
        loss: Shape `(n,)`.
        curve: Shape `(n,)`, the smooth curve through the losses.

    Returns:
        The largest rise of the curve there, in units of the loss; 0 if the losses have no
        significant autocorrelation.

    Example:
        >>> sorted_data = np.repeat([2.0, 2.5, 1.9, 2.3, 2.1, 2.6], 10)
        >>> round(plateau_wander(np.tile(sorted_data, 3), np.tile(sorted_data, 3)), 1)
        1.2
    """
    opening = curve[: loss.size // 3]
    correlation = _lag_one(loss)
    if not correlation:
        return 0.0
    rise = float(np.max(opening - np.minimum.accumulate(opening)))
    # A random walk spreads as the root of time, so over three times as many steps by root 3.
    return rise * 3**0.5 if correlation >= MOST_CORRELATION else rise


def _lag_one(loss: Array) -> float:
    """Lag-1 autocorrelation of the first third around its trend; 0 if not significant."""
    size = loss.size // 3
    if size < FEWEST_FOR_CORRELATION:
        return 0.0
    steps = np.linspace(-1, 1, size)
    scale = np.ptp(loss[:size])
    if not scale > 0:
        return 0.0
    values = loss[:size] / scale
    rest = values - np.polyval(np.polyfit(steps, values, TREND_DEGREE), steps)
    squares = float(rest @ rest)
    if not squares:
        return 0.0
    raw = float(rest[1:] @ rest[:-1]) / squares
    # Subtracting a trend with k coefficients biases the autocorrelation by about -k / n.
    corrected = raw + (TREND_DEGREE + 1) * (1 + raw) / size
    return corrected if corrected > 2 / np.sqrt(size) else 0.0
