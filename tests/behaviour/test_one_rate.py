"""`suggest`, `verify` and `find_lr` name one rate each, and none takes back what it says of it."""

import re
from functools import cache

import pytest
import torch
from torch import nn

import lrfind
from lrfind.demo import digits_problem

EVERY = pytest.mark.parametrize(
    ("optimizer", "seed"), [("sgd", 0), ("adam", 0), ("sgd", 1), ("adam", 1), ("adam", 2)]
)


def parts_of(optimizer, seed):
    torch.manual_seed(seed)
    problem = digits_problem(model="mlp", optimizer=optimizer, seed=seed)
    return problem.model, problem.optimizer, problem.loss_fn, problem.train_loader


@cache
def answers(optimizer, seed):
    """The sweep, its verification, a search, and checks of these answers alone."""
    parts = parts_of(optimizer, seed)
    result = lrfind.range_test(*parts, num_iter=100, confirm=True, progress=False)
    checked = lrfind.verify(*parts, result, num_iter=20, progress=False)
    found = lrfind.find_lr(*parts, budget=120, progress=False)
    again = [
        lrfind.verify(*parts, each, num_iter=20, progress=False)
        for each in (result.suggest(), checked, found)
    ]
    return result, checked, found, again


@EVERY
def test_what_holds_up_is_the_rate_to_train_with_and_nothing_else_is(optimizer, seed):
    result, checked, found, again = answers(optimizer, seed)
    assert checked.suggested == result.suggest().lr
    for answer in (checked, *again):
        assert answer.stands is not None
        assert (answer.lr == answer.suggested) is answer.stands
        assert answer.to_dict()["lr"] == answer.lr
        assert answer.interval[0] <= answer.lr <= answer.interval[1]
    assert [each.suggested for each in again] == [result.suggest().lr, checked.lr, found.lr]


@EVERY
def test_the_words_name_one_rate_to_train_at(optimizer, seed):
    _, checked, found, again = answers(optimizer, seed)
    for answer in (checked, found, *again):
        (rate,) = re.findall(r"rain at about (\S+)", str(answer).replace("\n", " "))
        assert float(rate.strip(",")) == pytest.approx(answer.lr, rel=0.06)
        assert ("instead" in str(answer)) is (answer.stands is False)


@EVERY
def test_a_search_judges_no_rate_but_its_own(optimizer, seed):
    _, _, found, _ = answers(optimizer, seed)
    assert (found.suggested, found.stands) == (None, None)
    assert "holds up" not in str(found)
    assert "hold up" not in str(found)
    assert (found.to_dict()["suggested"], found.to_dict()["stands"]) == (None, None)


@EVERY
def test_no_check_of_an_answer_raises_it_with_the_sweep_or_without(optimizer, seed):
    result, checked, found, again = answers(optimizer, seed)
    assert checked.lr <= result.suggest().lr
    alone, second, of_search = again
    assert (alone.lr, alone.stands) == (checked.lr, checked.stands)
    assert second.lr <= result.suggest().lr
    assert of_search.lr <= found.sweep.lr


@EVERY
def test_an_answer_is_true_if_it_has_a_rate_to_train_with(optimizer, seed):
    result, checked, found, again = answers(optimizer, seed)
    for answer in (result.suggest(), checked, found, *again):
        assert answer
        assert answer.lr > 0
        assert answer.reason in " ".join(str(answer).split())


def test_a_verification_of_which_every_trial_diverged_is_false_and_says_why():
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = [(torch.full((4, 1), 1e3), torch.ones(4, 1))] * 12
    answer = lrfind.verify(model, optimizer, nn.MSELoss(), batches, rates=(1e18, 1e19), num_iter=8)
    assert not answer
    assert answer.reason in " ".join(str(answer).split())
    with pytest.raises(lrfind.CannotTellError, match="every trial diverged"):
        answer.lr  # noqa: B018


def test_a_check_trains_as_the_sweep_did():
    """Two batches for each step, their sum as the loss, and a probe."""
    model, optimizer, loss_fn, loader = parts_of("sgd", 0)
    seen = []

    def forward(model, batch):
        seen.append(torch.is_grad_enabled())
        return loss_fn(model(batch[0]), batch[1])

    probe = next(iter(loader))
    result = lrfind.range_test(
        model, optimizer, None, loader, num_iter=60, progress=False,
        forward=forward, accumulation_steps=2, probe=probe,
    )  # fmt: skip
    seen.clear()
    checked = lrfind.verify(model, optimizer, None, loader, result.suggest(), result=result,
                            num_iter=8, progress=False)  # fmt: skip
    assert sum(seen) == 2 * checked.steps  # as many batches as the sweep took for a step
    assert all(trial.run.probe.size for trial in checked.trials)
    again = lrfind.verify(model, optimizer, None, loader, result.suggest(), num_iter=8,
                          forward=forward, accumulation_steps=2, probe=probe,
                          progress=False)  # fmt: skip
    assert again.scores.tolist() == checked.scores.tolist()


@pytest.mark.parametrize("schedule", ["cosine", "Warmup-Linear", "StepLR"])
def test_a_schedule_by_any_name_is_asked_alike_everywhere(schedule):
    parts = parts_of("sgd", 0)
    result = lrfind.range_test(*parts, num_iter=60, confirm={"schedule": schedule}, progress=False)
    measured = result.suggest(schedule=schedule).schedule
    assert result.cold_starts[0].lr == pytest.approx(
        lrfind.range_test(*parts, num_iter=60, progress=False).suggest(schedule=measured).lr
    )
    checked = lrfind.verify(*parts, result, schedule=schedule, num_iter=8, progress=False)
    found = lrfind.find_lr(*parts, budget=80, schedule=schedule, progress=False)
    assert (checked.schedule, found.schedule) == (measured, measured)
    assert checked.suggested == result.suggest(schedule=measured).lr


def test_a_suggestion_is_no_switch_of_a_plot():
    result = lrfind.range_test(*parts_of("sgd", 0), num_iter=40, progress=False)
    with pytest.raises(TypeError, match="`plot` has no argument `suggest`: pass `suggestion=`"):
        result.plot(suggest=True)
