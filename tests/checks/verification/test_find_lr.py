"""A search within a budget: a sweep, two rounds of trials, and a rate that both support."""

import math

import numpy as np
import pytest
import torch
from makers import (
    WALLED,
    Counted,
    Untouchable,
    learning,
    loss_fn,
    train,
    valley,
    walled,
)

import lrfind
from lrfind import CannotTellError, Verdict, find_lr, verify
from lrfind.analysis.posterior import BETWEEN_RUNS
from lrfind.analysis.transfer import transfer
from lrfind.checks.verification.decision import WEIGHT, SweepSays
from lrfind.checks.verification.find_lr import MULTIPLES, OF_THE_BUDGET
from lrfind.checks.verification.halving import FIRST, SHORTEST
from lrfind.checks.verification.scores import BELOW_ALL
from lrfind.demo import digits_problem
from lrfind.support.text import rate


@pytest.mark.parametrize("budget", [80, 81, 123, 400])
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_a_budget_is_never_exceeded_and_mostly_spent(budget, name):
    model, optimizer, loader = learning(name)
    calls = Counted(optimizer).rates
    answer = find_lr(model, optimizer, loss_fn, loader, budget=budget)
    # A step that a non-finite loss prevents counts, and is not made.
    prevented = sum(not np.isfinite(trial.run.loss).all() for trial in answer.trials)
    assert len(calls) <= answer.steps <= budget
    assert answer.steps - len(calls) <= prevented + 1
    if all(trial.finite for trial in answer.trials):
        assert answer.steps > budget - 8


def on_digits(**asked):
    """The search, its sweep, and the trials that it makes of it."""
    problem = digits_problem(model="mlp", optimizer="sgd")
    parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
    answer = find_lr(*parts, **asked)
    sweep = problem.range_test(num_iter=int(OF_THE_BUDGET * asked["budget"]))
    rates = sweep.curves().posterior.mean * np.array(MULTIPLES)

    def trials(rates, steps):
        return verify(*parts, result=sweep, rates=rates, num_iter=steps)

    return answer, sweep, rates, trials


def spread_of(sweep):
    """How far off the minimum of a sweep may be, by its noise and from run to run."""
    return math.hypot(sweep.curves().posterior.deviation, BETWEEN_RUNS)


def test_with_few_steps_all_trials_are_as_long():
    answer, sweep, rates, trials = on_digits(budget=200, schedule="constant")
    left = 200 - sweep.lr.size
    assert FIRST * left / 4 < SHORTEST
    again = trials(rates, left // 4)
    assert answer.trials == again.trials
    assert list(answer.regrets) == list(again.losses)
    assert answer.steps == sweep.lr.size + again.steps
    assert (answer.level, answer.noise) == (again.level, again.noise)


def test_the_better_two_go_on_with_what_is_left():
    answer, sweep, rates, trials = on_digits(budget=600)
    left = 600 - sweep.lr.size
    first = trials(rates, int(FIRST * left) // 4)
    better = np.sort(np.argsort(first.losses)[:2])
    second = trials(rates[better], (left - first.steps) // 2)
    expected, regrets = list(first.trials), list(first.losses)
    for place, trial, regret in zip(better, second.trials, second.losses, strict=True):
        expected[place], regrets[place] = trial, regret
    assert list(answer.trials) == expected
    assert list(answer.regrets) == regrets
    assert answer.steps == sweep.lr.size + first.steps + second.steps <= 600
    assert answer.level == second.level
    lengths = [trial.run.loss.size for trial in answer.trials]
    assert max(lengths) >= 3.5 * min(lengths)


@pytest.mark.parametrize("total_steps", [None, 300, 3000])
@pytest.mark.parametrize("schedule", [None, "constant", "one_cycle"])
def test_a_search_answers_with_one_rate_of_least_expected_regret(schedule, total_steps):
    asked = {"schedule": schedule, "total_steps": total_steps}
    answer, sweep, rates, _ = on_digits(budget=200, **asked)
    minimum, limit = sweep.curves().posterior.mean, sweep.suggest(**asked).lr
    assert answer.sweep == SweepSays(minimum, spread_of(sweep), limit)
    assert (answer.schedule, answer.total_steps) == (schedule, total_steps)
    assert answer.epochs == (total_steps and total_steps / sweep.epoch_steps)
    way = transfer(schedule, total_steps, answer.epochs)
    highest = min(limit, max(rates[np.array(answer.regrets) < 0.5]))
    assert answer.lr <= highest * (1 + 1e-12)
    tried = np.geomspace(min(rates[0], highest), highest, 2001)
    regrets = np.interp(np.log(tried), np.log(rates), answer.regrets)
    costs = way.regret(minimum / tried) + WEIGHT * regrets
    assert math.log10(answer.lr / tried[np.argmin(costs)]) == pytest.approx(0, abs=0.0101)
    assert (answer.suggested, answer.stands, answer.regret) == (None, None, None)
    assert "uggest" not in str(answer)
    assert str(answer).count(f"rain at about {rate(answer.lr)} ") == 1
    assert str(answer).count("rain at about") == 1


def test_a_rate_below_all_that_were_tried_is_not_clear():
    answer, sweep, rates, _ = on_digits(budget=200, schedule="constant", total_steps=4800)
    assert sweep.suggest(schedule="constant", total_steps=4800).lr < rates[0]
    assert answer.lr < rates[0] < answer.best
    assert (answer.verdict, answer.reason) == (Verdict.AT_END, BELOW_ALL)
    clear, *_ = on_digits(budget=200)
    assert clear.rates[0] < clear.lr
    assert clear.verdict is Verdict.CLEAR


def test_a_rate_that_does_not_train_from_the_start_is_not_answered():
    """Every trial starts from scratch, where the sweep came with weights that it had trained."""
    sweep = lrfind.range_test(*walled(), num_iter=150, **WALLED)
    answer = find_lr(*walled(), budget=200, **WALLED)
    trained = answer.rates[np.array(answer.regrets) < 0.5]
    assert answer.lr <= trained.max() < answer.sweep.lr == sweep.suggest().lr
    assert answer.rates[-1] > trained.max()


def test_find_lr_says_why_its_sweep_gives_nothing_to_try():
    model, optimizer, _, batches = valley()
    with pytest.raises(CannotTellError, match="no learning rate can be suggested"):
        find_lr(model, optimizer, None, batches, forward=lambda m, b: m() * 0 + 2.0, budget=80)
    assert model.w == 1


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"budget": 79}, ValueError, "`budget` must be at least 80"),
        ({"budget": 1e3}, TypeError, "`budget` must be an integer"),
        ({"schedule": "sawtooth"}, ValueError, "`schedule` must be one of"),
        ({"total_steps": 0}, ValueError, "`total_steps` must be at least 1"),
        ({"total_steps": 1e3}, TypeError, "`total_steps` must be an integer"),
        ({"start_lr": 0}, ValueError, "`start_lr`"),
        ({"start_lr": 1, "end_lr": 0.1}, ValueError, "`start_lr` must be below `end_lr`"),
        ({"diverge_th": -1}, ValueError, "`diverge_th`"),
        ({"scaler": 3}, TypeError, "`scaler` must be a GradScaler"),
    ],
)
def test_find_lr_refuses_by_name_before_a_batch_is_taken(call, error, message):
    model, optimizer, _ = learning()
    with pytest.raises(error, match=message):
        find_lr(model, optimizer, loss_fn, Untouchable(), **call)


def test_the_demo_finds_a_rate_that_trains():
    problem = digits_problem(model="mlp", optimizer="sgd")
    answer = problem.find_lr(budget=200)
    for group in problem.optimizer.param_groups:
        group["lr"] = answer.lr
    losses = train(problem.model, problem.optimizer, problem.train_loader, 100)
    assert np.mean(losses[-10:]) < 0.5 < 2 < losses[0]


def test_a_search_places_its_trials_around_the_guess_where_the_loss_never_fell():
    torch.manual_seed(0)
    model = torch.nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    noise = torch.utils.data.TensorDataset(torch.randn(512, 8), torch.randn(512, 1))
    parts = model, optimizer, torch.nn.MSELoss(), torch.utils.data.DataLoader(noise, 16)
    sweep = lrfind.range_test(*parts, num_iter=300, progress=False)
    assert not sweep.suggest()
    minimum = sweep.curves().posterior.mean
    assert sweep.suggest().guess == minimum / transfer().factor
    answer = find_lr(*parts, budget=400, progress=False)
    assert answer.rates == pytest.approx([minimum * each for each in MULTIPLES])
    # There is no suggestion to stay below.
    assert answer.sweep == SweepSays(minimum, spread_of(sweep), None)
