"""What a task of the oracle is: a problem to train, how long, and at which learning rates.

A task builds an ordinary `Problem`, which range tests and other finders run on. The oracle trains
the same thing at many rates side by side (`oracle_training.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from benchmark_tasks import Data, Task
from ordinary_training import batches
from pytorch_optimizer import Lamb, Lion
from schedulefree import AdamWScheduleFree, SGDScheduleFree
from torch.optim import SGD, Adagrad, Adam, AdamW, Muon, NAdam, Optimizer, RMSprop
from torch.utils.data import DataLoader, Dataset

GRID = 10.0 ** (np.arange(-24, 9) / 4)
"""Quarter decades from 1e-6 to 100."""
RATES_OF_A_TASK = 29
LOWEST: dict[type[Optimizer], float] = {
    SGD: 1e-5,
    Adagrad: 1e-5,
    SGDScheduleFree: 1e-5,
    Lamb: 1e-6,
    Muon: 1e-6,
    RMSprop: 1e-6,
    Adam: 1e-6,
    AdamW: 1e-6,
    NAdam: 1e-6,
    Lion: 1e-6,
    AdamWScheduleFree: 1e-6,
}
"""The lowest of the seven decades of rates, by optimizer.

Steps of the first three scale with the gradient or its sum, so that their best rates lie above
those of optimizers whose every step is about as large as the rate.
"""
SEEDS = (0, 1, 2)
SHORT, LONG = (300, 1200), (300, 1200, 4800)
"""Horizons in steps."""


@dataclass(frozen=True)
class Run:
    """A training from scratch under one schedule.

    Attributes:
        schedule: A name that `ordinary_training.scheduled` takes.
        horizons: The steps after which losses are kept; it ends with the last.
    """

    schedule: str
    horizons: tuple[int, ...]

    @property
    def steps(self) -> int:
        """The length of the run."""
        return self.horizons[-1]


@dataclass(frozen=True)
class OracleTask(Task):
    """A training task with its horizons.

    Attributes:
        horizons: Steps after which a training is judged.
    """

    horizons: tuple[int, ...] = LONG

    @property
    def optimizer_class(self) -> type[Optimizer]:
        """The class of the optimizer."""
        return type(self.optimizer([torch.nn.Parameter(torch.zeros(1, 1))]))

    @property
    def rates(self) -> np.ndarray:
        """The learning rates of the oracle, ascending."""
        start = int(np.argmin(np.abs(np.log(GRID / LOWEST[self.optimizer_class]))))
        return GRID[start : start + RATES_OF_A_TASK]

    @property
    def runs(self) -> tuple[Run, ...]:
        """Trainings per rate and seed: one at a constant rate, and a cycle for each horizon.

        At a constant rate the shorter horizons lie on the way of the longest. A schedule-free
        optimizer takes no schedule, as its averaging replaces it.
        """
        constant = Run("constant", self.horizons)
        if self.optimizer_class in (AdamWScheduleFree, SGDScheduleFree):
            return (constant,)
        return constant, *(Run("one_cycle", (steps,)) for steps in self.horizons)

    def batch_positions(self, seed: int, steps: int) -> torch.Tensor:
        """The training samples in each batch that `build(seed)` gives.

        Returns:
            Positions in the training split, shape (steps, batch_size).
        """
        generator = torch.Generator().manual_seed(seed)
        loader: DataLoader[torch.Tensor] = DataLoader(
            _Positions(len(self.split()[0][0])),
            self.batch_size,
            shuffle=True,
            drop_last=True,
            generator=generator,
            collate_fn=lambda positions: positions,
        )
        return torch.stack(list(batches(loader, steps)))

    def measured(self) -> dict[str, Data]:
        """The samples that losses are measured on: all validation, and 512 training samples."""
        (inputs, targets), validation = self.split()
        return {"validation": validation, "training": (inputs[:512], targets[:512])}


class _Positions(Dataset[torch.Tensor]):
    """A dataset whose samples are their own positions, fetched a batch at a time."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitems__(self, positions: list[int]) -> torch.Tensor:
        return torch.tensor(positions)


def epochs(task: OracleTask, steps: int) -> float:
    """How often that many steps go through the training samples."""
    per_epoch = len(task.split()[0][0]) // task.batch_size
    return steps / per_epoch
