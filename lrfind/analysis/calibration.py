"""The few numbers that were chosen by measurement. Distances are in decades.

All were chosen on the twelve training tasks of `scripts/benchmark_suggestions.py`, and its table
applies them to the same tasks. For the factors of `SCHEDULES` it also prints what leave-one-task-
out gives: the regret of each task with the factor chosen on the others, all other numbers as they
are.
"""

from __future__ import annotations

from typing import NamedTuple

CONFIDENCE = 0.9
"""Of every interval."""

DRAWS = 400
"""Curves that the posterior of the minimum is made of."""

BELOW_BLOW_UP, BELOW_BLOW_UP_SD = 0.7, 0.3
"""How far below the blow-up the minimum lies where the sweep itself cannot tell, and its spread.

On one mode of curvature c, gradient descent shrinks until lr * c = 2 and is back at its start where
the real part of the dilogarithm Li2(lr * c) is 0 again, at 12.6: 0.80 decades above, however slow
the sweep. Where other modes have their say it is less.
"""

LEAST_PRIOR = 1e-4
"""Weight of the prior far from there: a sweep prevails over it where hardly a draw has its minimum
near the middle of the prior. On curves made up without a training (a wide flat well, a slow rise)
0.05 and more holds the true minimum more often; on the benchmark's trainings it costs regret (0.06
instead of 0.04)."""

BETWEEN_RUNS = 0.1
"""Standard deviation of the minimum from run to run that a single sweep cannot see."""


class Transfer(NamedTuple):
    """From the minimum of a sweep to the best rate of a training."""

    factor: float
    """The minimum is divided by it."""
    deviation: float
    """Standard deviation of the best rate around that, from task to task, in decades."""


SCHEDULES: dict[str | None, Transfer] = {
    None: Transfer(3.0, 0.55),
    "constant": Transfer(4.0, 0.52),
    "one_cycle": Transfer(1.6, 0.55),
}
"""By the schedule of the training: None is a compromise for one not yet known."""

CARRIED_ON = 2.0
"""For how many halves of its length the fall of a trial's second half is carried on."""

DOUBT = 0.05
"""Trials that lose this share of the best one's gain weigh 1/e of it."""

VERIFIED: dict[str | None, Transfer] = {
    None: Transfer(1.25, 0.45),
    "constant": Transfer(2.0, 0.45),
    "one_cycle": Transfer(0.7, 0.49),
}
"""From the mean of the trials to the best rate of a training, like `SCHEDULES`."""
