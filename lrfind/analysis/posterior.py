"""Where the minimum of the noise-free curve may lie, and how likely each place is.

Two pieces of evidence go together. Each curve that may be the noise-free one (a draw from the
centred fit) has its minimum somewhere: that is what the losses say. And the blow-up, which stands
out of any noise, says that the minimum lies somewhat below it: a prior that matters only where the
losses leave the minimum open.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt
from statistics import NormalDist

import numpy as np

from lrfind.analysis.calibration import (
    BELOW_BLOW_UP,
    BELOW_BLOW_UP_SD,
    BETWEEN_RUNS,
    CONFIDENCE,
    DRAWS,
    LEAST_PRIOR,
)
from lrfind.analysis.whittaker import CentredFit
from lrfind.support.arrays import Array

WINDOW = 5
"""Losses in the running median that the blow-up is told by."""


@dataclass(frozen=True)
class MinimumPosterior:
    """The minimum of the noise-free curve, as a distribution over the steps of the sweep.

    Attributes:
        lr: Shape `(n,)`, the rates that made the weights of each loss.
        chance: Shape `(n,)`, how likely the minimum lies there; sums to 1.
        unaided: The same from the losses alone, without what the blow-up says.
        blow_up: Rate at which the loss left its initial level upwards for good; None if it never
            did.
    """

    lr: Array
    chance: Array
    unaided: Array
    blow_up: float | None

    @property
    def mean(self) -> float:
        """The expected minimum: the mean in log10, as a rate."""
        return float(10 ** (self.chance @ np.log10(self.lr)))

    @property
    def deviation(self) -> float:
        """Its standard deviation, in decades; a step of the sweep is known no finer than itself."""
        rates = np.log10(self.lr)
        step = (rates[-1] - rates[0]) / max(rates.size - 1, 1)
        variance = self.chance @ (rates - self.chance @ rates) ** 2
        return sqrt(variance + step**2 / 12)

    def interval(self, between: float = BETWEEN_RUNS) -> tuple[float, float]:
        """Where the minimum lies on average over seeds and data orders, as this sweep tells.

        Normal in log10 around the expected minimum, by the uncertainty of this sweep and the spread
        from run to run. A single repeat scatters around that average by `between` once more. It is
        not the interval of a suggestion, which also holds the way from the minimum to the best
        rate of a training.

        Args:
            between: Standard deviation of the minimum from run to run, in decades; 0 for the
                minimum of this very run without its noise.

        Returns:
            Lower and upper rate of the central 90 %.
        """
        return around(self.mean, hypot(self.deviation, between))


def minimum_posterior(lr: Array, loss: Array, fit: CentredFit, finite: bool) -> MinimumPosterior:
    """The posterior of the minimum of a sweep.

    Args:
        lr: Shape `(n,)`, the rates that made the weights of each loss.
        loss: Shape `(n,)`, finite.
        fit: Their centred fit.
        finite: Whether the sweep ended with its last loss, and not before a non-finite one.

    Returns:
        The distribution.
    """
    lowest = np.argmin(fit.draws(DRAWS), axis=0)
    unaided = np.bincount(lowest, minlength=lr.size) / DRAWS
    step = blow_up_step(loss, fit)
    blown_up = step < lr.size or not finite
    rates = np.log10(lr)
    distance = rates - (rates[min(step, lr.size - 1)] - BELOW_BLOW_UP)
    if not blown_up:
        distance = np.minimum(distance, 0.0)  # it lies beyond the end, who knows how far
    prior = np.exp(-((distance / BELOW_BLOW_UP_SD) ** 2) / 2) + LEAST_PRIOR
    # Where the loss never fell, a draw's minimum is chance: half of the belief goes to every step.
    told = unaided if fit.descended else (unaided + 1 / lr.size) / 2
    chance = told * prior
    blow_up = float(lr[min(step, lr.size - 1)]) if blown_up else None
    return MinimumPosterior(lr, chance / chance.sum(), unaided, blow_up)


def blow_up_step(loss: Array, fit: CentredFit) -> int:
    """The step from which on the loss stays above its initial level by two standard deviations.

    Args:
        loss: Shape `(n,)`, finite.
        fit: Its centred fit.

    Returns:
        A step; `n` if the loss ends below.
    """
    # Mirrored, so that one high loss at the end is no blow-up.
    padded = np.pad(loss, WINDOW // 2, mode="reflect" if loss.size >= WINDOW else "edge")
    running = np.median(np.lib.stride_tricks.sliding_window_view(padded, WINDOW), axis=1)
    below = np.flatnonzero(running <= fit.level + 2 * fit.noise)
    return int(below[-1]) + 1 if below.size else 0


def around(lr: float, deviation: float) -> tuple[float, float]:
    """The central interval of `CONFIDENCE` around a rate, normal in log10.

    Args:
        lr: The rate in the middle.
        deviation: Standard deviation in decades.

    Returns:
        Its lower and upper rate.
    """
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * deviation
    return lr / 10**half, lr * 10**half
