"""How large the noise of mini-batch losses is, and how it goes on from one batch to the next."""

from __future__ import annotations

import numpy as np

from lrfind.support.arrays import Array

FEWEST_FOR_CORRELATION = 20
"""On fewer losses an autocorrelation cannot be told from chance."""

MOST_CORRELATION = 0.9
"""Beyond this it is a smooth curve that the trend does not follow, and no noise."""

TREND_DEGREE = 2
"""Of the polynomial taken off before: the loss may begin to fall in the opening third."""


def noise_scale(loss: Array) -> float:
    """Standard deviation of the batch-to-batch noise, `1.4826 * median |difference| / sqrt 2`.

    Args:
        loss: Shape `(n,)`.

    Returns:
        In units of the loss; 0 for fewer than two losses.
    """
    if loss.size < 2:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(loss))) / np.sqrt(2))


def plateau_correlation(loss: Array) -> float:
    """Lag-1 autocorrelation of the noise in the opening third, where the rate does nothing yet.

    Losses of shuffled batches are independent there; those of batches in a meaningful order
    (sorted data, consecutive frames) are not. Where the curve moves, its own shape and its noise
    could not be told apart.

    Args:
        loss: Shape `(n,)`.

    Returns:
        In [0, 0.9]; 0 where it is less than two standard errors, `2 / sqrt(n / 3)`, or so near to 1
        that it is the shape of a curve without noise.
    """
    correlation = _lag_one(loss)
    return correlation if correlation < MOST_CORRELATION else 0.0


def plateau_wander(loss: Array, curve: Array) -> float:
    """How far the loss rises in the opening third though the rate does nothing there.

    Data in a meaningful order move the loss up and down in stretches that a smooth curve follows;
    what falls later may be one more of them. Where the losses are independent of each other such a
    rise is chance, and the uncertainty of the curve holds it.

    Args:
        loss: Shape `(n,)`.
        curve: Shape `(n,)`, the smooth curve through it.

    Returns:
        The largest rise of the curve there, in units of the loss; 0 where the losses have no
        significant autocorrelation.

    Example:
        >>> sorted_data = np.repeat([2.0, 2.5, 1.9, 2.3, 2.1, 2.6], 10)
        >>> round(plateau_wander(np.tile(sorted_data, 3), np.tile(sorted_data, 3)), 1)
        0.7
    """
    opening = curve[: loss.size // 3]
    if not _lag_one(loss):
        return 0.0
    return float(np.max(opening - np.minimum.accumulate(opening)))


def _lag_one(loss: Array) -> float:
    """Lag-1 autocorrelation of the opening third around its trend; 0 if not significant."""
    size = loss.size // 3
    if size < FEWEST_FOR_CORRELATION:
        return 0.0
    steps = np.linspace(-1, 1, size)
    scale = np.ptp(loss[:size])
    if not scale > 0:
        return 0.0
    values = loss[:size] / scale
    rest = values - np.polyval(np.polyfit(steps, values, TREND_DEGREE), steps)
    raw = float(rest[1:] @ rest[:-1]) / float(rest @ rest)
    # Taking off k coefficients of the trend biases the correlation by about -k / n.
    corrected = raw + (TREND_DEGREE + 1) * (1 + raw) / size
    return corrected if corrected > 2 / np.sqrt(size) else 0.0
