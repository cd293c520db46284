"""Small real training problems for the tests, and everything about them that can change."""

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=3, history_size=4),
}


class Counting(nn.Module):
    """A module with state that no `state_dict` holds: a counter and a hidden tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.hidden = torch.zeros(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.hidden = self.hidden * 0.5 + x.detach().mean()
        return x + 0.01 * self.hidden


def make_model() -> nn.Module:
    """Batch norm (one frozen in eval mode), dropout, a frozen layer and a stateful module."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Linear(6, 16),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.3),
        Counting(),
        nn.Linear(16, 16),
        nn.BatchNorm1d(16),
        nn.Linear(16, 3),
    )
    model[5].weight.requires_grad_(False)
    model[6].eval()
    return model


def trainable(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def make_loader(**options: Any) -> DataLoader:
    """96 points, shuffled by a generator of the loader's own."""
    rng = torch.Generator().manual_seed(2)
    x = torch.randn(96, 6, generator=rng)
    y = torch.randint(0, 3, (96,), generator=rng)
    options = {
        "dataset": TensorDataset(x, y),
        "batch_size": 8,
        "shuffle": True,
        "generator": rng,
    } | options
    return DataLoader(**options)


loss_fn = nn.CrossEntropyLoss()


def train(model: nn.Module, optimizer: torch.optim.Optimizer, loader: Any, steps: int):
    """The losses of that many ordinary training steps."""
    losses: list[float] = []
    for x, y in forever(loader):

        def closure(x: torch.Tensor = x, y: torch.Tensor = y) -> torch.Tensor:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            return loss

        losses.append(optimizer.step(closure).item())
        if len(losses) == steps:
            return losses
    raise AssertionError


def forever(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader


def everything(model: nn.Module, optimizer: torch.optim.Optimizer, loader: Any) -> Any:
    """All state of a training run as plain, comparable values: tensors as bytes."""
    return plain(
        {
            "parameters": [(n, p, p.grad, p.requires_grad) for n, p in model.named_parameters()],
            "buffers": list(model.named_buffers()),
            "modes": [module.training for module in model.modules()],
            "attributes": [
                {k: v for k, v in vars(module).items() if not k.startswith("_")}
                for module in model.modules()
            ],
            "state": [(i, optimizer.state.get(p)) for i, p in enumerate(model.parameters())],
            "state_size": len(optimizer.state),
            "groups": optimizer.param_groups,
            "loader": getattr(loader, "generator", None),
            "random": [random.getstate(), np.random.get_state(), torch.get_rng_state()],  # noqa: NPY002
        }
    )


def plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.detach().numpy().tobytes()
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, torch.Generator):
        return plain(value.get_state())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
