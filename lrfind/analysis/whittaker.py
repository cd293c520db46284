"""The centred curve: a smoother that moves the minimum as little as the noise allows.

A moving average looks back, so its minimum comes late. A Whittaker smoother (Whittaker 1923;
Eilers 2003, "A perfect smoother") looks both ways: it minimises the squared distance to the loss
plus `stiffness` times the squared second differences. Generalised cross-validation (Craven &
Wahba 1979) picks the stiffness from the data alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrfind._types import Array, ArrayLike

CAP_SIGMAS = 4.0
"""The blow-up is capped this many noise standard deviations above the initial level."""

FEWEST_OPENING = 10
"""Losses that the initial level is taken from, if the sweep has twice as many."""

ROUNDING = 1e-6
"""Changes below this share of the level are rounding of a float32 loss, not movement."""

MAX_STIFFNESS = 1e10
"""Beyond this the normal equations lose the constant part of the curve to rounding."""


@dataclass(frozen=True)
class CentredFit:
    """The centred curve of a sweep and what it says of the sweep's scale."""

    curve: Array
    """Shape `(n,)`: smooth below the cap, the raw loss in the blow-up above it."""
    smooth: Array
    """Shape `(n,)`: the same with NaN for the blow-up, the part to draw."""
    level: float
    """Initial level: the median of the first tenth of the losses, at least 10 of them."""
    noise: float
    """Standard deviation from batch to batch, from the median absolute first difference."""
    opening: int
    """How many losses the level was taken from."""

    @property
    def depth(self) -> float:
        """How far the curve falls below the initial level, in units of the loss."""
        return float(self.level - self.curve.min())

    @property
    def descended(self) -> bool:
        """Whether it falls by more than the noise, and by more than rounding.

        One standard deviation, and two standard errors of the median that the level is.
        """
        chance = self.noise * (1 + 2 * 1.25 / np.sqrt(self.opening))
        return bool(self.depth > max(chance, ROUNDING * abs(self.level)))


def centred(loss: ArrayLike) -> Array:
    """The centred curve of a loss: a capped Whittaker smoother tuned by cross-validation.

    Args:
        loss: Shape `(n,)`, finite, n >= 1.

    Returns:
        Shape `(n,)`.

    Example:
        >>> centred([3.0, 2.0, 1.0, 2.0, 3.0]).argmin()
        np.int64(2)
    """
    return fit_centred(np.asarray(loss, dtype=np.float64)).curve


def fit_centred(loss: Array) -> CentredFit:
    """Fit the centred curve.

    The blow-up at the end of a sweep is orders of magnitude larger than the descent and would
    decide the fit; so losses are capped at `level + 4 * noise` for the fit, and given back raw
    where they exceed the cap after the minimum.

    Args:
        loss: Shape `(n,)`, finite, n >= 1.

    Returns:
        The curve, the initial level and the noise.
    """
    opening = max(loss.size // 10, min(FEWEST_OPENING, (loss.size + 1) // 2))
    level, noise = float(np.median(loss[:opening])), noise_scale(loss)
    cap = level + CAP_SIGMAS * noise
    curve = _whittaker(np.minimum(loss, cap), offset=level, unit=noise)
    blown_up = (loss > cap) & (np.arange(loss.size) > curve.argmin())
    return CentredFit(
        np.where(blown_up, loss, curve), np.where(blown_up, np.nan, curve), level, noise, opening
    )


def uncapped(values: Array) -> Array:
    """The smoother without the cap, for a run that may fall from its first step on.

    Args:
        values: Shape `(n,)`, finite, n >= 1.

    Returns:
        Shape `(n,)`.

    Example:
        >>> uncapped(np.array([8.0, 6.0, 4.0, 2.0])).round(6).tolist()
        [8.0, 6.0, 4.0, 2.0]
    """
    return _whittaker(values, offset=float(np.median(values)), unit=noise_scale(values))


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


def _whittaker(values: Array, *, offset: float = 0.0, unit: float = 1.0) -> Array:
    """The smoother at the stiffness with the least `n * RSS / (n - trace)**2`.

    Worked out on `(values - offset) / unit`, whose squares neither overflow nor vanish.
    """
    size = values.size
    if size < 4:
        return np.array(values)
    values = (values - offset) / (unit or 1.0)
    top = min(MAX_STIFFNESS, float(size) ** 4)
    fits = [_solve(values, stiffness) for stiffness in np.geomspace(1e-3, top, 64)]
    scores = [np.sum((values - curve) ** 2) / (size - trace) ** 2 for curve, trace in fits]
    best: Array = fits[int(np.argmin(scores))][0]
    return offset + (unit or 1.0) * best


def _solve(values: Array, stiffness: float) -> tuple[Array, float]:
    """Solve `(I + stiffness * D'D) curve = values`; the curve and the trace of the smoother.

    With `A = I + stiffness * K`, trace(A^-1) = n - d log det A / d log stiffness; the determinant
    falls out of the banded Cholesky factor, so the trace costs two more factorisations in O(n)
    and no inverse.
    """
    from scipy.linalg import cho_solve_banded

    step = 1e-3
    factor = _factor(values.size, stiffness)
    curve: Array = cho_solve_banded((factor, False), values, check_finite=False)
    up, down = (_log_det(_factor(values.size, stiffness * np.exp(s))) for s in (step, -step))
    return curve, values.size - (up - down) / (2 * step)


def _factor(size: int, stiffness: float) -> Array:
    """Banded Cholesky factor (upper form) of `I + stiffness * D'D`, D the second difference."""
    from scipy.linalg import cholesky_banded

    ones = np.ones(size - 2)
    bands = np.zeros((3, size))
    bands[2] = 1 + stiffness * np.convolve(ones, [1, 4, 1])
    bands[1, 1:] = stiffness * np.convolve(ones, [-2, -2])
    bands[0, 2:] = stiffness
    return np.asarray(cholesky_banded(bands, overwrite_ab=True, check_finite=False))


def _log_det(factor: Array) -> float:
    return float(2 * np.log(factor[2]).sum())
