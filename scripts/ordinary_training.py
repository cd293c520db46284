"""What an ordinary training is made of: batches, a schedule, a validation loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from benchmark_tasks import Task
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def one_cycle(optimizer: Optimizer, lr: float, steps: int) -> LRScheduler:
    """One cycle with torch's defaults; momentum is cycled where there is one."""
    defaults = optimizer.defaults
    cycle = "betas" in defaults or defaults.get("momentum", 0) > 0
    return OneCycleLR(optimizer, lr, total_steps=steps + 1, cycle_momentum=cycle)


def decay(name: str, optimizer: Optimizer, steps: int) -> LRScheduler:
    """From the rate of the optimizer to 0 over `steps`; `DECAYS` has the names."""
    return LambdaLR(optimizer, lambda step: DECAYS[name](step / steps))


def _warmed_cosine(part: float) -> float:
    warm_up = 0.1
    return min(part / warm_up, (1 + math.cos(math.pi * (part - warm_up) / (1 - warm_up))) / 2)


DECAYS: dict[str, Callable[[float], float]] = {
    "cosine": lambda part: (1 + math.cos(math.pi * part)) / 2,
    "linear": lambda part: 1 - part,
    "warmup_cosine": _warmed_cosine,
}
"""Share of the rate by the part of the training that is over; the last warms up for a tenth."""


def scheduled(schedule: str, optimizer: Optimizer, lr: float, steps: int) -> LRScheduler | None:
    """The scheduler of a schedule by name; None for a constant rate."""
    if schedule == "constant":
        return None
    if schedule == "one_cycle":
        return one_cycle(optimizer, lr, steps)
    return decay(schedule, optimizer, steps)


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
