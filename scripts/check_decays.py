"""Which of the two measured schedules should a cosine or a linear decay be taken for?

Usage: python scripts/check_decays.py [--jobs 2]   half an hour on two cores
Needs the extra `bench`. Trains the tasks of the oracle under these schedules, at its rates, to its
two shorter horizons, with two seeds; reads what lrfind says for a constant rate and for one cycle
from scripts/oracle_answers_lrfind.json; writes .github/oracle/decays.md. Trainings are kept in
.oracle/decays/, and stopped and started again it goes on with the next task.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from make_oracle import FOLDER, estimate, settle
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_regret import Case, cases, regret
from oracle_table import Entry, Table, file_of, write
from oracle_task import SHORT, Run
from oracle_training import train
from ordinary_training import DECAYS
from tqdm import tqdm

SCRIPTS = Path(__file__).parent
PAGE = SCRIPTS.parent / ".github" / "oracle" / "decays.md"
ANSWERS = {False: "oracle_answers_lrfind.json", True: "oracle_answers_lrfind_locked.json"}
SEEDS = (0, 1)
TAKEN_AS = ("constant", "one_cycle", "between")
"""What the rate is asked for; between is the geometric mean of the two."""


def runs() -> list[Run]:
    """A training to each horizon under each schedule."""
    return [Run(schedule, (steps,)) for schedule in DECAYS for steps in SHORT]


def train_and_save(name: str, folder: Path) -> None:
    """Train a task under all decays and save it."""
    settle()
    task = ORACLE_TASKS[name]
    initial, kept = zip(*(train(task, seed, runs=runs()) for seed in SEEDS), strict=True)
    arrays = {"rates": task.rates, "initial": np.array(initial, dtype=np.float32)}
    for place, schedule in enumerate(DECAYS):
        wanted = slice(place * len(SHORT), (place + 1) * len(SHORT))
        of_seeds = [np.concatenate(each[wanted], axis=1) for each in kept]
        arrays[schedule] = np.array(of_seeds, dtype=np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    write(arrays, file_of(name, folder))


def table_of(names: Sequence[str], folder: Path) -> Table:
    """The table of the decays."""
    table = Table()
    for name in names:
        with np.load(file_of(name, folder)) as file:
            losses = {schedule: file[schedule] for schedule in DECAYS}
            table[name] = Entry(file["rates"], SHORT, file["initial"], losses)
    return table


def rates_told(path: Path) -> dict[tuple[str, str, int], list[float]]:
    """What lrfind said, told the schedule and the length: a rate per seed, NaN where it refused."""
    found: dict[tuple[str, str, int], list[float]] = {}
    for task, seeds in json.loads(path.read_text())["lrfind"].items():
        for key in seeds[0]["lr"]:
            schedule, steps = key.rsplit(" ", 1)
            rates = [float("nan" if each["lr"][key] is None else each["lr"][key]) for each in seeds]
            found[task, schedule, int(steps)] = rates
    return found


def lost(
    table: Table, case: Case, told: Mapping[tuple[str, str, int], Sequence[float]]
) -> list[float]:
    """The mean regret of a case if its schedule is taken as each of `TAKEN_AS`."""
    constant, cycle = (
        np.array(told[case.task, name, case.steps]) for name in ("constant", "one_cycle")
    )
    rates = constant, cycle, np.sqrt(constant * cycle)
    return [float(np.mean([regret(table, case, rate) for rate in each])) for each in rates]


def rows(table: Table, locked: bool) -> Iterator[str]:
    """The rows of the page."""
    told = rates_told(SCRIPTS / ANSWERS[locked])
    which = "locked" if locked else "open"
    for schedule in DECAYS:
        for steps in SHORT:
            chosen = [
                case
                for case in cases(table, (schedule,))
                if case.steps == steps
                and (FAMILY_OF[case.task] in LOCKED) == locked
                and (case.task, "one_cycle", steps) in told
            ]
            if not chosen:
                continue
            means = np.mean([lost(table, case, told) for case in chosen], axis=0)
            shown = " | ".join(f"{mean:.3f}" for mean in means)
            yield f"| {which} | {schedule} | {steps:,} | {len(chosen)} | {shown} |"


def page(table: Table) -> str:
    """The whole page."""
    head = ("families", "schedule", "steps", "tasks", *TAKEN_AS)
    lines = [
        "# Decays from the first step, or after a warm-up",
        "",
        f"Written by `python scripts/check_decays.py`. Regret of lrfind's rate, told the length, "
        f"under schedules that were not measured for `calibration.py`: as a constant rate, as the "
        f"peak of one cycle, and the geometric mean of both. {len(SEEDS)} seeds of a training, 3 "
        f"of a sweep; the warm-up is a tenth of the training. Open families are left out in turn; "
        f"nothing is chosen by the locked ones.",
        "",
        f"| {' | '.join(head)} |",
        f"|{'---|' * len(head)}",
        *rows(table, locked=False),
        *rows(table, locked=True),
    ]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=FOLDER / "decays")
    options = parser.parse_args(argv)
    # A schedule-free optimizer takes no schedule.
    names = [name for name, task in ORACLE_TASKS.items() if len(task.runs) > 1]
    todo = [name for name in names if not file_of(name, options.folder).exists()]
    order = sorted(todo, key=lambda name: -estimate(name))
    work = Parallel(options.jobs, return_as="generator_unordered")(
        delayed(train_and_save)(name, options.folder) for name in order
    )
    for _ in tqdm(work, total=len(order)):
        pass
    PAGE.write_text(page(table_of(names, options.folder)))


if __name__ == "__main__":
    main()
