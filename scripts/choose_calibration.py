"""Chooses the numbers of `lrfind/analysis/calibration.py` on the oracle, and writes that file.

Usage: python scripts/choose_calibration.py            write the file
       python scripts/choose_calibration.py --dry-run  print it
Reads scripts/oracle.npz and scripts/oracle_sweeps.npz, without the locked families. A minute.

A sweep's expected minimum is divided by a factor that depends on the schedule and, as a power, on
the length of the training. Both numbers are those that lose least in the mean over tasks. Every
figure "left out" is that of a family when all numbers were chosen on the other families.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from itertools import product
from pathlib import Path

import numpy as np
import oracle_sweeps
from oracle_regret import Case, best_rate, cases, documented_default, regrets
from oracle_table import SCHEDULES, Table, load
from scipy import stats

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.posterior import BETWEEN_RUNS, CONFIDENCE
from lrfind.analysis.schedule import producing_lr

FILE = Path(__file__).parents[1] / "lrfind" / "analysis" / "calibration.py"
HORIZONS = (300, 1200, 4800)
MIDDLE = 1200
"""The length at which a power law's factor is given."""
BELOW = np.round(np.arange(-1.0, 3.01, 0.05), 2)
"""Decades below the expected minimum that are tried."""
POWERS = np.round(np.arange(0.0, 1.21, 0.1), 2)
COST_AT = np.round(np.arange(-0.5, 2.26, 0.25), 2)
FEW_EPOCHS = 5
"""Trainings of as many epochs are judged by the training loss. At the shortest horizon, of 14
epochs in the median, the rate that loses least is the same for both losses to 0.2 decades; at the
longest, of some 200 epochs, it is a decade lower for the validation loss."""
CHEAP, CLOSE = 0.05, 0.2
"""A rate that costs less than `CHEAP` may be missed by `CLOSE` decades."""
GRID = np.round(np.arange(-7, 3.01, 0.025), 3)
"""log10 of the rates at which costs are looked up."""


@dataclass(frozen=True)
class Seen:
    """What a sweep says of its minimum, in log10.

    Attributes:
        minimum: The expected minimum.
        within: Its standard deviation.
        low: The lowest rate swept.
        high: The highest.
        answered: Whether the loss fell at all; otherwise there is no suggestion.
    """

    minimum: float
    within: float
    low: float
    high: float
    answered: bool


def seen(swept: oracle_sweeps.Swept) -> Seen:
    """The analysis of a recorded sweep."""
    curves = SweepCurves(producing_lr(swept.lr), swept.loss)
    low, high = np.log10(curves.lr[[0, -1]])
    minimum, within = math.log10(curves.posterior.mean), curves.posterior.deviation
    return Seen(minimum, within, float(low), float(high), bool(curves.fit.descended))


@dataclass(frozen=True)
class Way:
    """The chosen numbers of one schedule.

    Attributes:
        below: Decades from the expected minimum down to the rate, at `MIDDLE` steps.
        power: How many decades more per decade of length.
        fixed: Decades down if the length is not known.
    """

    below: float
    power: float
    fixed: float

    def at(self, steps: int | None) -> float:
        """Decades from the expected minimum down to the rate."""
        if steps is None:
            return self.fixed
        return self.below + self.power * math.log10(steps / MIDDLE)


class Study:
    """The costs of all rates on all cases, and what is chosen by them.

    Args:
        table: The oracle.
        sweeps: The sweeps of its tasks.
        measured: The loss that regret is counted in, "validation" or "training".
    """

    def __init__(
        self,
        table: Table,
        sweeps: dict[tuple[str, int], Seen],
        measured: str = "validation",
    ) -> None:
        self._measured = measured
        self.cases, self.tasks = list(cases(table)), len(table)
        self.families = np.array([case.family for case in self.cases])
        self._table = table
        self._seen = {task: [sweeps[task, seed] for seed in oracle_sweeps.SEEDS] for task in table}
        self._ways: dict[tuple[Sequence[str], ...], Way] = {}

    @cached_property
    def told(self) -> list[str]:
        """The tasks with a suggestion by any sweep."""
        return [task for task, sweeps in self._seen.items() if any(s.answered for s in sweeps)]

    @cached_property
    def costs(self) -> np.ndarray:
        """Regret of each case at `GRID`, shape (cases, rates)."""
        return np.array([regrets(self._table, case, GRID, self._measured) for case in self.cases])

    @cached_property
    def best(self) -> np.ndarray:
        """log10 of the best rate of each case."""
        return np.log10([best_rate(self._table, case, self._measured) for case in self.cases])

    @cached_property
    def by_distance(self) -> np.ndarray:
        """Mean regret of answered sweeps at `BELOW`, shape (cases, distances); NaN if none."""
        rows = [
            np.mean(
                [np.interp(s.minimum - BELOW, GRID, cost) for s in self.answered(case)]
                or [np.full(BELOW.size, np.nan)],
                axis=0,
            )
            for case, cost in zip(self.cases, self.costs, strict=True)
        ]
        return np.array(rows)

    def answered(self, case: Case) -> list[Seen]:
        """The sweeps of a case's task that have a suggestion."""
        return [each for each in self._seen[case.task] if each.answered]

    def all_of(self, case: Case) -> list[Seen]:
        """All sweeps of a case's task."""
        return self._seen[case.task]

    def rows(self, schedules: Sequence[str], steps: int | None, *without: str) -> np.ndarray:
        """Which cases have one of the schedules and that length, of all families but those."""
        return np.array(
            [
                case.schedule in schedules
                and steps in (None, case.steps)
                and case.family not in without
                and bool(self.answered(case))
                for case in self.cases
            ]
        )

    def cost(self, schedules: Sequence[str], steps: int | None, *without: str) -> np.ndarray:
        """Mean regret at `BELOW`; every length has the same weight."""
        lengths = HORIZONS if steps is None else (steps,)
        means = [
            self.by_distance[self.rows(schedules, each, *without)].mean(axis=0) for each in lengths
        ]
        return np.asarray(np.mean(means, axis=0))

    def choose(self, schedules: Sequence[str], *without: str) -> Way:
        """The numbers that lose least on all families but those; chosen once."""
        asked = (tuple(schedules), *without)
        if asked not in self._ways:
            self._ways[asked] = self._chosen(schedules, *without)
        return self._ways[asked]

    def _chosen(self, schedules: Sequence[str], *without: str) -> Way:
        costs = {steps: self.cost(schedules, steps, *without) for steps in HORIZONS}

        def lost(numbers: tuple[float, float]) -> float:
            way = Way(*numbers, 0.0)
            return sum(
                float(np.interp(way.at(steps), BELOW, cost)) for steps, cost in costs.items()
            )

        below, power = min(product(BELOW.tolist(), POWERS.tolist()), key=lost)
        fixed = BELOW[self.cost(schedules, None, *without).argmin()]
        return Way(below, power, float(fixed))

    def costs_left_out(self, schedules: Sequence[str], *without: str) -> dict[int | None, float]:
        """By length, the mean regret at distances that are chosen without the family of each case.

        None stands for a length that is not known; every length then has the same weight.
        """
        families = set(self.families).difference(without)
        ways = {family: self.choose(schedules, family, *without) for family in families}

        def mean(steps: int, asked: int | None) -> float:
            rows = np.flatnonzero(self.rows(schedules, steps, *without))
            below = [ways[family].at(asked) for family in self.families[rows]]
            costs = zip(below, self.by_distance[rows], strict=True)
            return float(np.mean([np.interp(at, BELOW, cost) for at, cost in costs]))

        known: dict[int | None, float] = {steps: mean(steps, steps) for steps in HORIZONS}
        return known | {None: float(np.mean([mean(steps, None) for steps in HORIZONS]))}

    def spread(
        self, schedules: Sequence[str], steps: int | None, *without: str
    ) -> tuple[float, float]:
        """Mean and standard deviation over tasks of the way from the minimum down to the best."""
        which = np.flatnonzero(self.rows(schedules, steps, *without))
        ways = [
            np.mean([each.minimum for each in self.answered(self.cases[row])]) - self.best[row]
            for row in which
        ]
        return float(np.mean(ways)), float(np.std(ways, ddof=1))


@dataclass(frozen=True)
class LeftOut:
    """Left-out figures of one schedule and length, over tasks and seeds.

    Attributes:
        regret: Mean; a refusal counts as the optimizer's documented default.
        held: Share of the intervals that hold the best rate.
        width: Their mean width in decades.
        close: Share of the rates within `CLOSE` decades of one that costs less than `CHEAP`.
        refused: Share of sweeps without a suggestion.
        ruined: Share with a regret above 0.5.
    """

    regret: float
    held: float
    width: float
    close: float
    refused: float
    ruined: float


def left_out(study: Study, schedules: Sequence[str], steps: int | None, known: bool) -> LeftOut:
    """The figures when every number is chosen on the families other than that judged.

    Args:
        study: The study.
        schedules: The schedules that the numbers are chosen for.
        steps: The length.
        known: Whether the length is told to the rule.
    """
    regrets, held, widths, close, refused = [], [], [], [], []
    asked = steps if known else None
    for family in sorted(set(study.families)):
        way = study.choose(schedules, family)
        best, deviation = study.spread(schedules, asked, family)
        for row, case in enumerate(study.cases):
            judged = case.family == family and case.schedule in schedules
            if not judged or steps not in (None, case.steps):
                continue
            cheap = GRID[study.costs[row] < CHEAP]
            for each in study.all_of(case):
                rate = each.minimum - way.at(asked)
                told = each.answered and each.low <= rate <= each.high
                refused.append(not told)
                at = rate if told else math.log10(documented_default(case.task))
                regrets.append(float(np.interp(at, GRID, study.costs[row])))
                if told:
                    low, high = interval(study, each, best, deviation)
                    held.append(low - 1e-9 <= study.best[row] <= high + 1e-9)
                    widths.append(high - low)
                    close.append(float(np.abs(cheap - rate).min()) <= CLOSE)
    lost = np.array(regrets)
    return LeftOut(
        regret=float(lost.mean()),
        held=float(np.mean(held)),
        width=float(np.mean(widths)),
        close=float(np.mean(close)),
        refused=float(np.mean(refused)),
        ruined=float((lost > 0.5).mean()),
    )


def interval(study: Study, each: Seen, best: float, deviation: float) -> tuple[float, float]:
    """The interval of the best rate that a suggestion gives, in log10."""
    total = math.hypot(each.within, BETWEEN_RUNS, deviation)
    half = _quantile(len(study.told) - 1) * total
    middle = each.minimum - best
    return max(middle - half, each.low), min(middle + half, each.high)


@cache
def _quantile(freedom: int) -> float:
    """Of Student's t, for an interval on both sides."""
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom))


ASKED: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    (None, SCHEDULES),
    ("constant", ("constant",)),
    ("one_cycle", ("one_cycle",)),
)
"""What may be asked for, and the schedules that its numbers are chosen on."""


Key = tuple[str | None, int | None]
Numbers = tuple[float, float, float, float, tuple[float, ...]]


def numbers(study: Study, *without: str) -> Iterator[tuple[Key, Numbers]]:
    """The rows of a table, chosen on all families but those."""
    for name, schedules in ASKED:
        way, lost = study.choose(schedules, *without), study.costs_left_out(schedules, *without)
        for steps in (None, *HORIZONS):
            best, deviation = study.spread(schedules, steps, *without)
            costs = np.interp(COST_AT, BELOW, study.cost(schedules, steps, *without))
            ways = (round(way.at(steps), 3), round(best, 2), round(deviation, 2))
            yield (name, steps), (*ways, round(lost[steps], 3), tuple(costs.round(3).tolist()))


def transfers(study: Study) -> Iterator[str]:
    """The rows of a table, as source text."""
    for (name, steps), (below, best, deviation, cost, costs) in numbers(study):
        named = "None" if name is None else f'"{name}"'
        row = ", ".join(f"{each:.3f}" for each in costs)
        ways = f"{below:.3f}, {best:.2f}, {deviation:.2f}, {cost:.3f}"
        yield f"    ({named}, {steps}): ({ways},\n        ({row})),"


def table(study: Study) -> str:
    """The left-out figures as the lines of a markdown table."""
    lines = [
        "| schedule | steps | regret | over 0.5 | refused | interval holds | width | close |",
        "| --- " * 8 + "|",
    ]
    for name, schedules in ASKED:
        for steps, known in [*((steps, True) for steps in HORIZONS), (None, False)]:
            found = left_out(study, schedules, steps, known)
            lines.append(
                f"| {name or 'unknown'} | {steps or 'unknown'} | {found.regret:.3f} "
                f"| {found.ruined:.0%} | {found.refused:.0%} | {found.held:.0%} "
                f"| {found.width:.1f} | {found.close:.0%} |"
            )
    return "\n".join(lines)


TEXT = '''"""Written by `python scripts/choose_calibration.py` on {today}; not by hand.

Chosen on {tasks} tasks of {families} families (`.github/oracle/tasks.md`); a further quarter of the
families was locked meanwhile. Distances are in decades. Left out by family, with every number
chosen on the other families; "close" is within {close} decades of a rate that costs less than
{cheap:.0%}:

{table}
"""

# fmt: off
TASKS = {chosen_on}
"""Number of tasks, those with a suggestion, that the figures below were measured on."""

HORIZONS = {horizons}
"""Lengths of the training runs, in optimizer steps."""

COST_AT = {cost_at}
"""Distances below the expected minimum at which costs are given."""

Row = tuple[float, float, float, float, tuple[float, ...]]
"""The fields of `lrfind.analysis.transfer.Transfer`."""

TRANSFERS: dict[tuple[str | None, int | None], Row] = {{
{rows}
}}
"""By schedule and length."""

FEW_EPOCHS = {few}
"""In as many epochs nothing is overfitted."""

WITHOUT_OVERFITTING: dict[tuple[str | None, int | None], Row] = {{
{training}
}}
"""The same with regret counted in the training loss, for trainings of a few epochs."""
'''


def text(study: Study, training: Study, today: date) -> str:
    """The file.

    Args:
        study: With regret counted in the validation loss.
        training: In the training loss.
        today: The date to write.
    """
    return TEXT.format(
        today=today,
        chosen_on=len(study.told),
        tasks=study.tasks,
        families=len(set(study.families)),
        close=CLOSE,
        cheap=CHEAP,
        table=table(study),
        horizons=HORIZONS,
        cost_at=tuple(COST_AT.tolist()),
        rows="\n".join(transfers(study)),
        few=FEW_EPOCHS,
        training="\n".join(transfers(training)),
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Choose, and write or print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true")
    arguments = parser.parse_args(argv)
    sweeps = {key: seen(each) for key, each in oracle_sweeps.load().items()}
    study, training = (Study(load(), sweeps, name) for name in ("validation", "training"))
    written = text(study, training, date.today())
    print(written)
    if not arguments.dry_run:
        FILE.write_text(written)


if __name__ == "__main__":
    main()
