"""The Whittaker smoother at the stiffness that generalised cross-validation chooses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from lrfind.analysis.banded import normal_factor, precision_times, residual_freedom, solved
from lrfind.analysis.knots import between_knots, block_means, block_starts, knot_noise, lengths
from lrfind.support.arrays import Array, Steps

LEAST_STIFFNESS = 1e-3
"""Below this the smoother changes nothing."""

MAX_STIFFNESS = 1e10
"""Beyond this, rounding in the normal equations corrupts the constant part of the curve."""


@dataclass(frozen=True)
class Smoothed:
    """The result of the smoother at one stiffness.

    Attributes:
        curve: Shape `(n,)`.
        deviation: Standard deviation of the values around it; of block means if there are blocks.
        factor: Banded Cholesky factor of the normal equations of the values, or of block means.
        score: That of cross-validation.
        stiffness: In units of steps.
        starts: The first step of each block; None without blocks.
        correlation: Lag-1 autocorrelation of the values, or of block means.
    """

    curve: Array
    deviation: float
    factor: Array | None
    score: float
    stiffness: float = 0.0
    starts: Steps | None = None
    correlation: float = 0.0


def smoother(values: Array, correlation: float = 0.0) -> Smoothed:
    """The smoother at the stiffness with the smallest score, `n * RSS / (n - trace)**2`.

    Args:
        values: Shape `(n,)`, of order 1, so that squares neither overflow nor underflow.
        correlation: Lag-1 autocorrelation of their noise.
    """
    size = values.size
    if size < 4:
        return Smoothed(np.array(values), 0.0, None, 0.0)
    starts = block_starts(size)
    if starts is not None:
        return _on_knots(values, correlation, starts)
    return _best(_solve(values, each, correlation) for each in _tried(size))


def _tried(size: int) -> Array:
    """The values of stiffness to choose from, for so many values or blocks."""
    return np.geomspace(LEAST_STIFFNESS, min(MAX_STIFFNESS, float(size) ** 4), 64)


def _best(fits: Iterable[Smoothed]) -> Smoothed:
    return min(fits, key=lambda fit: fit.score)


def _on_knots(values: Array, correlation: float, starts: Steps) -> Smoothed:
    """The same at every step, from the means of blocks."""
    means, size = block_means(values, starts), values.size
    inside = values - np.repeat(means, lengths(starts, size))
    rest = float(inside @ precision_times(inside, correlation))
    length = size / starts.size
    weight, correlation = knot_noise(length, correlation)
    # The second difference of a block is `length**2` that of a step, and there are fewer of them.
    scale = length**3 * weight
    fits = []
    for stiffness in _tried(starts.size):
        fit = _solve(means, stiffness, correlation)
        left = residual_freedom(starts.size, stiffness, correlation)
        squares, freedom = rest + weight * fit.score * left**2, size - starts.size + left
        deviation, score = np.sqrt(squares / freedom / weight), squares / freedom**2
        curve = fit.curve
        whole = stiffness * scale
        fits.append(Smoothed(curve, deviation, fit.factor, score, whole, starts, correlation))
    best = _best(fits)
    return replace(best, curve=between_knots(best.curve, starts, size))


def _solve(values: Array, stiffness: float, correlation: float = 0.0) -> Smoothed:
    """Solve `(P + stiffness * D'D) curve = P values`, P the noise's inverse correlation matrix."""
    factor = normal_factor(values.size, stiffness, correlation)
    curve = solved(factor, precision_times(values, correlation))
    freedom = residual_freedom(values.size, stiffness, correlation)
    residual = values - curve
    squares = max(float(residual @ precision_times(residual, correlation)), 0.0)
    score = squares / freedom**2
    return Smoothed(curve, np.sqrt(squares / freedom), factor, score, stiffness, None, correlation)
