"""The oracle of the suggestion benchmark: full trainings on a grid of learning rates.

Usage: python scripts/benchmark_oracle.py
Writes scripts/benchmark_oracle.json, about 25 minutes on two cores. `benchmark_suggestions.py`
reads it, so that it need not be made again unless a task changes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark_tasks import STEPS, TASKS, Task
from joblib import Parallel, delayed
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR
from tqdm import tqdm

TABLE = Path(__file__).with_name("benchmark_oracle.json")
RATES = np.logspace(-5, 1, 25)
"""A quarter of a decade apart."""
SCHEDULES = ("constant", "one_cycle")
SEEDS = range(5)


def train(task: Task, lr: float, schedule: str, seed: int, steps: int = STEPS) -> float:
    """Train from scratch at a peak rate; the validation loss at the end, infinite if it blew up."""
    torch.set_num_threads(1)
    problem = task.build(seed)
    for group in problem.optimizer.param_groups:
        group["lr"] = lr
    scheduler = one_cycle(problem.optimizer, lr, steps) if schedule == "one_cycle" else None
    for inputs, targets in batches(problem.train_loader, steps):
        problem.optimizer.zero_grad()
        loss = problem.loss_fn(problem.model(inputs), targets)
        if not torch.isfinite(loss):
            return math.inf
        loss.backward()
        problem.optimizer.step()
        if scheduler is not None:
            scheduler.step()
    value = validation_loss(task, problem.model)
    return value if math.isfinite(value) else math.inf


def one_cycle(optimizer: Optimizer, lr: float, steps: int) -> LRScheduler:
    """One cycle with torch's defaults; momentum is cycled where there is one."""
    defaults = optimizer.defaults
    cycle = "betas" in defaults or defaults.get("momentum", 0) > 0
    return OneCycleLR(optimizer, lr, total_steps=steps + 1, cycle_momentum=cycle)


def batches(loader: Any, steps: int) -> Iterator[Any]:
    """That many batches, over as many epochs as it takes."""
    given = 0
    while given < steps:
        for batch in loader:
            yield batch
            given += 1
            if given == steps:
                return


def validation_loss(task: Task, model: torch.nn.Module) -> float:
    """The loss on the validation samples, in eval mode."""
    inputs, targets = task.split()[1]
    model.eval()
    with torch.no_grad():
        return float(task.loss_fn(model(inputs), targets))


def main() -> None:
    """Train everything, and write the table."""
    runs = list(product(TASKS, SCHEDULES, RATES.tolist(), SEEDS))
    jobs = (delayed(train)(TASKS[name], lr, schedule, seed) for name, schedule, lr, seed in runs)
    losses = tqdm(Parallel(2, return_as="generator")(jobs), total=len(runs))
    final = np.array(list(losses)).reshape(len(TASKS), len(SCHEDULES), len(RATES), len(SEEDS))
    table: dict[str, Any] = {}
    for name, of_task in zip(TASKS, final, strict=True):
        start = [validation_loss(TASKS[name], TASKS[name].build(seed).model) for seed in SEEDS]
        initial = float(np.median(start))
        # A blown-up training is worth what no training is.
        capped = np.minimum(of_task, initial)
        medians = np.median(capped, axis=2).round(6).tolist()
        table[name] = {"initial": initial, **dict(zip(SCHEDULES, medians, strict=True))}
    document = {"steps": STEPS, "rates": RATES.tolist(), "tasks": table}
    TABLE.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
