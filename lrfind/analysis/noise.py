"""How large the noise of mini-batch losses is, and how it goes on from one batch to the next."""

from __future__ import annotations

import numpy as np

from lrfind._types import Array

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
    return corrected if 2 / np.sqrt(size) < corrected < MOST_CORRELATION else 0.0
