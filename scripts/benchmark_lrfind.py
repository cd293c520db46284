"""How good are the rates, intervals and verdicts of lrfind on the tasks of the oracle?

Usage: python scripts/benchmark_lrfind.py [--jobs 2]   ask and judge on the open families
       python scripts/benchmark_lrfind.py --locked     on the locked ones
       python scripts/benchmark_lrfind.py --report     judge what was answered before
Writes scripts/oracle_answers_lrfind.json, which `benchmark_peers.py --also` puts beside the other
finders, what was told beside the rates in .oracle/, and .github/benchmark/lrfind.md; with
`--locked` files named so. About 10 minutes.

On the open families every number of `calibration.py` that is used on a task was chosen on the other
families; a few others, such as the weight of trials in `decision.py`, were chosen on all of them.
By the locked ones nothing may be chosen; there everything is as committed.
"""

from __future__ import annotations

import argparse
import json
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import choose_calibration
import numpy as np
import oracle_sweeps
from joblib import Parallel, delayed
from make_oracle import settle
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_finders import SEEDS, Answer, Answers, save
from oracle_regret import best_rate, cases, regret
from oracle_table import MEASURED, SCHEDULES, Table, load
from tqdm import tqdm

import lrfind
from lrfind import RangeTestResult, Verification
from lrfind.analysis import transfer
from lrfind.analysis.calibration import HORIZONS

FOLDER = Path(__file__).parent
TOLD = FOLDER.parent / ".oracle"
PAGE = FOLDER.parent / ".github" / "benchmark" / "lrfind.md"
CHEAP, CLOSE, RUINED, BAD = 0.05, 0.2, 0.5, 0.2
Tables = tuple[dict[Any, Any], dict[Any, Any]]
"""`TRANSFERS` and `WITHOUT_OVERFITTING` of `calibration.py`."""


class Asked(NamedTuple):
    """What a finder is asked.

    Attributes:
        known: Whether the schedule and the length are told.
        confirmed: Whether the sweep was made with `confirm=True`.
    """

    known: bool = True
    confirmed: bool = True


QUESTIONS = {
    "lrfind": Asked(),
    "lrfind, nothing known": Asked(known=False),
    "lrfind, not confirmed": Asked(confirmed=False),
}
"""What is asked of a sweep, by the name of the finder."""


LEFT_OUT = (
    "The numbers of `calibration.py` that are used on a family were chosen on the others; what "
    "else lrfind rests on was chosen on all of them. "
)


@dataclass(frozen=True)
class Told:
    """What a finder said for one training beside its rate.

    Attributes:
        finder: Its name.
        task: The task.
        seed: The seed.
        schedule: The schedule of the training.
        steps: Its length.
        lr: The rate; NaN for a refusal.
        interval: Lower and upper rate; NaN for a refusal.
        minimum: Expected minimum of the sweep.
        verdict: Its name.
    """

    finder: str
    task: str
    seed: int
    schedule: str
    steps: int
    lr: float
    interval: tuple[float, float]
    minimum: float
    verdict: str


@cache
def study(measured: str) -> choose_calibration.Study:
    """The study that the numbers are chosen by; regret is counted in that loss."""
    sweeps = {key: choose_calibration.seen(each) for key, each in oracle_sweeps.load().items()}
    return choose_calibration.Study(load(), sweeps, measured)


@contextmanager
def using(tables: Tables | None) -> Iterator[None]:
    """Have lrfind answer with other tables than those of `calibration.py`; None for these."""
    kept = transfer.TRANSFERS, transfer.WITHOUT_OVERFITTING
    transfer.TRANSFERS, transfer.WITHOUT_OVERFITTING = tables or kept
    try:
        yield
    finally:
        transfer.TRANSFERS, transfer.WITHOUT_OVERFITTING = kept


def ask(task: str, seed: int, tables: Tables | None) -> tuple[list[Told], dict[str, int]]:
    """All finders of lrfind on a task with one seed, on one thread.

    Args:
        task: The task.
        seed: Of weights and batches.
        tables: In place of those of `calibration.py`; None for these.

    Returns:
        What they told, and the steps that each took.
    """
    settle()
    with using(tables), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = ORACLE_TASKS[task].build(seed).range_test(confirm=True, progress=False)
        found = _find(task, seed)
        told = []
        for schedule, horizon in product(SCHEDULES, ORACLE_TASKS[task].horizons):
            key = (task, seed, schedule, horizon)
            told += [_of_sweep(finder, key, result) for finder in QUESTIONS]
            epochs = horizon / result.epoch_steps if result.epoch_steps else None
            told.append(_of_search(key, epochs, found))
    cold = sum(each.steps for each in result.cold_starts)
    steps = {
        finder: result.lr.size + (cold if asked.confirmed else 0)
        for finder, asked in QUESTIONS.items()
    }
    return told, steps | {"lrfind.find_lr": 0 if found is None else found.steps}


def _find(task: str, seed: int) -> Verification | None:
    try:
        return ORACLE_TASKS[task].build(seed).find_lr(progress=False)
    except lrfind.CannotTellError:
        return None


def _of_sweep(finder: str, key: tuple[str, int, str, int], result: RangeTestResult) -> Told:
    _, _, schedule, steps = key
    known, confirmed = QUESTIONS[finder]
    asked: dict[str, Any] = {"schedule": schedule, "total_steps": steps} if known else {}
    answer = (result if confirmed else replace(result, cold_starts=())).suggest(**asked)
    verdict = answer.verdict.name.lower() if answer.verdict else ""
    minimum = result.curves().posterior.mean
    if not answer:
        return Told(finder, *key, math.nan, (math.nan, math.nan), minimum, verdict)
    return Told(finder, *key, answer.lr, answer.interval or (math.nan, math.nan), minimum, verdict)


def _of_search(
    key: tuple[str, int, str, int], epochs: float | None, found: Verification | None
) -> Told:
    """The answer for a schedule and a length; the trials are the same for all."""
    finder, (_, _, schedule, steps) = "lrfind.find_lr", key
    if found is None or found.all_blew_up or found.sweep is None:
        return Told(finder, *key, math.nan, (math.nan, math.nan), math.nan, "refused")
    minimum, lr = found.sweep.minimum, found.sweep.lr
    if lr is not None:
        lr = minimum / transfer.transfer(schedule, steps, epochs).factor
    says = replace(found.sweep, lr=lr)
    asked = replace(found, schedule=schedule, total_steps=steps, epochs=epochs, sweep=says)
    return Told(finder, *key, asked.lr, asked.interval, minimum, asked.verdict.name.lower())


def ask_all(locked: bool, jobs: int) -> tuple[list[Told], Answers]:
    """Everything that is said of the open or the locked families."""
    tasks = [name for name in ORACLE_TASKS if (FAMILY_OF[name] in LOCKED) is locked]
    families = sorted({FAMILY_OF[name] for name in tasks})
    tables = {each: None if locked else left_out_transfers(each) for each in families}
    keys = [(task, seed) for task in tasks for seed in SEEDS]
    jobs_ = (delayed(ask)(*key, tables[FAMILY_OF[key[0]]]) for key in keys)
    work = tqdm(Parallel(jobs, return_as="generator")(jobs_), total=len(keys))
    told: list[Told] = []
    answers: Answers = {}
    for key, (said, steps) in zip(keys, work, strict=True):
        told += said
        for finder, taken in steps.items():
            rates = {f"{x.schedule} {x.steps}": x.lr for x in said if x.finder == finder}
            answers.setdefault(finder, {})[key] = Answer(rates, taken)
    return told, answers


def left_out_transfers(family: str) -> Tables:
    """The tables of `calibration.py` without a family."""
    whole, training = (
        dict(choose_calibration.numbers(study(measured), family)) for measured in MEASURED
    )
    return whole, training


def judged(told: Sequence[Told], table: Table) -> list[str]:
    """The rows of the page."""
    by_case = {(case.task, case.schedule, case.steps): case for case in cases(table)}
    lines = [
        "| finder | schedule | steps | regret | over 0.5 | refused | interval holds | width "
        "| close | clear of good | clear and bad | spread |",
        "| --- " * 12 + "|",
    ]
    for finder in dict.fromkeys(each.finder for each in told):
        for schedule in SCHEDULES:
            for steps in HORIZONS:
                mine = [
                    each
                    for each in told
                    if (each.finder, each.schedule, each.steps) == (finder, schedule, steps)
                    and (each.task, schedule, steps) in by_case
                ]
                lines.append(_line(mine, table, by_case))
    return lines


def _line(mine: Sequence[Told], table: Table, by_case: dict[Any, Any]) -> str:
    """One row: a finder, a schedule and a length."""
    of = [by_case[each.task, each.schedule, each.steps] for each in mine]
    lost = np.array([regret(table, case, each.lr) for case, each in zip(of, mine, strict=True)])
    best = np.array([best_rate(table, case) for case in of])
    lr, low, high = np.array([(each.lr, *each.interval) for each in mine]).T
    answered = np.isfinite(lr)
    held = ((low <= best * 1.001) & (best <= high * 1.001))[answered]
    width = np.log10(high[answered] / low[answered])
    close = [
        min(regret(table, case, rate * 10**shift) for shift in (-CLOSE, 0.0, CLOSE)) < CHEAP
        for case, rate in zip(of, lr, strict=True)
        if math.isfinite(rate)
    ]
    clear = np.array([each.verdict == "clear" for each in mine])
    by_task: dict[str, list[float]] = {}
    for each in mine:
        if math.isfinite(each.lr):
            by_task.setdefault(each.task, []).append(math.log10(each.lr))
    spread = np.mean([np.std(rates, ddof=1) for rates in by_task.values() if len(rates) > 1])
    one = mine[0]
    return (
        f"| {one.finder} | {one.schedule} | {one.steps:,} | {lost.mean():.3f} "
        f"| {(lost > RUINED).mean():.0%} | {1 - answered.mean():.0%} | {held.mean():.0%} "
        f"| {width.mean():.1f} | {np.mean(close):.0%} | {clear[lost < CHEAP].mean():.0%} "
        f"| {(clear & (lost > BAD)).mean():.0%} | {spread:.2f} |"
    )


def worst(told: Sequence[Told], table: Table, finder: str = "lrfind") -> list[str]:
    """The mean regret by task, the tasks that lose most first."""
    found: dict[str, list[float]] = {}
    for case in cases(table):
        for each in told:
            key = (each.finder, each.task, each.schedule, each.steps)
            if key == (finder, case.task, case.schedule, case.steps):
                found.setdefault(case.task, []).append(regret(table, case, each.lr))
    ranked = sorted(found, key=lambda task: -float(np.mean(found[task])))
    rows = [f"| {task} | {FAMILY_OF[task]} | {np.mean(found[task]):.2f} |" for task in ranked]
    return ["| task | family | regret of lrfind |", "| --- | --- | --- |", *rows]


def page(told: Sequence[Told], table: Table, locked: bool) -> str:
    """The whole page."""
    which = "locked families, by which nothing is chosen" if locked else "open families, left out"
    chosen = "" if locked else LEFT_OUT
    return (
        f"# lrfind on the oracle: {which}\n\nWritten by `python scripts/benchmark_lrfind.py`. "
        f"{len(table)} tasks, {len(SEEDS)} seeds. {chosen}A refusal counts as the optimizer's "
        f"documented default. Close: within {CLOSE} decades of a rate that costs under "
        f"{CHEAP:.0%}. Clear of good: of those with a regret under {CHEAP}, the share that are "
        f"`clear`; clear and bad: of all, the share that are `clear` with a regret over {BAD}. "
        f"Width in decades; spread over seeds too. The sweeps are those of "
        f"`range_test(confirm=True)`, which tries the rate for an unknown training from the start; "
        f"what they say without is told apart.\n\n"
        + "\n".join([*judged(told, table), "", *worst(told, table), ""])
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Ask, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--locked", action="store_true")
    parser.add_argument("--report", action="store_true", help="ask nothing")
    arguments = parser.parse_args(argv)
    suffix = "_locked" if arguments.locked else ""
    told_file = TOLD / f"told_lrfind{suffix}.json"
    if not arguments.report:
        told, answers = ask_all(arguments.locked, arguments.jobs)
        save(answers, FOLDER / f"oracle_answers_lrfind{suffix}.json")
        TOLD.mkdir(exist_ok=True)
        told_file.write_text("\n".join(json.dumps(vars(each)) for each in told) + "\n")
    told = [Told(**json.loads(line)) for line in told_file.read_text().splitlines()]
    table = load(locked=arguments.locked)
    chosen = {
        name: each
        for name, each in table.items()
        if (FAMILY_OF[name] in LOCKED) is arguments.locked
    }
    written = page(told, Table(chosen), arguments.locked)
    print(written)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.with_stem(PAGE.stem + suffix).write_text(written)


if __name__ == "__main__":
    main()
