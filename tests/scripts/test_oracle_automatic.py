"""Automatic optimizers are trained as an ordinary loop trains them."""

from dataclasses import replace

import numpy as np
import oracle_automatic
import pytest
import torch
from oracle_automatic import AUTOMATIC, load, main, optimizer_for, scores, train
from oracle_families import ORACLE_TASKS
from oracle_table import Entry, Table
from oracle_task import Run
from oracle_training import train_ordinarily
from ordinary_training import batches, validation_loss
from pytorch_optimizer import DAdaptAdam, DAdaptSGD, Prodigy
from schedulefree import AdamWScheduleFree, SGDScheduleFree
from torch import nn

NAME, OTHER = "condition 10, SGD", "petals linear, Adagrad"
NORMED = replace(ORACLE_TASKS["stripes cnn batch norm, Nesterov"], horizons=(6, 10))


def test_a_task_trained_with_sgd_takes_the_variant_made_from_it():
    chosen = {
        name: [optimizer_for(ORACLE_TASKS[name], each) for each in AUTOMATIC]
        for name in (NAME, OTHER)
    }
    assert chosen[NAME] == [Prodigy, DAdaptSGD, SGDScheduleFree]
    assert chosen[OTHER] == [Prodigy, DAdaptAdam, AdamWScheduleFree]


@pytest.mark.parametrize("name", [NAME, OTHER])
def test_the_task_s_own_optimizer_ends_where_the_oracle_s_ordinary_loop_ends(name):
    task = replace(ORACLE_TASKS[name], horizons=(20, 30))
    default = task.optimizer([nn.Parameter(torch.zeros(1))]).defaults["lr"]
    expected = [train_ordinarily(task, 1, Run("constant", (n,)), default)[0] for n in (20, 30)]
    np.testing.assert_array_equal(train(task, 1, task.optimizer), expected)


@pytest.mark.parametrize("make", [Prodigy, DAdaptSGD, DAdaptAdam])
def test_an_automatic_optimizer_ends_where_an_ordinary_loop_ends(make):
    task = replace(ORACLE_TASKS[OTHER], horizons=(30,))
    problem = task.build(0)
    optimizer = make(problem.model.parameters())
    for inputs, targets in batches(problem.train_loader, 30):
        optimizer.zero_grad()
        problem.loss_fn(problem.model(inputs), targets).backward()
        optimizer.step()
    assert train(task, 0, make).tolist() == [validation_loss(task, problem.model)]


def test_schedule_free_is_judged_at_its_average_with_batch_norm_calibrated_there():
    problem = NORMED.build(0)
    model, optimizer = problem.model, SGDScheduleFree(problem.model.parameters())
    optimizer.train()
    for inputs, targets in batches(problem.train_loader, 10):
        optimizer.zero_grad()
        problem.loss_fn(model(inputs), targets).backward()
        optimizer.step()
    optimizer.eval()
    without = validation_loss(NORMED, model)
    model.train()
    with torch.no_grad():
        for inputs, _ in batches(NORMED.build(0).train_loader, 10):
            model(inputs)
    expected = validation_loss(NORMED, model)
    found = train(NORMED, 0, SGDScheduleFree)[1]
    assert found == pytest.approx(expected, rel=1e-6)
    assert found != pytest.approx(without, rel=1e-3)


def test_a_horizon_on_the_way_changes_nothing():
    alone = train(replace(NORMED, horizons=(10,)), 0, SGDScheduleFree)
    assert train(NORMED, 0, SGDScheduleFree)[1:] == pytest.approx(alone, rel=1e-6)


def test_what_blows_up_is_infinite():
    task = replace(ORACLE_TASKS[NAME], horizons=(200,))
    assert train(task, 0, lambda weights: torch.optim.SGD(weights, lr=1e9)).tolist() == [np.inf]


@pytest.fixture
def short(monkeypatch):
    tasks = {name: replace(ORACLE_TASKS[name], horizons=(2, 4)) for name in (NAME, OTHER)}
    monkeypatch.setattr(oracle_automatic, "ORACLE_TASKS", tasks)
    monkeypatch.setattr(oracle_automatic, "settle", lambda: None)


def test_the_command_saves_every_task_once_and_packs_them(short, tmp_path, monkeypatch):
    monkeypatch.setattr(oracle_automatic, "FILE", tmp_path / "automatic.npz")
    arguments = ["--jobs", "1", "--folder", str(tmp_path / "single")]
    main(arguments)
    losses = load(tmp_path / "automatic.npz")
    assert {name: each.shape for name, each in losses.items()} == dict.fromkeys(
        (NAME, OTHER), (3, 3, 2)
    )
    task = oracle_automatic.ORACLE_TASKS[OTHER]
    np.testing.assert_allclose(losses[OTHER][1, 2], train(task, 2, DAdaptAdam), rtol=1e-6)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "single").iterdir()}
    main(arguments)
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_the_regret_is_against_the_best_rate_and_may_be_negative():
    constant = np.broadcast_to([1.0, 0.5, 2.0], (3, 2, 1, 3))
    entry = Entry(np.array([0.01, 0.1, 1.0]), (300,), np.full((3, 2), 2.0), {"constant": constant})
    losses = {
        name: np.array([[0.5, 1.25, np.inf], [0.2, 0.2, 0.2], [5.0, 3.0, 1.0]])[..., None]
        for name in (NAME, OTHER)
    }
    found = scores(losses, Table({NAME: entry, OTHER: entry}))
    # Medians 1.25, 0.2 and 2, as more than before training counts as that.
    assert [each.regrets for each in found] == [
        {("constant", 300): pytest.approx(regret)} for regret in (0.5, -0.2, 1.0)
    ]
    assert [each.failed for each in found] == [0, 0, 1]
    assert [each.finder for each in found] == list(AUTOMATIC)


@pytest.mark.skipif(not oracle_automatic.FILE.exists(), reason="nothing has been trained")
def test_the_committed_file_has_every_open_task():
    losses = load()
    open_ = {
        name
        for name in ORACLE_TASKS
        if oracle_automatic.FAMILY_OF[name] not in oracle_automatic.LOCKED
    }
    assert set(losses) == open_
    for name, each in losses.items():
        assert each.shape == (3, 3, len(ORACLE_TASKS[name].horizons))
        assert not np.isnan(each).any()
