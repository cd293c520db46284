"""The few constants that were chosen empirically. Distances are in decades.

All were chosen on the twelve training tasks of `scripts/benchmark_suggestions.py`, whose table
applies them to the same tasks. For the factors of `SCHEDULES` it also prints the leave-one-task-out
result: the regret on each task with the factor chosen on the others, all other constants unchanged.
"""

from __future__ import annotations

from typing import NamedTuple

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
covers the true minimum more often, but on the benchmark's training runs it raises the regret."""

BETWEEN_RUNS = 0.16
"""Standard deviation of the minimum around that of the median curve of 30 other runs, beyond what
a sweep says of itself: the spread between runs, and what is systematic."""


TASKS = 12
"""Number of tasks that the deviations below were measured on."""


class Transfer(NamedTuple):
    """From the minimum of a sweep to the best learning rate of a training run."""

    factor: float
    """What the minimum is divided by."""
    deviation: float
    """Standard deviation of the best learning rate around the result, between tasks, in decades."""


SCHEDULES: dict[str | None, Transfer] = {
    None: Transfer(3.0, 0.55),
    "constant": Transfer(4.0, 0.52),
    "one_cycle": Transfer(1.6, 0.55),
}
"""By the LR schedule of the training run; None is a compromise for an unknown schedule."""

CARRIED_ON = 2.0
"""The loss decrease of a trial's second half is extrapolated over this many further halves."""

DOUBT = 0.05
"""Regret at which a trial has 1/e of the weight of the best trial."""

VERIFIED: dict[str | None, Transfer] = {
    None: Transfer(1.25, 0.45),
    "constant": Transfer(2.0, 0.45),
    "one_cycle": Transfer(0.7, 0.49),
}
"""From the weighted mean of the trials to the best learning rate, like `SCHEDULES`."""
