"""The centred curve as every figure draws it."""

from __future__ import annotations

import numpy as np

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.noise import running_median
from lrfind.analysis.whittaker import CentredFit
from lrfind.support.arrays import Array

BESIDE = 5
"""Losses in the running median that a single bad batch is told by: it bears two in a row."""

AROUND = 21
"""Losses around a batch that say how much the losses scatter there; past the minimum, more."""

BAD = 3.5
"""Standard deviations of that scatter above the running median that make a batch a bad one."""


def centred_line(curves: SweepCurves) -> Array:
    """The centred curve to draw: without single bad batches, and up to where the loss diverges.

    A smoother that is soft enough for a wall right of the minimum follows a single bad batch too.
    To the analysis that makes no difference: nobody takes such a spike for a minimum. A person who
    looks at it sees a rise that is none. So a batch whose loss lies `BAD` standard deviations above
    the running median counts as that median, at the same stiffness. Without such a batch the line
    is the fitted curve itself. With one beside the minimum it runs a little beside the fit there,
    so a mark for the minimum belongs at its step, on the line.

    Args:
        curves: The sweep.

    Returns:
        Shape `(m,)`: NaN from where the running median of the losses exceeds the cap of the fit,
        after the minimum. The curve would only show the cap there.

    Example:
        >>> steps = np.arange(300)
        >>> smooth = 2.3 - 2 / (1 + np.exp((180 - steps) / 12)) + np.exp((steps - 270) / 5)
        >>> loss = smooth + np.random.default_rng(0).normal(0, 0.02, 300)
        >>> loss[220] = 0.9  # one bad batch
        >>> curves = SweepCurves(np.geomspace(1e-6, 10, 300), loss)
        >>> curves.fit.curve[220].round(1), centred_line(curves)[220].round(1)
        (np.float64(0.5), np.float64(0.4))
    """
    fit = curves.fit
    capped = np.minimum(curves.loss, fit.cap)
    beside = running_median(capped, BESIDE)
    line = fit.again(np.where(_bad(capped - beside, fit), beside, capped))
    after = np.arange(line.size) > np.argmin(fit.curve)
    diverged = np.flatnonzero(after & (beside >= fit.cap))
    line[diverged[0] if diverged.size else line.size :] = np.nan
    return line


def _bad(distance: Array, fit: CentredFit) -> Array:
    """Which losses are bad batches, from the distance of each to the median beside it.

    None in a sweep so short that its fall takes a few steps: each of them would be one.
    """
    if distance.size <= AROUND:
        return np.zeros(distance.size, dtype=bool)
    scatter = 1.4826 * running_median(np.abs(distance), AROUND)
    return np.asarray(distance > BAD * np.maximum(scatter, fit.noise))
