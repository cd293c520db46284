"""The oracle: every task trained at every rate, under every schedule, to every horizon.

Usage: python scripts/make_oracle.py [--jobs 2]   train what is missing, 2 hours on two cores
       python scripts/make_oracle.py --estimate   say how long everything takes, in a minute
       python scripts/make_oracle.py --pack       write scripts/oracle.npz
       python scripts/make_oracle.py --pages      write .github/oracle/tasks.md
Needs the extra `bench`. Each task is saved when it is done; stopped and started again, the command
goes on with the next. A task that has changed is trained again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from oracle_families import ORACLE_TASKS
from oracle_pages import pages
from oracle_table import TABLE, file_of, load, pack, write
from oracle_task import SEEDS, OracleTask
from oracle_training import start, train
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".oracle"
PAGES = ROOT / ".github" / "oracle" / "tasks.md"


def digest(task: OracleTask) -> str:
    """What a training of the task depends on, as a hash; it changes when the task does."""
    problem, positions = task.build(0), task.batch_positions(0, 2)
    inputs, targets = task.split()[0]
    with torch.no_grad():
        loss = problem.loss_fn(problem.model(inputs[positions[0]]), targets[positions[0]])
    weights = [value.detach().numpy() for value in problem.model.state_dict().values()]
    text = repr(
        (
            type(problem.optimizer).__name__,
            sorted(problem.optimizer.defaults.items(), key=lambda item: item[0]),
            task.runs,
            task.rates.round(9).tolist(),
            SEEDS,
            f"{float(loss):.5g}",
            [(value.shape, f"{float(value.sum()):.4g}") for value in weights],
        )
    )
    data = b"".join(each.numpy().tobytes() for each in (inputs, targets, positions))
    return sha256(text.encode() + data).hexdigest()[:16]


def settle() -> None:
    """One thread; numbers too small for full precision, which are slow, count as 0."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def train_and_save(name: str, folder: Path) -> float:
    """Train a task with every seed and save it.

    Returns:
        The seconds of one core it took.
    """
    settle()
    began, task = time.process_time(), ORACLE_TASKS[name]
    initial, kept = zip(*(train(task, seed) for seed in SEEDS), strict=True)
    arrays = {
        "rates": task.rates,
        "horizons": np.array(task.horizons),
        "initial": np.array(initial, dtype=np.float32),
        "digest": np.array(digest(task)),
    }
    for schedule in ("constant", "one_cycle"):
        wanted = [number for number, run in enumerate(task.runs) if run.schedule == schedule]
        if wanted:
            of_seeds = [np.concatenate([each[k] for k in wanted], axis=1) for each in kept]
            arrays[schedule] = np.array(of_seeds, dtype=np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    write(arrays, file_of(name, folder))
    return time.process_time() - began


def is_done(name: str, folder: Path) -> bool:
    """Whether the task has been trained as it is now."""
    path = file_of(name, folder)
    if not path.exists():
        return False
    with np.load(path) as file:
        return str(file["digest"]) == digest(ORACLE_TASKS[name])


def estimate(name: str, repeats: int = 4) -> float:
    """Seconds that a task takes of one core, from a few steps in each of its stages.

    A stage lies between two horizons; lanes whose run is over drop out. Those that blow up drop
    out too, which is not counted.
    """
    settle()
    task, total, before = ORACLE_TASKS[name], 0.0, 0
    inputs, targets = task.split()[0]
    positions = task.batch_positions(0, min(repeats + 1, task.horizons[0]))
    for steps in task.horizons:
        runs = [run for run in task.runs if run.steps >= steps]
        lanes = start(task, 0, runs, np.full(len(task.rates), task.rates[0]), torch.float32)
        lanes.advance(inputs[positions[0]], targets[positions[0]])
        took = []
        for batch in positions[1:]:
            began = time.process_time()
            lanes.advance(inputs[batch], targets[batch])
            took.append(time.process_time() - began)
        total += float(np.median(took)) * (steps - before) * len(SEEDS)
        before = steps
    return total


def make(names: Sequence[str], folder: Path, jobs: int) -> None:
    """Train what is not yet there, the longest first."""
    todo = [name for name in names if not is_done(name, folder)]
    seconds = dict(zip(todo, map(estimate, todo), strict=True))
    order = sorted(todo, key=lambda name: -seconds[name])
    print(f"{len(names) - len(todo)} done, {len(todo)} to train; {sum(seconds.values()) / 3600:.1f}"
          f" hours of one core.")  # fmt: skip
    work = Parallel(jobs, return_as="generator_unordered")(
        delayed(train_and_save)(name, folder) for name in order
    )
    total = sum(tqdm(work, total=len(order)))
    print(f"{total / 3600:.1f} hours of one core were used.")


def main(argv: Sequence[str] | None = None) -> None:
    """Train, or do what an option says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", help="names of tasks, separated by ';'")
    parser.add_argument("--estimate", action="store_true")
    parser.add_argument("--pack", action="store_true")
    parser.add_argument("--pages", action="store_true")
    arguments = parser.parse_args(argv)
    names = arguments.only.split(";") if arguments.only else list(ORACLE_TASKS)
    if arguments.estimate:
        seconds = {name: estimate(name) for name in names}
        for name, each in sorted(seconds.items(), key=lambda item: item[1]):
            print(f"{each:8.0f} s  {name}")
        print(f"{sum(seconds.values()) / 3600:8.2f} hours of one core")
    elif arguments.pack:
        missing = pack(arguments.folder)
        print(f"{TABLE.name}: {TABLE.stat().st_size / 1e3:.0f} kB; missing: {missing or 'none'}")
    elif arguments.pages:
        PAGES.parent.mkdir(parents=True, exist_ok=True)
        PAGES.write_text(pages(load() if TABLE.exists() else None))
    else:
        make(names, arguments.folder, arguments.jobs)


if __name__ == "__main__":
    main()
