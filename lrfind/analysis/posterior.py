"""The posterior distribution of the minimum of the noise-free curve.

It combines two pieces of evidence. The losses give the minima of many plausible noise-free curves,
drawn from the centred fit. The blow-up, the point where the loss diverges and which is clear of any
noise, gives a prior: the minimum lies somewhat below it. The prior matters only if the losses leave
the minimum uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, sqrt

import numpy as np

from lrfind.analysis.calibration import TASKS
from lrfind.analysis.noise import running_median
from lrfind.analysis.whittaker import CentredFit
from lrfind.support.arrays import Array
from lrfind.support.rates import LARGEST, SMALLEST

CONFIDENCE = 0.9
"""Confidence level of every interval."""

DRAWS = 400
"""Number of curves drawn for the posterior of the minimum."""

BELOW_BLOW_UP, BELOW_BLOW_UP_SD = 0.7, 0.3
"""The prior for how far the minimum lies below the point where the loss diverges: mean and standard
deviation.

Along one mode of curvature c, gradient descent converges until lr * c = 2, and is back at its start
where the real part of the dilogarithm Li2(lr * c) returns to 0, at lr * c = 12.6: 0.80 decades
higher, however slow the sweep. With several modes the distance is smaller.
"""

LEAST_PRIOR = 1e-4
"""Floor of the prior, so that the losses outweigh it if hardly any draw has its minimum near the
mean of the prior. On synthetic curves (a wide flat minimum, a slow rise) a floor of 0.05 or more
covers the true minimum more often. `scripts/check_leads.py` compares other priors on families of
tasks that they were not chosen on."""

BETWEEN_RUNS = 0.16
"""Standard deviation of the minimum around that of the median curve of 30 other runs, beyond what
a sweep says of itself: the spread between runs, and what is systematic."""

FARTHEST = 300.0
"""Decades beyond which an end of an interval is that of the floats."""

WINDOW = 5
"""Losses in the running median that detects the blow-up."""


@dataclass(frozen=True)
class MinimumPosterior:
    """The minimum of the noise-free curve, as a distribution over the steps of the sweep.

    Attributes:
        lr: Shape `(n,)`, the learning rate of the last update before each loss.
        chance: Shape `(n,)`, the probability that the minimum is at that step; sums to 1.
        unaided: The same from the losses alone, without the prior.
        blow_up: Learning rate at which the loss rose above its initial level for good; None if it
            never did.
    """

    lr: Array
    chance: Array
    unaided: Array
    blow_up: float | None

    @property
    def mean(self) -> float:
        """The expected minimum: the mean in log10, as a learning rate."""
        return float(10 ** (self.chance @ np.log10(self.lr)))

    @property
    def unaided_mean(self) -> float:
        """The same from the losses alone."""
        return float(10 ** (self.unaided @ np.log10(self.lr)))

    @property
    def deviation(self) -> float:
        """Standard deviation in decades, including that of a uniform distribution over one step."""
        rates = np.log10(self.lr)
        step = (rates[-1] - rates[0]) / max(rates.size - 1, 1)
        variance = self.chance @ (rates - self.chance @ rates) ** 2
        return sqrt(variance + step**2 / 12)

    def interval(self, between: float = BETWEEN_RUNS) -> tuple[float, float]:
        """A 90 % interval for the mean minimum over seeds and data orders.

        Normal in log10 around the expected minimum, with the uncertainty of this sweep and the
        spread between runs. The minimum of a single repeat scatters around that mean by `between`
        in addition. This is not the interval of a suggestion, which also covers the distance from
        the minimum to the best learning rate of a training run.

        Args:
            between: Standard deviation of the minimum from run to run, in decades; 0 for the
                noise-free minimum of this run alone.

        Returns:
            Lower and upper learning rate.
        """
        return around(self.mean, hypot(self.deviation, between))


def minimum_posterior(lr: Array, loss: Array, fit: CentredFit, finite: bool) -> MinimumPosterior:
    """The posterior of the minimum of a sweep.

    Args:
        lr: Shape `(n,)`, the learning rate of the last update before each loss.
        loss: Shape `(n,)`, finite.
        fit: Their centred fit.
        finite: Whether the sweep ended with these losses, and not with a non-finite one after them.

    Returns:
        The posterior.
    """
    lowest = fit.at[np.argmin(fit.draws(DRAWS), axis=0)]
    unaided = np.bincount(lowest, minlength=lr.size) / DRAWS
    step = blow_up_step(loss, fit)
    blown_up = step < lr.size or not finite
    rates = np.log10(lr)
    distance = rates - (rates[min(step, lr.size - 1)] - BELOW_BLOW_UP)
    if not blown_up:
        # Any divergence lies beyond the end, so learning rates near the end are not penalised.
        distance = np.minimum(distance, 0.0)
    prior = np.exp(-((distance / BELOW_BLOW_UP_SD) ** 2) / 2) + LEAST_PRIOR
    # If the loss never fell, the minima of the draws are chance: mix them equally with a uniform
    # distribution.
    told = unaided if fit.descended else (unaided + 1 / lr.size) / 2
    chance = told * prior
    blow_up = float(lr[min(step, lr.size - 1)]) if blown_up else None
    return MinimumPosterior(lr, chance / chance.sum(), unaided, blow_up)


def blow_up_step(loss: Array, fit: CentredFit) -> int:
    """The step after which the loss stays more than two noise SDs above its initial level.

    Args:
        loss: Shape `(n,)`, finite.
        fit: Its centred fit.

    Returns:
        A step; `n` if the loss does not end above.
    """
    below = np.flatnonzero(running_median(loss, WINDOW) <= fit.level + 2 * fit.noise)
    return int(below[-1]) + 1 if below.size else 0


def around(lr: float, deviation: float) -> tuple[float, float]:
    """The central interval at level `CONFIDENCE` around a learning rate, symmetric in log10.

    Args:
        lr: The learning rate in the middle.
        deviation: Standard deviation in decades. Part of it was measured on `TASKS` tasks, so the
            quantile is that of Student's t with one degree of freedom less.

    Returns:
        The lower and upper learning rate.
    """
    from scipy.special import stdtrit

    half = float(stdtrit(TASKS - 1, (1 + CONFIDENCE) / 2)) * deviation
    wide = 10.0 ** min(half, FARTHEST)
    return max(lr / wide, SMALLEST), min(lr * wide, LARGEST)
