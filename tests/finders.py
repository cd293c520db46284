"""Other LR finders on a small net, beside the raw losses and the rates of the steps they made."""

import contextlib
import io
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.utils.data import DataLoader, TensorDataset

# What other packages warn of.
QUIET = pytest.mark.filterwarnings("ignore")


@dataclass
class Job:
    """A net that learns to add, and what is seen of its training.

    Attributes:
        lr: Rate of the optimizer; a list gives each layer its own.
        size: Number of samples, in batches of 8.
        losses: The loss of every batch.
        rates: The rate of the first parameter group at every step.
    """

    lr: float | list[float] = 0.1
    size: int = 256
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def __post_init__(self):
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
        x = torch.randn(self.size, 3)
        noise = 0.3 * torch.randn(self.size, 1)
        data = TensorDataset(x, x.sum(1, keepdim=True) + noise)
        self.loader = DataLoader(data, batch_size=8, shuffle=True)
        rates = self.lr if isinstance(self.lr, list) else [self.lr]
        layers = (self.model[0], self.model[2]) if len(rates) == 2 else (self.model,)
        groups = [
            {"params": layer.parameters(), "lr": lr}
            for layer, lr in zip(layers, rates, strict=True)
        ]
        self.optimizer = torch.optim.SGD(groups, lr=rates[0])
        self.optimizer.register_step_pre_hook(
            lambda optimizer, args, kwargs: self.rates.append(optimizer.param_groups[0]["lr"])
        )

    def loss_fn(self, guess, target):
        loss = mse_loss(guess, target)
        self.losses.append(loss.item())
        return loss

    def assert_recorded(self, result, *, rtol=1e-6, atol=0.0):
        """A result has these losses, and exactly these rates."""
        assert np.all(np.abs(result.loss - self.losses) <= atol + rtol * np.abs(self.losses))
        np.testing.assert_array_equal(result.lr, self.rates)


def torch_lr_finder(job, **options):
    """torch-lr-finder, from the rate of the optimizer."""
    pytest.importorskip("torch_lr_finder")
    from torch_lr_finder import LRFinder

    finder = LRFinder(job.model, job.optimizer, job.loss_fn, device="cpu")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        finder.range_test(job.loader, **{"end_lr": 3, "num_iter": 80} | options)
    return finder


def ignite(job, **options):
    """ignite's FastaiLRFinder."""
    pytest.importorskip("ignite")
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    trainer = create_supervised_trainer(job.model, job.optimizer, job.loss_fn)
    finder, saved = FastaiLRFinder(), {"model": job.model, "optimizer": job.optimizer}
    options = {"num_iter": 80, "start_lr": 1e-5, "end_lr": 3.0} | options
    with finder.attach(trainer, saved, **options) as training:
        training.run(job.loader)
    return finder


def lightning(job, folder, *, before=0, accumulate=1, **options):
    """Lightning's Tuner, after so many steps of training."""
    pytest.importorskip("lightning")
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.tuner import Tuner

    class Module(LightningModule):
        lr = 0.1

        def training_step(self, batch, index):
            return job.loss_fn(job.model(batch[0]), batch[1])

        def configure_optimizers(self):
            return job.optimizer

    trainer = Trainer(
        max_epochs=-1, max_steps=before or -1, accelerator="cpu", logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=folder, accumulate_grad_batches=accumulate,
    )  # fmt: skip
    module = Module()
    module.model = job.model
    if before:
        trainer.fit(module, job.loader)
        trainer.fit_loop.epoch_loop.max_steps = -1
        job.losses.clear()
        job.rates.clear()
    options = {"min_lr": 1e-5, "max_lr": 3.0, "num_training": 80, "update_attr": False} | options
    with contextlib.redirect_stderr(io.StringIO()):
        return Tuner(trainer).lr_find(module, job.loader, **options)


def fastai(job, folder, beta=0.98):
    """fastai's learner after `lr_find`, with that beta of its recorder."""
    pytest.importorskip("fastai.callback.schedule")
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    loaders = DataLoaders(job.loader, job.loader, device=torch.device("cpu"))
    learn = Learner(
        loaders, job.model, job.loss_fn, opt_func=OptimWrapper(opt=job.optimizer), path=folder
    )
    learn.recorder.smooth_loss.beta = beta
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        learn.lr_find(show_plot=False)
    return learn
