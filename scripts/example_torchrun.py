"""An LR range test over several processes.

    torchrun --nproc-per-node 2 -m lrfind run scripts/example_torchrun.py:problem --out lrfind-out

`lrfind run` makes the process group before it calls `problem`, averages the losses over the ranks,
stops all of them at the same step, puts the state back on each, and writes and prints on the first
alone. In a script of your own, call `lrfind.range_test` on every rank; all get the same result.
"""

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import lrfind
from lrfind.demo import digits


def problem() -> lrfind.Problem:
    """A small network on the digits, its gradients averaged over the ranks."""
    device = torch.accelerator.current_accelerator() or torch.device("cpu")
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    model = DistributedDataParallel(network.to(device))
    data = TensorDataset(*digits())
    loader = DataLoader(data, batch_size=16, sampler=DistributedSampler(data))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return lrfind.Problem(model, optimizer, nn.CrossEntropyLoss(), loader)
