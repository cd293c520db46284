"""Range tests of every task of the oracle, as raw records that rules are chosen and judged on.

Usage: python scripts/oracle_sweeps.py [--jobs 2] [--locked]
Writes scripts/oracle_sweeps.npz in about 2 minutes; the locked families are left out unless
asked for, and are then all that is written, to scripts/oracle_sweeps_locked.npz.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_table import write
from tqdm import tqdm

from lrfind import RangeTestResult
from lrfind.analysis.schedule import lr_sequence
from lrfind.result.settings import DEFAULTS

FILE = Path(__file__).with_name("oracle_sweeps.npz")
LOCKED_FILE = Path(__file__).with_name("oracle_sweeps_locked.npz")
SEEDS = (0, 1, 2, 3, 4)
PROBED = 100
"""Validation samples in the probe, as a user would hold them out."""


@dataclass(frozen=True)
class Swept:
    """A range test of a task; see `RangeTestResult`."""

    lr: np.ndarray
    loss: np.ndarray
    probe: np.ndarray


def sweep(task: str, seed: int) -> RangeTestResult:
    """A range test with defaults, with a probe beside it."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    inputs, targets = ORACLE_TASKS[task].split()[1]
    problem = ORACLE_TASKS[task].build(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return problem.range_test(probe=(inputs[:PROBED], targets[:PROBED]), progress=False)


def load(path: Path = FILE) -> dict[tuple[str, int], Swept]:
    """The records by task and seed.

    Raises:
        FileNotFoundError: They have not been made.
    """
    rates = lr_sequence(DEFAULTS.start_lr, DEFAULTS.end_lr, DEFAULTS.num_iter)
    found: dict[tuple[str, int], Swept] = {}
    with np.load(path) as file:
        for key in file.files:
            task, seed = key.rsplit("/", 1)
            loss, probe = file[key].astype(np.float64)
            found[task, int(seed)] = Swept(rates[: loss.size], loss, probe)
    return found


def record(tasks: Sequence[str], jobs: int, path: Path) -> None:
    """Sweep every task with every seed and write the records."""
    keys = list(product(tasks, SEEDS))
    work = Parallel(jobs, return_as="generator")(delayed(sweep)(*key) for key in keys)
    results = zip(keys, tqdm(work, total=len(keys)), strict=True)
    arrays = {
        f"{task}/{seed}": np.array([result.loss, result.probe], dtype=np.float32)
        for (task, seed), result in results
    }
    write(arrays, path)


def main(argv: Sequence[str] | None = None) -> None:
    """Record what the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--locked", action="store_true")
    arguments = parser.parse_args(argv)
    tasks = [name for name in ORACLE_TASKS if (FAMILY_OF[name] in LOCKED) is arguments.locked]
    record(tasks, arguments.jobs, LOCKED_FILE if arguments.locked else FILE)


if __name__ == "__main__":
    main()
