"""Other learning-rate finders, each with its own code and as its documentation has it.

A finder is a function of what builds the problem, a fresh one at every call; it returns a rate, NaN
if it gives none. Each package is imported when it is asked; all are in the extra `bench`. fastai
brings torchvision and does without it here: take it off where it is not of the same build as torch,
as Lightning fails beside such a one.
"""

from __future__ import annotations

import contextlib
import io
import logging
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from ordinary_training import batches

from lrfind import Problem

Build = Callable[[], Problem]
Finder = Callable[[Build], float]

STEPS = 100
"""Of a sweep; the default of every peer that has one."""
LOWEST, HIGHEST = 1e-7, 10.0
"""Rates of a sweep, where the package leaves them to the optimizer."""


@dataclass(frozen=True)
class Asked:
    """What a finder said.

    Attributes:
        lr: The rate; NaN if it gave none.
        steps: Steps that its optimizers took.
        error: What it raised instead of an answer.
    """

    lr: float
    steps: int
    error: str = ""


def ask(finder: Finder, build: Build) -> Asked:
    """Ask a finder once; errors that it is known to raise instead of an answer count as none."""
    steps, error = 0, ""

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    def counted() -> Problem:
        problem = build()
        problem.optimizer.register_step_post_hook(count)
        # Schedule-free optimizers take no step before they are told that training begins.
        if hasattr(problem.optimizer, "train"):
            problem.optimizer.train()
        return problem

    try:
        with quiet():
            lr = float(finder(counted))
    except (RuntimeError, ValueError, IndexError) as raised:
        # Before the first step it is the installation that fails, not the finder.
        if not steps:
            raise
        lr, error = math.nan, f"{type(raised).__name__}: {raised}"
    return Asked(lr if math.isfinite(lr) and lr > 0 else math.nan, steps, error)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing is printed, warned of or logged."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def documented_default(build: Build) -> float:
    """The rate that the optimizer has if none is given."""
    return float(build().optimizer.defaults["lr"])


def set_rate(problem: Problem, lr: float) -> None:
    """Give every parameter group the same rate."""
    for group in problem.optimizer.param_groups:
        group["lr"] = lr


def short_grid(rates: int, steps: int, build: Build) -> float:
    """What a careful user does by hand: short trainings, the best mean of the last losses.

    Args:
        rates: How many, from 1e-5 to about 3; half a decade apart if there are 12.
        steps: Of each training. The last fifth of its losses counts.
        build: Makes the problem.
    """
    tried = np.logspace(-5, 0.5, rates)
    ends = []
    for lr in tried:
        problem = build()
        set_rate(problem, float(lr))
        losses = [step(problem, *batch) for batch in batches(problem.train_loader, steps)]
        end = float(np.mean(losses[-steps // 5 :]))
        ends.append(end if math.isfinite(end) else math.inf)
    return float(tried[int(np.argmin(ends))]) if min(ends) < math.inf else math.nan


def step(problem: Problem, inputs: torch.Tensor, targets: torch.Tensor) -> float:
    """An ordinary training step; the loss before it."""
    problem.optimizer.zero_grad()
    loss = problem.loss_fn(problem.model(inputs), targets)
    loss.backward()
    problem.optimizer.step()
    return float(loss.item())


def torch_lr_finder(build: Build) -> float:
    """torch-lr-finder: the steepest fall of its EMA of 0.95, as its plot suggests."""
    import matplotlib.pyplot as plt
    from torch_lr_finder import LRFinder

    problem = build()
    set_rate(problem, LOWEST)
    finder = LRFinder(problem.model, problem.optimizer, problem.loss_fn, device="cpu")
    finder.range_test(problem.train_loader, end_lr=HIGHEST, num_iter=STEPS)
    _, axes = plt.subplots()
    try:
        _, lr = finder.plot(suggest_lr=True, ax=axes)
    finally:
        plt.close(axes.figure)
    return float(lr)


def ignite(build: Build) -> float:
    """pytorch-ignite's `FastaiLRFinder`."""
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    problem, finder = build(), FastaiLRFinder()
    trainer = create_supervised_trainer(problem.model, problem.optimizer, problem.loss_fn)
    saved = {"model": problem.model, "optimizer": problem.optimizer}
    options = {"num_iter": STEPS, "start_lr": LOWEST, "end_lr": HIGHEST}
    with finder.attach(trainer, saved, **options) as training:
        epochs = math.ceil(STEPS / len(problem.train_loader))
        training.run(problem.train_loader, max_epochs=epochs)
    return float(finder.lr_suggestion())


def lightning(build: Build) -> float:
    """Lightning's tuner, which sweeps from 1e-8 to 1."""
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.tuner import Tuner

    class Module(LightningModule):  # type: ignore[misc]
        def __init__(self, problem: Problem) -> None:
            super().__init__()
            self.lr = 1e-3
            self.problem, self.model = problem, problem.model

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return self.problem.loss_fn(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            set_rate(self.problem, self.lr)
            return self.problem.optimizer

    problem = build()
    with TemporaryDirectory() as folder:
        trainer = Trainer(
            max_epochs=STEPS, accelerator="cpu", logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder,
        )  # fmt: skip
        found = Tuner(trainer).lr_find(Module(problem), train_dataloaders=problem.train_loader)
    lr = found.suggestion() if found else None
    return math.nan if lr is None else float(lr)


def fastai(rule: str, build: Build) -> float:
    """`Learner.lr_find` of fastai on plain loaders, with one of its suggestion functions.

    Args:
        rule: "valley", which is fastai's default, "slide", "minimum" or "steep".
        build: Makes the problem.
    """
    from fastai.callback import schedule
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    problem = build()
    loaders = DataLoaders(problem.train_loader, problem.train_loader, device=torch.device("cpu"))
    with TemporaryDirectory() as folder:
        learner = Learner(
            loaders, problem.model, problem.loss_fn,
            opt_func=OptimWrapper(opt=problem.optimizer), path=folder,
        )  # fmt: skip
        with learner.no_bar(), learner.no_logging():
            found = learner.lr_find(show_plot=False, suggest_funcs=getattr(schedule, rule))
    return float(found[0])


FINDERS: dict[str, Finder] = {
    "documented default": documented_default,
    "grid of 12 rates x 33 steps": partial(short_grid, 12, 33),
    "torch-lr-finder": torch_lr_finder,
    "pytorch-ignite": ignite,
    "lightning": lightning,
    **{f"fastai {rule}": partial(fastai, rule) for rule in ("valley", "slide", "minimum", "steep")},
}
