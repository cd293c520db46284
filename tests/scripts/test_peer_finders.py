"""Other finders are asked with their own code, and what they take is counted."""

import logging
import math
import warnings
from dataclasses import replace
from functools import partial
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from oracle_families import ORACLE_TASKS
from peer_finders import FINDERS, HIGHEST, LOWEST, STEPS, ask, documented_default, short_grid
from torch import nn
from torch.utils.data import DataLoader

from lrfind import Problem

# What other packages warn of.
pytestmark = pytest.mark.filterwarnings("ignore")
NAME = "condition 10, SGD"


def build(seed=0):
    return ORACLE_TASKS[NAME].build(seed)


class Weight(nn.Module):
    """One weight, with loss w^2 / 2."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.weight * x


def parabola():
    model = Weight()
    loader = DataLoader(torch.utils.data.TensorDataset(torch.ones(8), torch.zeros(8)), 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    return Problem(model, optimizer, lambda y, t: (y - t).square().mean() / 2, loader)


def test_on_a_parabola_the_grid_finds_the_rate_that_ends_it_in_one_step():
    asked = ask(FINDERS["grid of 12 rates x 33 steps"], parabola)
    assert asked.lr == 1
    assert asked.steps == 12 * 33


def test_where_every_rate_blows_up_the_grid_has_none():
    def lost():
        return replace(parabola(), loss_fn=lambda y, t: (y - t).square().mean() * math.nan)

    assert math.isnan(short_grid(2, 3, lost))


def test_the_documented_default_takes_no_step():
    asked = ask(documented_default, build)
    assert (asked.lr, asked.steps, asked.error) == (1e-3, 0, "")


@pytest.mark.parametrize("given", [math.nan, math.inf, 0.0, -1.0])
def test_what_is_no_rate_counts_as_none(given):
    assert math.isnan(ask(lambda build: given, build).lr)


def test_an_error_after_a_step_is_no_answer_and_one_before_is_raised():
    def refuses(build):
        problem = build()
        problem.optimizer.step()
        raise IndexError("too few points")

    asked = ask(refuses, build)
    assert math.isnan(asked.lr)
    assert (asked.steps, asked.error) == (1, "IndexError: too few points")

    def broken(build):
        raise RuntimeError("not installed")

    with pytest.raises(RuntimeError, match="not installed"):
        ask(broken, build)


def test_nothing_is_printed_warned_of_or_logged_and_that_ends(capsys, caplog):
    def loud(build):
        build().optimizer.step()
        print("here")
        warnings.warn("there", stacklevel=1)
        logging.getLogger("loud").warning("everywhere")
        raise ValueError

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        ask(loud, build)
        assert capsys.readouterr() == ("", "")
        assert not caplog.records
        assert not [each for each in warned if str(each.message) == "there"]
    logging.getLogger("loud").warning("again")
    assert [record.message for record in caplog.records] == ["again"]


def test_a_schedule_free_optimizer_is_told_that_training_begins():
    name = "polynomial mlp layer norm, schedule-free AdamW"
    asked = ask(partial(short_grid, 2, 3), partial(ORACLE_TASKS[name].build, 0))
    assert asked.steps == 6


def sweep(problem, rates):
    """An ordinary loop over rates; the losses before every step."""
    losses = []
    batches = [batch for _ in range(100) for batch in problem.train_loader]
    for lr, (inputs, targets) in zip(rates, batches, strict=False):
        problem.optimizer.param_groups[0]["lr"] = lr
        problem.optimizer.zero_grad()
        loss = problem.loss_fn(problem.model(inputs), targets)
        loss.backward()
        problem.optimizer.step()
        losses.append(float(loss))
    return losses


def test_torch_lr_finder_suggests_where_its_smoothed_loss_falls_fastest():
    pytest.importorskip("torch_lr_finder")
    asked = ask(FINDERS["torch-lr-finder"], build)
    rates = LOWEST * (HIGHEST / LOWEST) ** (np.arange(STEPS) / (STEPS - 1))
    smooth = []
    for loss in sweep(build(), rates):
        smooth.append(0.05 * loss + 0.95 * smooth[-1] if smooth else loss)
        if smooth[-1] > 5 * min(smooth):
            break
    assert asked.steps == len(smooth)
    assert asked.lr == pytest.approx(rates[10:][np.gradient(smooth[10:-5]).argmin()])


def test_ignite_answers_as_when_it_is_called_by_hand():
    pytest.importorskip("ignite")
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    problem, finder = build(), FastaiLRFinder()
    trainer = create_supervised_trainer(problem.model, problem.optimizer, problem.loss_fn)
    with finder.attach(trainer, {"model": problem.model, "optimizer": problem.optimizer},
                       num_iter=100, start_lr=1e-7, end_lr=10.0) as training:  # fmt: skip
        training.run(problem.train_loader, max_epochs=100)
    asked = ask(FINDERS["pytorch-ignite"], build)
    assert asked.lr == finder.lr_suggestion()
    assert asked.steps == len(finder.get_results()["lr"])


def test_lightning_suggests_where_its_smoothed_loss_falls_fastest_over_the_rate():
    pytest.importorskip("lightning")
    asked = ask(FINDERS["lightning"], build)
    # Its first ratio of rates is that of two steps, and its debiasing is one step ahead.
    rates = 1e-8 * 1e8 ** (np.array([0, *range(2, 101)]) / 100)
    average, smooth = 0.0, []
    for step, loss in enumerate(sweep(build(), rates), 1):
        average = 0.98 * average + 0.02 * loss
        smooth.append(average / (1 - 0.98 ** (step + 1)))
    assert asked.steps == len(smooth) == 100
    slopes = np.gradient(smooth[10:-1], rates[10:-1])
    assert asked.lr == pytest.approx(rates[10 + slopes.argmin()], rel=1e-4)


@pytest.mark.parametrize("rule", ["valley", "slide", "minimum", "steep"])
def test_fastai_answers_as_when_its_learner_is_called_with_all_rules_at_once(rule):
    pytest.importorskip("fastai")
    from fastai.callback.schedule import minimum, slide, steep, valley
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.optimizer import OptimWrapper

    problem = build()
    with TemporaryDirectory() as folder:
        learner = Learner(
            DataLoaders(problem.train_loader, problem.train_loader, device=torch.device("cpu")),
            problem.model, problem.loss_fn,
            opt_func=lambda params, lr: OptimWrapper(params, torch.optim.SGD, lr=lr),
            path=folder,
        )  # fmt: skip
        with learner.no_bar():
            found = learner.lr_find(suggest_funcs=(valley, slide, minimum, steep), show_plot=False)
    asked = ask(FINDERS[f"fastai {rule}"], build)
    assert asked.lr == getattr(found, rule)
    assert asked.steps == len(learner.recorder.lrs)
