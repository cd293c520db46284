"""Every finder asked on the tasks of the oracle, and the answers as a file.

The file is JSON: by finder and task, a list with one answer per seed. An answer has the optimizer
steps it took and the rate: a number, or null where none was given, or one of these for every
schedule and horizon, under names such as "one_cycle 1200".
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed
from make_oracle import settle
from oracle_families import ORACLE_TASKS
from oracle_regret import Case
from peer_finders import FINDERS
from peer_finders import ask as ask_peer
from tqdm import tqdm

SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class Answer:
    """What a finder said of a task with one seed.

    Attributes:
        lr: The rate, NaN if there is none; by "schedule horizon" where it depends on these.
        steps: Optimizer steps it took.
        error: What was raised instead of an answer.
    """

    lr: float | Mapping[str, float]
    steps: float
    error: str = ""

    def rate(self, case: Case) -> float:
        """The rate for a training."""
        if isinstance(self.lr, Mapping):
            return self.lr[f"{case.schedule} {case.steps}"]
        return self.lr


Answers = dict[str, dict[tuple[str, int], Answer]]
"""By finder, then by task and seed."""


def ask(finder: str, task: str, seed: int) -> Answer:
    """One answer of a peer, on one thread."""
    settle()
    asked = ask_peer(FINDERS[finder], partial(ORACLE_TASKS[task].build, seed))
    return Answer(asked.lr, asked.steps, asked.error)


def ask_all(finders: Sequence[str], tasks: Sequence[str], jobs: int) -> Answers:
    """The answers of peers on tasks, with every seed."""
    keys = list(product(finders, tasks, SEEDS))
    work = Parallel(jobs, return_as="generator")(delayed(ask)(*key) for key in keys)
    answers: Answers = {finder: {} for finder in finders}
    for (finder, task, seed), answer in zip(keys, tqdm(work, total=len(keys)), strict=True):
        answers[finder][task, seed] = answer
    return answers


def save(answers: Answers, path: Path) -> None:
    """Write answers, a line for each finder and task; seeds count from 0."""
    finders = []
    for finder, found in answers.items():
        by_task: dict[str, list[dict[str, Any]]] = {}
        for (task, _), answer in sorted(found.items()):
            by_task.setdefault(task, []).append(_written(answer))
        lines = [f"  {json.dumps(task)}: {json.dumps(each)}" for task, each in by_task.items()]
        finders.append(f" {json.dumps(finder)}: {{\n" + ",\n".join(lines) + "\n }")
    path.write_text("{\n" + ",\n".join(finders) + "\n}\n")


def load(path: Path) -> Answers:
    """The answers of a file."""
    return {
        finder: {
            (task, seed): _read(each)
            for task, of_seeds in tasks.items()
            for seed, each in enumerate(of_seeds)
        }
        for finder, tasks in json.loads(path.read_text()).items()
    }


def _written(answer: Answer) -> dict[str, Any]:
    lr: Any = answer.lr
    lr = {name: _number(each) for name, each in lr.items()} if _many(lr) else _number(lr)
    said = {"lr": lr, "steps": answer.steps}
    return said | {"error": answer.error} if answer.error else said


def _read(said: Mapping[str, Any]) -> Answer:
    lr = said["lr"]
    lr = {name: _rate(each) for name, each in lr.items()} if _many(lr) else _rate(lr)
    return Answer(lr, said["steps"], said.get("error", ""))


def _many(lr: Any) -> bool:
    return isinstance(lr, Mapping)


def _number(lr: float) -> float | None:
    """Four digits, or null."""
    return float(f"{lr:.4g}") if math.isfinite(lr) else None


def _rate(number: float | None) -> float:
    return math.nan if number is None else number
