"""What smoothing does to a noise-free curve, estimated from a noisy sweep with a standard error.

The noise-free curve is not known. Its plausible forms are: draws from the posterior of the centred
fit. What smoothing does to each of them gives a mean and a standard deviation. Measuring it on the
fit alone would take the fit's own errors for the truth: in a wide well its minimum lies anywhere,
and its distance to the smoothed minimum with it. A bootstrap (simulate from the fit, refit, take
off the bias) keeps most of that bias and doubles the scatter (`scripts/check_shift.py`).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from lrfind.analysis.knots import between_knots
from lrfind.analysis.whittaker import CentredFit
from lrfind.support.arrays import Array

PLAUSIBLE = 64
"""Number of plausible curves."""

SEED = 1
"""Their seed: others than those of the posterior of the minimum."""


class Estimate(NamedTuple):
    """An estimated distance in decades, with its standard error."""

    decades: float
    error: float


def plausible_curves(fit: CentredFit) -> Array:
    """Plausible noise-free curves.

    Args:
        fit: The centred fit.

    Returns:
        Shape `(PLAUSIBLE, n)`; where the loss diverges, the raw loss in all.
    """
    draws, size = fit.draws(PLAUSIBLE, SEED).T, fit.curve.size
    if fit.starts is not None:
        draws = np.array([between_knots(each, fit.starts, size) for each in draws])
    return np.where(np.isfinite(draws), draws, fit.curve)


def estimate(distances: Array, resolution: float) -> Estimate | None:
    """The mean of a distance over plausible curves.

    Args:
        distances: Shape `(k,)`, in decades; NaN for a curve that has none.
        resolution: Decades over which the fit rounds off a kink, which no draw can undo.

    Returns:
        Mean and standard error; None if more than half are NaN.
    """
    told = distances[~np.isnan(distances)]
    if 2 * told.size < distances.size:
        return None
    return Estimate(float(told.mean()), math.hypot(float(told.std()), resolution))
