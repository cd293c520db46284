"""The bundled problem: handwritten digits, a small network, and the batches to train it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from importlib.resources import files

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrfind._errors import require_choice
from lrfind.training.problem import Problem

OPTIMIZERS: dict[str, Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]] = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
}
MODELS = ("cnn", "mlp")


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """The 1,797 handwritten digits of the UCI repository, bundled (see `data/LICENSE-digits.md`).

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
    *, model: str = "cnn", optimizer: str = "adam", batch_size: int = 32, seed: int = 0
) -> Problem:
    """A small network on the digits, with batch norm and dropout.

    Seeds torch's global generator: the weights, the order of the batches and the dropout masks
    follow from `seed`.

    Args:
        model: "cnn" or "mlp".
        optimizer: "adam" or "sgd" (momentum 0.9).
        batch_size: Images per mini-batch.
        seed: Any whole number.

    Returns:
        The problem, ready for `range_test`.

    Raises:
        ValueError: An unknown `model` or `optimizer`.
    """
    require_choice("model", model, MODELS)
    require_choice("optimizer", optimizer, OPTIMIZERS)
    torch.manual_seed(seed)
    network = _cnn() if model == "cnn" else _mlp()
    data = TensorDataset(*digits())
    loader = DataLoader(data, batch_size, shuffle=True, drop_last=True)
    return Problem(
        network, OPTIMIZERS[optimizer](network.parameters()), nn.CrossEntropyLoss(), loader
    )


def _cnn() -> nn.Module:
    layers = OrderedDict(
        conv1=nn.Conv2d(1, 16, 3, padding=1),
        norm1=nn.BatchNorm2d(16),
        relu1=nn.ReLU(),
        pool=nn.MaxPool2d(2),
        conv2=nn.Conv2d(16, 32, 3, padding=1),
        norm2=nn.BatchNorm2d(32),
        relu2=nn.ReLU(),
        flatten=nn.Flatten(),
        dropout=nn.Dropout(0.25),
        head=nn.Linear(32 * 16, 10),
    )
    return nn.Sequential(layers)


def _mlp() -> nn.Module:
    layers = OrderedDict(
        flatten=nn.Flatten(),
        hidden1=nn.Linear(64, 128),
        norm1=nn.BatchNorm1d(128),
        relu1=nn.ReLU(),
        dropout=nn.Dropout(0.25),
        hidden2=nn.Linear(128, 64),
        relu2=nn.ReLU(),
        head=nn.Linear(64, 10),
    )
    return nn.Sequential(layers)
