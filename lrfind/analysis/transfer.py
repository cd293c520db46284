"""From the expected minimum of a sweep to the learning rate of a training run.

How far below the minimum the best rate lies depends on the task, the LR schedule and the length of
the training. The rate to suggest is the one that loses least in expectation over tasks, with the
true cost of each: too high a rate costs everything, too low a rate little. The numbers are in
`calibration.py`, at a few lengths; in between they are interpolated linearly in the logarithm of
the length, so that the rate falls as a power of it, and beyond them they stay as they are.

Most of that fall is overfitting: the trainings that were measured repeat small data for up to
hundreds of epochs. Where a training makes a few epochs only, the numbers are those for the training
loss, for which the rate hardly depends on the length. From 5 to 10 epochs one goes over into the
other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from lrfind.analysis.calibration import (
    COST_AT,
    FEW_EPOCHS,
    HORIZONS,
    TRANSFERS,
    WITHOUT_OVERFITTING,
    Row,
)
from lrfind.support.arrays import Array, ArrayLike

MANY_EPOCHS = 10.0
"""From as many epochs on the numbers are those with overfitting; from `FEW_EPOCHS` up to there, in
between."""


class Transfer(NamedTuple):
    """The way from the expected minimum down, in decades."""

    below: float
    """To the rate that loses least in expectation."""
    best: float
    """To the best rate, in the mean over tasks."""
    deviation: float
    """Standard deviation of the way to the best rate, between tasks."""
    cost: float
    """Mean regret at `below`, chosen on the other families than that of the task."""
    costs: tuple[float, ...]
    """Mean regret over tasks at the distances `COST_AT` below the minimum.

    Regret is the share of the achievable decrease of the loss that is lost; see `judged_by`.
    """

    @property
    def factor(self) -> float:
        """What the minimum is divided by, to two digits."""
        return float(f"{10**self.below:.2g}")

    def regret(self, factors: ArrayLike) -> Array:
        """The mean regret over tasks at the minimum divided by these factors.

        Beyond `COST_AT` it is that at the end.
        """
        return np.interp(np.log10(factors), COST_AT, self.costs)

    def told_regret(self, factor: float) -> float | None:
        """The regret to tell of a rate: left out where it was chosen; None beyond `COST_AT`."""
        if factor == self.factor:
            return self.cost
        below = math.log10(factor)
        return float(self.regret(factor)) if COST_AT[0] <= below <= COST_AT[-1] else None


def transfer(
    schedule: str | None = None, total_steps: float | None = None, epochs: float | None = None
) -> Transfer:
    """The way from the minimum for a schedule and a length of the training run.

    Args:
        schedule: A name in `SCHEDULES`; None if it is not known.
        total_steps: Optimizer steps of the training run; None if it is not known. Beyond the
            lengths that were measured, the nearest counts.
        epochs: How many epochs these are; None if it is not known.

    Returns:
        The way.
    """
    overfitted = _of_length(TRANSFERS, schedule, total_steps)
    if epochs is None or epochs >= MANY_EPOCHS:
        return _way(overfitted)
    few = _of_length(WITHOUT_OVERFITTING, schedule, total_steps)
    part = math.log(max(epochs / FEW_EPOCHS, 1.0)) / math.log(MANY_EPOCHS / FEW_EPOCHS)
    return _way(few + part * (overfitted - few))


def judged_by(epochs: float | None) -> str:
    """The loss that regret is counted in: "training" for a few epochs, "validation" for many."""
    if epochs is None or epochs >= MANY_EPOCHS:
        return "validation"
    return "training" if epochs <= FEW_EPOCHS else "training and validation"


def _of_length(
    table: Mapping[tuple[str | None, int | None], Row],
    schedule: str | None,
    total_steps: float | None,
) -> Array:
    """A row of a table as one array; between two lengths, linear in the logarithm."""
    if total_steps is None:
        return _flat(table[schedule, None])
    rows = np.array([_flat(table[schedule, steps]) for steps in HORIZONS]).T
    at, lengths = math.log(total_steps), np.log(HORIZONS)
    return np.array([np.interp(at, lengths, field) for field in rows])


def _flat(row: Row) -> Array:
    *ways, costs = row
    return np.array([*ways, *costs])


def _way(flat: Array) -> Transfer:
    below, best, deviation, cost, *costs = flat.tolist()
    return Transfer(below, best, deviation, cost, tuple(costs))
