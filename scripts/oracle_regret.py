"""What a learning rate costs on a task of the oracle, and choices made without the family judged.

Regret is the share of the achievable improvement in validation loss that is lost at a rate,
`(V(lr) - V*) / (V_0 - V*)`: V is the median final loss over seeds, interpolated in log10 of the
rate, V* its minimum and V_0 the loss before training. 0 is as good as any rate, 1 as bad as no
training; a training that ends above V_0 counts as V_0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from oracle_families import FAMILY_OF, ORACLE_TASKS
from oracle_table import MEASURED, SCHEDULES, Table
from torch import nn, zeros


@dataclass(frozen=True)
class Case:
    """A training that a rate is wanted for.

    Attributes:
        task: Name of the task.
        schedule: "constant" or "one_cycle".
        steps: Its length.
    """

    task: str
    schedule: str
    steps: int

    @property
    def family(self) -> str:
        """The family of the task."""
        return FAMILY_OF[self.task]


def cases(table: Table, schedules: Sequence[str] = SCHEDULES) -> Iterator[Case]:
    """Every task, schedule and horizon of the table at which some rate learns."""
    for (task, entry), schedule in product(table.items(), schedules):
        for steps in entry.horizons if schedule in entry.losses else ():
            if entry.learns(schedule, steps):
                yield Case(task, schedule, steps)


def regret(table: Table, case: Case, lr: float, measured: str = "validation") -> float:
    """The regret of training at a rate; without one, at the optimizer's documented default.

    Args:
        table: The oracle.
        case: The training.
        lr: The rate; not finite or not above 0 for none.
        measured: The loss that counts, "validation" or "training".
    """
    rate = lr if math.isfinite(lr) and lr > 0 else documented_default(case.task)
    return float(regrets(table, case, np.array([math.log10(rate)]), measured)[0])


def regrets(
    table: Table, case: Case, log_rates: np.ndarray, measured: str = "validation"
) -> np.ndarray:
    """The regret at the log10 of each of some rates, shape (rates,)."""
    entry = table[case.task]
    values = entry.values(case.schedule, case.steps, measured)
    initial = float(np.median(entry.initial[:, MEASURED.index(measured)]))
    best = float(values.min())
    at = np.interp(log_rates, np.log10(entry.rates), values)
    return (at - best) / (initial - best)


def best_rate(table: Table, case: Case, measured: str = "validation") -> float:
    """The rate of the grid with the lowest loss."""
    return table[case.task].best(case.schedule, case.steps, measured)[0]


def documented_default(task: str) -> float:
    """The rate that the task's optimizer takes if none is given."""
    return float(ORACLE_TASKS[task].optimizer([nn.Parameter(zeros(1, 1))]).defaults["lr"])


def left_out_factors(
    families: Sequence[str], regrets: np.ndarray, factors: np.ndarray
) -> np.ndarray:
    """For each case, the factor with the lowest mean regret on all other families.

    Args:
        families: Family of each case.
        regrets: Shape (cases, factors), of what is divided by each factor.
        factors: Shape (factors,).

    Returns:
        Shape (cases,). Every task of the other families has the same weight.
    """
    names = np.asarray(families)
    chosen = {
        name: factors[np.nanmean(regrets[names != name], axis=0).argmin()] for name in set(names)
    }
    return np.array([chosen[name] for name in names])
