"""Every task of the oracle is sound, and trained side by side it is what it is alone."""

import random

import numpy as np
import pytest
import torch
from oracle_families import FAMILIES, FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_optimizers import RULES
from oracle_task import LONG, Run
from oracle_training import train, train_ordinarily
from torch.optim import Muon

import lrfind

STEPS = 5


@pytest.mark.parametrize("name", ORACLE_TASKS)
def test_a_lane_of_a_task_is_its_ordinary_training(name):
    task = ORACLE_TASKS[name]
    runs = [Run(run.schedule, (STEPS,)) for run in task.runs[:2]]
    rates = task.rates[[14, 19]]
    initial, found = train(task, 0, runs=runs, rates=rates, dtype=torch.float64)
    assert np.all(np.isfinite(initial))
    # State in single or half precision sets the limit, as in the tests of the optimizers.
    tolerance = 1e-3 if task.optimizer_class is Muon else 1e-5
    for run, losses in zip(runs, found, strict=True):
        alone = train_ordinarily(task, 0, run, rates[1], dtype=torch.float64)
        alone[np.isnan(alone)] = np.inf
        np.testing.assert_allclose(losses[:, 0, 1], alone, rtol=tolerance)


@pytest.mark.parametrize("name", ORACLE_TASKS)
def test_a_task_is_made_by_its_seed_alone(name):
    first, again, other = (ORACLE_TASKS[name].build(seed) for seed in (0, 0, 1))
    for one, two in zip(first.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(one, two)
    batch, same = (next(iter(each.train_loader))[0] for each in (first, again))
    assert torch.equal(batch, same)
    assert not torch.equal(batch, next(iter(other.train_loader))[0])


@pytest.mark.parametrize("name", ORACLE_TASKS)
def test_no_validation_sample_is_trained_on(name):
    (train_inputs, _), (rest, _) = ORACLE_TASKS[name].split()
    seen = {sample.numpy().tobytes() for sample in train_inputs}
    held_out = [sample.numpy().tobytes() for sample in rest]
    # A few of the flowers have the same measures.
    alike = 3 if name in ("iris mlp, Adam", "petals linear, Adagrad") else 0
    assert sum(sample in seen for sample in held_out) <= alike


@pytest.mark.parametrize("name", ORACLE_TASKS)
def test_a_range_test_runs_on_it(name):
    task = ORACLE_TASKS[name]
    problem = task.build(0)
    result = lrfind.range_test(
        problem.model,
        problem.optimizer,
        problem.loss_fn,
        problem.train_loader,
        start_lr=task.rates[0],
        end_lr=task.rates[12],
        num_iter=6,
    )
    assert len(result.loss) == 6
    assert np.all(np.isfinite(result.loss))


def test_there_are_enough_tasks_families_horizons_and_batch_sizes():
    assert len(ORACLE_TASKS) == sum(map(len, FAMILIES.values())) >= 60
    assert len(FAMILIES) >= 12
    assert min(map(len, FAMILIES.values())) >= 4
    assert sum(task.horizons == LONG for task in ORACLE_TASKS.values()) >= len(ORACLE_TASKS) / 3
    assert {task.batch_size for task in ORACLE_TASKS.values()} >= {8, 16, 32, 64, 128, 256, 512}


def test_every_optimizer_is_in_more_than_one_family_that_is_not_locked():
    families = {optimizer: set() for optimizer in RULES}
    for name, task in ORACLE_TASKS.items():
        families[task.optimizer_class].add(FAMILY_OF[name])
    assert min(len(found - LOCKED) for found in families.values()) >= 2


def test_a_quarter_of_the_families_is_locked_and_was_drawn():
    assert sorted(LOCKED) == ["denoising", "memory", "residual nets", "text"]
    assert set(random.Random(20).sample(sorted(FAMILIES), len(FAMILIES) // 4)) == LOCKED
