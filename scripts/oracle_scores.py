"""What the answers of finders cost on the tasks of the oracle.

A score has the mean regret for each schedule and horizon, in which every task has the same weight,
and so has every seed of a task. `oracle_regret.py` says what regret is. A finder that gives no rate
is judged at the optimizer's documented default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from oracle_finders import Answer
from oracle_regret import Case, cases, documented_default, left_out_factors
from oracle_table import SCHEDULES, Table
from oracle_task import LONG

Column = tuple[str, int]
"""Schedule and horizon."""
COLUMNS: tuple[Column, ...] = tuple(product(SCHEDULES, LONG))
Choose = Callable[[Column, Sequence[str], np.ndarray], np.ndarray]
"""Takes a column, families and regrets (cases, factors); gives a factor for each case."""
FACTORS = 10.0 ** np.linspace(-2, 2, 81)
"""What rates may be divided by, a twentieth of a decade apart."""
FAILURE = 0.5
"""A regret above this is counted: more than half of what could be learned is lost."""


@dataclass(frozen=True)
class Score:
    """How a finder does.

    Attributes:
        finder: Its name.
        regrets: Mean regret by column; those it does not answer are missing.
        failed: Share of all trainings whose regret is above `FAILURE`.
        without: Share of all trainings that it gives no rate for.
        steps: Mean of the optimizer steps it takes.
        fitted: Whether a factor was fitted on the other families.
    """

    finder: str
    regrets: Mapping[Column, float]
    failed: float
    without: float
    steps: float
    fitted: bool = False

    def mean(self, schedule: str) -> float:
        """The mean over horizons, NaN where the schedule is not answered."""
        found = [each for (name, _), each in self.regrets.items() if name == schedule]
        return float(np.mean(found)) if found else float("nan")


def regrets(table: Table, case: Case, rates: np.ndarray) -> np.ndarray:
    """The regret at each of many rates; the same as `oracle_regret.regret` at one.

    Args:
        table: The full trainings.
        case: The training.
        rates: Of any shape; those not finite or not positive count as the documented default.
    """
    entry = table[case.task]
    values = entry.values(case.schedule, case.steps)
    initial, best = np.median(entry.initial[:, 0]), values.min()
    given = np.isfinite(rates) & (rates > 0)
    used = np.where(given, rates, documented_default(case.task))
    return (np.interp(np.log10(used), np.log10(entry.rates), values) - best) / (initial - best)


def score(
    finder: str,
    answers: Mapping[tuple[str, int], Answer],
    table: Table,
    *,
    choose: Choose | None = None,
) -> Score:
    """Judge the answers of a finder.

    Args:
        finder: Its name.
        answers: By task and seed; every task of the table with every seed.
        table: The full trainings.
        choose: Rates are divided by the factor that it chooses for each training; as they are
            without it.

    Raises:
        KeyError: An answer is missing.
    """
    means: dict[Column, float] = {}
    every, given = [], []
    for column, (asked, rates) in _asked(answers, table).items():
        factors = np.ones(len(asked))
        if choose is not None:
            by_factor = _by_factor(table, asked, rates).mean(axis=1)
            factors = choose(column, [case.family for case in asked], by_factor)
        found = _regrets(table, asked, rates / factors[:, None])
        means[column] = float(found.mean())
        every.append(found.ravel())
        given.append(np.isfinite(rates).ravel())
    steps = [answer.steps for (task, _), answer in answers.items() if task in table]
    return Score(
        finder,
        means,
        failed=float(np.mean(np.concatenate(every) > FAILURE)),
        without=1 - float(np.mean(np.concatenate(given))),
        steps=float(np.mean(steps)),
        fitted=choose is not None,
    )


def left_out(column: Column, families: Sequence[str], by_factor: np.ndarray) -> np.ndarray:
    """For each training, the best factor on all other families."""
    return left_out_factors(families, by_factor, FACTORS)


def chosen_before(factors: Mapping[Column, float]) -> Choose:
    """Factors that were chosen on other tasks, as `best_factors` gives them."""

    def choose(column: Column, families: Sequence[str], by_factor: np.ndarray) -> np.ndarray:
        return np.full(len(families), factors[column])

    return choose


def best_factors(answers: Mapping[tuple[str, int], Answer], table: Table) -> dict[Column, float]:
    """For each column, the factor with the lowest mean regret over all tasks of the table."""
    return {
        column: float(FACTORS[_by_factor(table, asked, rates).mean(axis=(0, 1)).argmin()])
        for column, (asked, rates) in _asked(answers, table).items()
    }


def _asked(
    answers: Mapping[tuple[str, int], Answer], table: Table
) -> dict[Column, tuple[list[Case], np.ndarray]]:
    """For each column that has any, its trainings and their rates, shape (cases, seeds)."""
    seeds = sorted({seed for _, seed in answers})
    found = {}
    for column in COLUMNS:
        asked = [case for case in cases(table) if (case.schedule, case.steps) == column]
        if asked:
            rates = [[answers[case.task, seed].rate(case) for seed in seeds] for case in asked]
            found[column] = asked, np.array(rates)
    return found


def _regrets(table: Table, asked: Sequence[Case], rates: np.ndarray) -> np.ndarray:
    """The regrets of rates, shape (cases, ...)."""
    return np.array([regrets(table, *each) for each in zip(asked, rates, strict=True)])


def _by_factor(table: Table, asked: Sequence[Case], rates: np.ndarray) -> np.ndarray:
    """The regrets of rates divided by every factor, shape (cases, seeds, factors)."""
    return _regrets(table, asked, rates[..., None] / FACTORS)


def table_of(scores: Sequence[Score]) -> str:
    """Scores as a table in Markdown, in the order given."""
    names = [f"{schedule.replace('_', '-')} {steps:,}" for schedule, steps in COLUMNS]
    head = ["finder", *names, "no rate", f"regret over {FAILURE:g}", "steps"]
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---"] * len(head)) + " |"]
    for each in scores:
        means = [f"{each.regrets[c]:.3f}" if c in each.regrets else "" for c in COLUMNS]
        name = f"{each.finder}, factor fitted" if each.fitted else each.finder
        shares = [f"{each.without:.0%}", f"{each.failed:.0%}", f"{each.steps:.0f}"]
        lines.append("| " + " | ".join([name, *means, *shares]) + " |")
    return "\n".join(lines)
