"""The bundled problems: handwritten digits with a small network, and a two-task problem."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrfind.loop.task_forward import Total
from lrfind.multitask.loss import MultiTaskLoss
from lrfind.problems.problem import Problem
from lrfind.support.arguments import require_choice

OPTIMIZERS: dict[str, Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]] = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
}
MODELS = ("cnn", "mlp")
DEMO: dict[str, Any] = {"batch_size": 64, "dropout": 0.0, "dtype": torch.float64}
"""Arguments of `digits_problem` in `lrfind demo`, chosen so that any processor prints the same.

Kernels round differently on each processor, and past the minimum the sweep amplifies this: in
float32 to entirely different losses, in float64 only to digits that are not printed. Without
dropout, whose masks are drawn by MKL if torch has it and by torch otherwise, only uniform weights
and the order of the batches are random, and torch draws these identically everywhere. With batches
of 64 the loss clearly diverges at the end.
"""


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """The bundled 1,797 handwritten digits of the UCI repository (see `data/LICENSE-digits.md`).

    Returns:
        Images, float32, shape (1797, 1, 8, 8), in [0, 1]; labels, int64, shape (1797,), 0 to 9.

    Example:
        >>> images, labels = digits()
        >>> images.shape, labels.bincount().min().item()
        (torch.Size([1797, 1, 8, 8]), 174)
    """
    with (files("lrfind") / "data" / "digits.npz").open("rb") as file, np.load(file) as data:
        images = torch.from_numpy(data["images"].astype(np.float32) / 16).unsqueeze(1)
        return images, torch.from_numpy(data["labels"].astype(np.int64))


def digits_problem(
    *,
    model: str = "cnn",
    optimizer: str = "adam",
    batch_size: int = 32,
    seed: int = 0,
    dropout: float = 0.25,
    dtype: torch.dtype = torch.float32,
) -> Problem:
    """A small network on the digits, with batch norm and dropout.

    Seeds torch's global generator: `seed` determines the weights, the order of the batches and the
    dropout masks on one kind of processor; with `DEMO` on any.

    Args:
        model: "cnn" or "mlp".
        optimizer: "adam" or "sgd" (momentum 0.9).
        batch_size: Images per mini-batch.
        seed: Any integer.
        dropout: Dropout probability, in [0, 1].
        dtype: Data type of the images and the weights.

    Returns:
        The problem, ready for `range_test`.

    Raises:
        ValueError: An unknown `model` or `optimizer`.
    """
    require_choice("model", model, MODELS)
    require_choice("optimizer", optimizer, OPTIMIZERS)
    torch.manual_seed(seed)
    network = (_cnn if model == "cnn" else _mlp)(dropout, dtype)
    images, labels = digits()
    data = TensorDataset(images.to(dtype), labels)
    loader = DataLoader(data, batch_size, shuffle=True, drop_last=True)
    return Problem(
        network, OPTIMIZERS[optimizer](network.parameters()), nn.CrossEntropyLoss(), loader
    )


class TwoHeads(nn.Module):
    """A shared trunk, a regression head "rul" and a classification head "health", 3 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
        self.heads = nn.ModuleDict({"rul": nn.Linear(32, 1), "health": nn.Linear(32, 3)})

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """The output of each head."""
        shared = self.trunk(x)
        return {name: head(shared) for name, head in self.heads.items()}


def two_task_losses(
    output: dict[str, torch.Tensor], target: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """The squared error of "rul" and the cross entropy of "health", unweighted."""
    return {
        "rul": nn.functional.mse_loss(output["rul"].squeeze(1), target["rul"]),
        "health": nn.functional.cross_entropy(output["health"], target["health"]),
    }


def two_task_problem(
    *, total: Total | None = None, optimizer: str = "sgd", batch_size: int = 32, seed: int = 0
) -> Problem:
    """Two tasks on a shared trunk, with losses of about 1000 and 1 before training.

    Predicts, from 16 features of a simulated machine, its remaining useful life "rul", with mean 0,
    a standard deviation of 32 cycles and noise of 3, and its "health" in three classes, with 10 %
    of the labels redrawn at random. Both depend on the same three directions. Seeds torch's global
    generator.

    Args:
        total: Combines the two losses; a `MultiTaskLoss` with equal weights if None.
        optimizer: "adam" or "sgd" (momentum 0.9).
        batch_size: Samples per mini-batch.
        seed: Any integer.

    Returns:
        The problem, ready for `range_test`.

    Raises:
        ValueError: An unknown `optimizer`.

    Example:
        >>> problem = two_task_problem()
        >>> x, target = next(iter(problem.train_loader))
        >>> losses = problem.loss_fn(problem.model(x), target)
        >>> 500 < losses["rul"].item() < 2000, 0.5 < losses["health"].item() < 2
        (True, True)
    """
    require_choice("optimizer", optimizer, OPTIMIZERS)
    torch.manual_seed(seed)
    x = torch.randn(2048, 16)
    hidden = torch.tanh(x @ torch.randn(16, 3) / 4)
    life = hidden @ torch.randn(3) + 0.5 * hidden.prod(1)
    rul = 32 * (life - life.mean()) / life.std() + 3 * torch.randn(2048)
    health = (hidden @ torch.randn(3, 3)).argmax(1)
    wrong = torch.rand(2048) < 0.1
    health[wrong] = torch.randint(0, 3, (int(wrong.sum()),))
    data = [(a, {"rul": b, "health": c}) for a, b, c in zip(x, rul, health, strict=True)]
    model = TwoHeads()
    return Problem(
        model,
        OPTIMIZERS[optimizer](model.parameters()),
        two_task_losses,  # type: ignore[arg-type]
        DataLoader(data, batch_size, shuffle=True, drop_last=True),  # type: ignore[arg-type]
        {"total": MultiTaskLoss(["rul", "health"]) if total is None else total},
    )


def _cnn(dropout: float, dtype: torch.dtype) -> nn.Module:
    layers = OrderedDict(
        conv1=nn.Conv2d(1, 16, 3, padding=1, dtype=dtype),
        norm1=nn.BatchNorm2d(16, dtype=dtype),
        relu1=nn.ReLU(),
        pool=nn.MaxPool2d(2),
        conv2=nn.Conv2d(16, 32, 3, padding=1, dtype=dtype),
        norm2=nn.BatchNorm2d(32, dtype=dtype),
        relu2=nn.ReLU(),
        flatten=nn.Flatten(),
        dropout=nn.Dropout(dropout),
        head=nn.Linear(32 * 16, 10, dtype=dtype),
    )
    return nn.Sequential(layers)


def _mlp(dropout: float, dtype: torch.dtype) -> nn.Module:
    layers = OrderedDict(
        flatten=nn.Flatten(),
        hidden1=nn.Linear(64, 128, dtype=dtype),
        norm1=nn.BatchNorm1d(128, dtype=dtype),
        relu1=nn.ReLU(),
        dropout=nn.Dropout(dropout),
        hidden2=nn.Linear(128, 64, dtype=dtype),
        relu2=nn.ReLU(),
        head=nn.Linear(64, 10, dtype=dtype),
    )
    return nn.Sequential(layers)
