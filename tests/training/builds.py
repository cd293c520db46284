"""Functions that make a problem, to be imported by worker processes."""

import os
import random
import signal
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrfind import Problem
from lrfind.training.random_state import seed_everything


def regression(width=8, optimizer="sgd", batch_size=8, scale=1.0):
    """Draws from NumPy and torch; weights, data and order follow from the seed."""
    data = TensorDataset(torch.randn(64, 4) * scale, torch.randn(64, 1))
    model = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, 1))
    with torch.no_grad():
        model[0].weight += float(np.random.normal())  # noqa: NPY002
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    return (
        model,
        make(model.parameters(), lr=0.1),
        nn.MSELoss(),
        DataLoader(data, batch_size, shuffle=True),
    )


def all_generators(width=8):
    """Draws from Python's generator too, which other threads of a Dask worker draw from."""
    return regression(width, scale=1 + random.random())


def as_problem(width=8):
    return Problem(*regression(width), options={"num_iter": 25, "start_lr": 1e-5})


def own_seed():
    seed_everything(1)
    return regression()


def picky(seed, width=8):
    if seed == 1:
        raise RuntimeError(f"no data for {seed}")
    return regression(width)


def mortal(seed, marker, width=8):
    """The worker with seed 1 dies, but only the first time."""
    if seed == 1 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return regression(width)


def deadly(seed, parent):
    """Seed 1 kills every worker, though never the tests."""
    if seed == 1:
        assert os.getpid() != parent
        os.kill(os.getpid(), signal.SIGKILL)
    return regression()


def counted(seed, folder):
    """Leaves a file for each time it is called."""
    names = len(list(Path(folder).iterdir()))
    (Path(folder) / f"{seed}-{names}-{os.getpid()}").touch()
    return regression()
