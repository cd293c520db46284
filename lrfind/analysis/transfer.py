"""From the expected minimum of a sweep to the learning rate of a training run.

How far below the minimum the best rate lies depends on the task, the LR schedule and the length of
the training. The rate to suggest is the one that loses least in expectation over tasks, with the
true cost of each: too high a rate costs everything, too low a rate little. The numbers are in
`calibration.py`, at a few lengths; in between they are interpolated linearly in the logarithm of
the length, so that the rate falls as a power of it, and beyond them they stay as they are.

Most of that fall is overfitting: the trainings that were measured repeat small data for up to
hundreds of epochs. Where a training makes a few epochs only, the numbers are those for the training
loss, for which the rate hardly depends on the length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lrfind.analysis.calibration import (
    COST_AT,
    FEW_EPOCHS,
    HORIZONS,
    TRANSFERS,
    WITHOUT_OVERFITTING,
)

SCHEDULES = ("constant", "one_cycle")
"""The LR schedules that a training run may have."""


class Transfer(NamedTuple):
    """The way from the expected minimum down, in decades."""

    below: float
    """To the rate that loses least in expectation."""
    best: float
    """To the best rate, in the mean over tasks."""
    deviation: float
    """Standard deviation of the way to the best rate, between tasks."""
    costs: tuple[float, ...]
    """Mean regret over tasks at the distances `COST_AT` below the minimum."""

    @property
    def factor(self) -> float:
        """What the minimum is divided by, to two digits."""
        return float(f"{10**self.below:.2g}")

    def regret(self, factor: float) -> float:
        """The mean regret over tasks at the minimum divided by this factor.

        Regret is the share of the achievable decrease of the validation loss that is lost.
        """
        return float(np.interp(math.log10(factor), COST_AT, self.costs))


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
    table = {"validation": TRANSFERS, "training": WITHOUT_OVERFITTING}[judged_by(epochs)]
    if total_steps is None:
        return Transfer(*table[schedule, None])
    rows = [Transfer(*table[schedule, steps]) for steps in HORIZONS]
    below, best, deviation = (
        _between(each, total_steps)
        for each in ([row.below for row in rows], [row.best for row in rows],
                     [row.deviation for row in rows])
    )  # fmt: skip
    costs = zip(*(row.costs for row in rows), strict=True)
    return Transfer(below, best, deviation, tuple(_between(each, total_steps) for each in costs))


def judged_by(epochs: float | None) -> str:
    """The loss that regret is counted in: "training" for a few epochs, else "validation"."""
    return "training" if epochs is not None and epochs <= FEW_EPOCHS else "validation"


def _between(values: Sequence[float], total_steps: float) -> float:
    return float(np.interp(math.log(total_steps), np.log(HORIZONS), values))
