"""What two ranks do with Lightning; each writes OUT/<scenario>.<rank>.json.

torchrun --nproc-per-node 2 lightning_ranks.py OUT
"""

import json
import os
import sys
from pathlib import Path

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import nn
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

import lrfind
from lrfind.integrations.lightning import prepared, range_test

SETTINGS = {"num_iter": 40, "end_lr": 1.0}
x = torch.randn(64, 3, generator=torch.Generator().manual_seed(0))
DATA = TensorDataset(x, x.sum(1, keepdim=True))


class Module(LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net, self.seen = nn.Linear(3, 1), []

    def loss_of(self, batch):
        return nn.functional.mse_loss(self.net(batch[0]), batch[1])

    def training_step(self, batch, batch_idx):
        loss = self.loss_of(batch)
        self.seen.append(loss.item())
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer():
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return Trainer(accelerator="cpu", devices=2, strategy="ddp", max_epochs=2, **quiet)


def batches():
    """Every rank has every other sample, so half of each batch of 8."""
    # Lightning's own sampler would shuffle.
    sampler = DistributedSampler(DATA, 2, int(os.environ["RANK"]), shuffle=False)
    return DataLoader(DATA, batch_size=4, sampler=sampler)


def joined():
    """The same training in this process alone, on the batches of both."""
    module = Module()
    return lrfind.Problem(
        module,
        module.configure_optimizers(),
        None,
        DataLoader(DATA, batch_size=8),
        {"forward": lambda model, batch: model.loss_of(batch), "all_ranks": False},
    )


def told(result):
    return {
        "lr": result.lr.tolist(),
        "loss": result.loss.tolist(),
        "epoch_steps": result.epoch_steps,
    }


def swept():
    result = range_test(trainer(), Module(), batches(), **SETTINGS)
    return {**told(result), "joined": told(joined().range_test(**SETTINGS))}


def verified():
    """The losses of short trainings at two rates."""
    asked = {"rates": (1e-2, 1e-1), "num_iter": 20, "progress": False}
    with prepared(trainer(), Module(), batches()) as problem:
        found = problem.verify(**asked)
    return [
        [each.run.loss.tolist() for each in checked.trials[:2]]
        for checked in (found, joined().verify(**asked))
    ]


def trained():
    """The losses of a shuffled training, without and with a range test before."""
    losses = []
    for tested in (False, True):
        module, training = Module(), trainer()
        loader = DataLoader(DATA, batch_size=4, shuffle=True)
        if tested:
            range_test(training, module, loader, **SETTINGS)
        training.fit(module, loader)
        losses.append(module.seen)
    return losses


def main():
    torch.set_num_threads(1)
    rank = os.environ["RANK"]
    for scenario in (swept, verified, trained):
        Path(sys.argv[1], f"{scenario.__name__}.{rank}.json").write_text(json.dumps(scenario()))
    os._exit(0)


if __name__ == "__main__":
    main()
