"""Networks that start from weights made by a short training on other data."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from benchmark_tasks import Data
from ordinary_training import batches
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

PRETRAINING_STEPS = 500


@cache
def pretrained(
    network: Callable[[], nn.Module], data: Callable[[], Data], loss_fn: nn.Module
) -> dict[str, Tensor]:
    """Weights after a training with Adam from a fixed seed; torch's global generator is put back.

    Returns:
        The state of the model by name.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        model = network()
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        loader = DataLoader(TensorDataset(*data()), 64, shuffle=True, drop_last=True)
        for inputs, targets in batches(loader, PRETRAINING_STEPS):
            optimizer.zero_grad()
            loss_fn(model(inputs), targets).backward()
            optimizer.step()
    return model.state_dict()


def fine_tuned(
    network: Callable[[], nn.Module],
    data: Callable[[], Data],
    loss_fn: nn.Module,
    *,
    head: Callable[[], nn.Module] | None = None,
    fresh: str = "",
) -> nn.Module:
    """A network with weights from elsewhere, and a new head drawn from the current seed.

    Args:
        network: Makes the network that is trained first.
        data: What it is trained on.
        loss_fn: The loss it is trained with.
        head: Makes the network to return, if it differs from the first in its head.
        fresh: How the names of the parameters begin that are not taken over; none if empty.
    """
    model = (head or network)()
    weights = pretrained(network, data, loss_fn)
    taken = {
        name: value for name, value in weights.items() if not (fresh and name.startswith(fresh))
    }
    model.load_state_dict(model.state_dict() | taken)
    return model
