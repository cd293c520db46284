"""Normalised and unnormalised totals of two tasks of about 1000 to 1, measured."""

from functools import lru_cache

import numpy as np
import pytest

from lrfind import MultiTaskLoss, Verdict
from lrfind.demo import two_task_problem

NAMES = ["rul", "health"]
RUNS = [(optimizer, seed) for optimizer in ("sgd", "adam") for seed in (0, 1, 2)]


def warmed_up(optimizer, seed):
    """Averages of ten batches of the untrained model, that stand from then on."""
    problem, criterion = two_task_problem(optimizer=optimizer, seed=seed), MultiTaskLoss(NAMES)
    for _, (x, target) in zip(range(10), problem.train_loader, strict=False):
        criterion(problem.loss_fn(problem.model(x), target))
    return criterion.eval()


@lru_cache
def sweep(optimizer, seed, total):
    maker = {
        "plain": lambda: MultiTaskLoss(NAMES, normalize=False),
        "normalised": lambda: MultiTaskLoss(NAMES),
        "short": lambda: MultiTaskLoss(NAMES, beta=0.9),
        "standing": lambda: warmed_up(optimizer, seed),
    }[total]()
    problem = two_task_problem(optimizer=optimizer, seed=seed, total=maker)
    return problem.range_test(start_lr=1e-7, num_iter=300)


def minima(result):
    """Log10 of the rates at the minima of the total and of each task."""
    return {
        source: np.log10(result.curves(source).minimum("centred").lr)
        for source in ("train", *NAMES)
    }


@pytest.mark.parametrize(("optimizer", "seed"), RUNS)
def test_the_plain_total_is_the_large_task(optimizer, seed):
    result = sweep(optimizer, seed, "plain")
    assert 0.5 * result.tasks["rul"][0] / result.loss[0] > 0.998
    at = minima(result)
    assert abs(at["train"] - at["rul"]) < 0.25
    assert abs(at["train"] - at["rul"]) < abs(at["train"] - at["health"])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_with_sgd_the_plain_total_has_its_minimum_exactly_where_the_large_task_has(seed):
    at = minima(sweep("sgd", seed, "plain"))
    assert at["train"] == at["rul"]


@pytest.mark.parametrize(("optimizer", "seed"), RUNS)
def test_the_normalised_total_has_its_minimum_between_those_of_the_tasks(optimizer, seed):
    at = minima(sweep(optimizer, seed, "normalised"))
    assert at["health"] < at["train"] < at["rul"]


@pytest.mark.parametrize(("optimizer", "seed"), RUNS)
def test_normalising_moves_the_minimum_right_for_sgd_and_left_for_adam(optimizer, seed):
    plain, normalised = (minima(sweep(optimizer, seed, each)) for each in ("plain", "normalised"))
    moved = normalised["train"] - plain["train"]
    # SGD's step grows with the loss, 1000-fold or so; Adam's does not, and follows the shares.
    assert 1.3 < moved < 2.1 if optimizer == "sgd" else -1.2 < moved < -0.5


@pytest.mark.parametrize(("optimizer", "seed"), RUNS)
def test_averages_of_a_long_window_put_the_minimum_where_standing_ones_do(optimizer, seed):
    moving, standing = (minima(sweep(optimizer, seed, each)) for each in ("normalised", "standing"))
    assert abs(moving["train"] - standing["train"]) < 0.25


def test_averages_of_a_short_window_follow_the_losses_so_closely_that_little_descent_is_left():
    answers = [sweep(optimizer, seed, "short").suggest() for optimizer, seed in RUNS]
    assert sum(answer.verdict is Verdict.CLEAR for answer in answers) <= 1
    alone = [sweep(*run, "short").suggest(source="health") for run in RUNS]
    assert all(alone), "the tasks' own curves still tell"


def test_the_disagreement_of_the_tasks_is_told_in_decades():
    answer = sweep("sgd", 0, "normalised").task_disagreement("minimum")
    at = minima(sweep("sgd", 0, "normalised"))
    assert answer.decades == pytest.approx(at["rul"] - at["health"])
    assert answer.from_total["health"] == pytest.approx(at["health"] - at["train"])
