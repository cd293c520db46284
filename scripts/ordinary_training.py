"""What an ordinary training is made of: batches, a one-cycle schedule, a validation loss."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from benchmark_tasks import Task
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR


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
