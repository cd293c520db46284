"""The centred curve: a smoother that shifts the minimum as little as the noise allows.

A moving average uses only past values, so its minimum lags. A Whittaker smoother (Whittaker 1923;
Eilers 2003, "A perfect smoother") uses values on both sides: it minimises the squared distance to
the loss plus `stiffness` times the squared second differences. Generalised cross-validation
(Craven & Wahba 1979) chooses the stiffness from the data alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from lrfind.analysis.banded import precision_times, solved
from lrfind.analysis.knots import between_knots, block_means, block_sums, middles
from lrfind.analysis.noise import noise_scale, plateau_correlation, plateau_wander
from lrfind.analysis.smoother import smoother
from lrfind.support.arrays import Array, Steps

CAP_SIGMAS = 4.0
"""Losses are capped this many noise standard deviations above the initial level for the fit."""

FEWEST_OPENING = 10
"""Minimum number of losses that the initial level is computed from, if there are twice as many."""

SURE = 3.3
"""Standard errors that a descent must exceed; in white noise one of 100 sweeps does."""

ROUNDING = 1e-6
"""Smaller changes, as a share of the level, are rounding errors of a float32 loss."""

MOST_BELOW = 1e100
"""Losses are clipped this many noise standard deviations below the level: squares would overflow
further down. Noise above its square leaves no loss that far below."""


@dataclass(frozen=True)
class CentredFit:
    """The centred curve of a sweep, with its initial level and noise."""

    curve: Array
    """Shape `(n,)`: smooth below the cap, the raw loss where it diverges above it."""
    smooth: Array
    """Shape `(n,)`: the same with NaN where the loss diverges; see `centred_line` to draw it."""
    level: float
    """Initial level: the median of the first tenth of the losses, at least 10 of them."""
    noise: float
    """Standard deviation from batch to batch, from the median absolute first difference."""
    correlation: float = 0.0
    """Lag-1 autocorrelation of the noise on the plateau; 0 unless it is significant."""
    wander: float = 0.0
    """Upward drift of the curve on the plateau if its losses are autocorrelated, in loss units."""
    deviation: float = field(default=0.0, repr=False)
    """Standard deviation of the losses, or of the means of blocks, around the smooth curve."""
    factor: Array | None = field(default=None, repr=False)
    """Banded Cholesky factor of the smoother's normal equations, of k values."""
    resolution: float = field(default=0.0, repr=False)
    """Steps over which the smoother rounds off a kink: the fourth root of its stiffness."""
    starts: Steps | None = field(default=None, repr=False)
    """Shape `(k,)`: the first step of each block of losses; None if k is n (see `knots`)."""
    beside: float = field(default=0.0, repr=False)
    """Lag-1 autocorrelation of the noise of the k values."""

    @property
    def at(self) -> Steps:
        """Shape `(k,)`: the steps at which curves are drawn: all, or the middle of each block."""
        size = self.curve.size
        return np.arange(size) if self.starts is None else middles(self.starts, size)

    def draws(self, count: int, seed: int = 0) -> Array:
        """Plausible noise-free curves: random draws around the smooth curve from its uncertainty.

        Args:
            count: Number of draws.
            seed: Seed of a separate generator; the same seed gives the same draws.

        Returns:
            Shape `(k, count)`, at the steps `at`.
        """
        from scipy.linalg.lapack import dtbtrs

        smooth = np.where(np.isnan(self.smooth), np.inf, self.smooth)[self.at, None]
        if self.factor is None:
            return np.repeat(smooth, count, axis=1)
        normal = _normal(seed, smooth.size * count).reshape(-1, count)
        return np.asarray(smooth + self.deviation * dtbtrs(self.factor, normal)[0])

    @property
    def cap(self) -> float:
        """The height at which losses are capped for the fit."""
        return self.level + CAP_SIGMAS * self.noise

    def again(self, loss: Array) -> Array:
        """The smoother with the same stiffness on other losses, without cap and divergence.

        Args:
            loss: Shape `(n,)`.

        Returns:
            Shape `(n,)`; the losses themselves if they are too few to smooth.
        """
        if self.factor is None:
            return loss
        unit = self.noise or 1.0
        values = (loss - self.level) / unit
        means = values if self.starts is None else block_means(values, self.starts)
        fitted = solved(self.factor, precision_times(means, self.beside))
        if self.starts is not None:
            fitted = between_knots(fitted, self.starts, loss.size)
        return np.asarray(self.level + unit * fitted)

    @cached_property
    def highest(self) -> int:
        """Step of the highest point of the curve up to its minimum, where the descent begins."""
        return int(np.argmax(self.curve[: int(np.argmin(self.curve)) + 1]))

    @cached_property
    def depth(self) -> float:
        """Descent of the curve, from its highest point before the minimum, in units of the loss."""
        return float(self.curve[self.highest] - self.curve.min())

    @cached_property
    def significance(self) -> float:
        """The descent in standard errors.

        It is taken from the mean of the part before the minimum that lies above half of the depth,
        which is far better known than its highest point, to the minimum.
        """
        lowest = int(np.argmin(self.curve))
        top = np.flatnonzero(self.curve[:lowest] >= self.curve[lowest] + self.depth / 2)
        return self.rise(np.array([lowest]), top) if top.size else 0.0

    def rise(self, low: Steps, high: Steps) -> float:
        """How far the curve rises from one part to another, in standard errors.

        Args:
            low: Shape `(k,)`, the steps of the one part.
            high: Shape `(m,)`, those of the other; the means are compared.
        """
        difference = float(self.curve[high].mean() - self.curve[low].mean())
        error = self._error_of_difference(low, high)
        if not error:
            return np.inf if difference > 0 else 0.0
        return difference / error

    def _error_of_difference(self, low: Steps, high: Steps) -> float:
        if self.factor is None:
            return self.noise * 2**0.5
        weight = np.zeros(self.curve.size)
        weight[high] += 1 / high.size
        weight[low] -= 1 / low.size
        weight = block_sums(weight, self.starts)
        variance = float(weight @ solved(self.factor, weight))
        return float(self.deviation * np.sqrt(max(variance, 0.0)))

    @cached_property
    def descended(self) -> bool:
        """Whether the curve falls by more than `SURE` standard errors and more than rounding."""
        return self.depth > ROUNDING * abs(self.level) and self.significance > SURE


def _normal(seed: int, count: int) -> Array:
    """The first standard normal values of a seed, shape `(count,)`."""
    return _at_least(seed, (count - 1).bit_length())[:count]


@lru_cache(maxsize=4)
def _at_least(seed: int, bits: int) -> Array:
    """The first `2**bits` of them, which sweeps of nearly one length share."""
    values: Array = np.random.default_rng(seed).standard_normal(2**bits)
    values.flags.writeable = False
    return values


def fit_centred(loss: Array, *, plateau: bool = True) -> CentredFit:
    """Fit the centred curve.

    Where the loss diverges at the end of a sweep it is orders of magnitude larger than the descent
    and would dominate the fit. So losses are capped at `level + 4 * noise` for the fit, and the
    curve is the raw loss where this exceeds the cap after the minimum.

    Args:
        loss: Shape `(n,)`, finite, n >= 1.
        plateau: Whether the first third is a plateau, where the correlation of the noise can be
            estimated.

    Returns:
        The curve, the initial level and the noise.

    Example:
        >>> fit_centred(np.array([3.0, 2.0, 1.0, 2.0, 3.0])).curve.argmin()
        np.int64(2)
    """
    opening = max(loss.size // 10, min(FEWEST_OPENING, (loss.size + 1) // 2))
    level = float(np.median(loss[:opening]))
    correlation = plateau_correlation(loss) if plateau else 0.0
    # Differences of correlated noise are smaller than the noise itself.
    noise = noise_scale(loss) / np.sqrt(1 - correlation)
    cap = level + CAP_SIGMAS * noise
    unit = noise or 1.0
    floor = level - MOST_BELOW * unit if unit < MOST_BELOW**2 else -np.inf
    fit = smoother((np.clip(loss, floor, cap) - level) / unit, correlation)
    curve = level + unit * fit.curve
    blown_up = (loss > cap) & (np.arange(loss.size) > curve.argmin())
    return CentredFit(
        curve=np.where(blown_up, loss, curve),
        smooth=np.where(blown_up, np.nan, curve),
        level=level,
        noise=noise,
        correlation=correlation,
        wander=plateau_wander(loss, curve) if plateau else 0.0,
        deviation=unit * fit.deviation,
        factor=fit.factor,
        resolution=fit.stiffness**0.25,
        starts=fit.starts,
        beside=fit.correlation,
    )


def uncapped(values: Array) -> Array:
    """The smoother without the cap, for a loss that may fall from the first step on.

    Args:
        values: Shape `(n,)`, finite, n >= 1.

    Returns:
        Shape `(n,)`.

    Example:
        >>> uncapped(np.array([8.0, 6.0, 4.0, 2.0])).round(6).tolist()
        [8.0, 6.0, 4.0, 2.0]
    """
    offset, unit = float(np.median(values)), noise_scale(values) or 1.0
    return np.asarray(offset + unit * smoother((values - offset) / unit).curve)
