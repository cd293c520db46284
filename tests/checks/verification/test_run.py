"""Short trainings: closed forms on w^2 / 2, the same start for all, and nothing left behind."""

import math
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from makers import (
    OPTIMIZERS,
    Counted,
    everything,
    loss_fn,
    make_loader,
    make_model,
    train,
    trainable,
)
from torch import nn

import lrfind
from lrfind import CannotTell, CannotTellError, Problem, Verdict, find_lr, verify
from lrfind.analysis.calibration import DOUBT, VERIFIED
from lrfind.checks.verification.run import FIND_MULTIPLES
from lrfind.demo import digits_problem

RATES = (0.01, 0.05, 0.2)


class Valley(nn.Module):
    """Loss w^2 / 2, on which SGD multiplies w by 1 - lr; batches do not matter."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self):
        return self.w**2 / 2


def valley(batches=((0,),) * 5):
    model = Valley()
    return model, torch.optim.SGD(model.parameters(), lr=0.5), None, list(batches)


def forward(model, batch):
    return model()


def closed_form(lr, steps):
    return (1 - lr) ** (2 * np.arange(steps)) / 2


def network(optimizer="momentum", steps=3, **loader):
    """The model, optimizer and loader of the restoration tests, some steps into a training."""
    model = make_model()
    batches = make_loader(**loader)
    inputs, labels = batches.dataset.tensors
    labels.copy_(inputs[:, :3].argmax(1))  # something to learn
    made = OPTIMIZERS[optimizer](trainable(model))
    if steps:
        train(model, made, batches, steps)
    return model, made, batches


@pytest.mark.parametrize("options", [{}, {"probe": (0,)}])
def test_every_loss_of_every_trial_has_its_closed_form(options):
    answer = verify(*valley(), 0.01, rates=RATES, num_iter=12, forward=forward, **options)
    for trial, lr in zip(answer.trials, RATES, strict=True):
        assert trial.run.lr == lr
        np.testing.assert_allclose(trial.run.loss, closed_form(lr, 12), rtol=1e-12)
        assert trial.halfway == pytest.approx(closed_form(lr, 13)[6], rel=1e-12)
        assert trial.end == pytest.approx(closed_form(lr, 13)[12], rel=1e-12)
    # A decay that goes on as it is is carried on exactly.
    np.testing.assert_allclose(answer.scores, [closed_form(lr, 25)[24] for lr in RATES])
    assert answer.level == 0.5
    assert answer.steps == 36
    assert (answer.best, answer.stands) == (0.2, False)


def test_a_step_of_ones_own_is_scored_on_its_last_losses():
    model, optimizer, _, batches = valley()

    def step(batch):
        optimizer.zero_grad()
        loss = model()
        loss.backward()
        optimizer.step()
        return loss

    answer = verify(model, optimizer, None, batches, rates=RATES, num_iter=12, step=step)
    for trial, lr in zip(answer.trials, RATES, strict=True):
        expected = closed_form(lr, 12)
        np.testing.assert_allclose(trial.run.loss, expected, rtol=1e-12)
        assert trial.run.probe.size == 0
        assert trial.halfway == pytest.approx(expected[4:8].mean())
        assert trial.end == pytest.approx(expected[8:].mean())
    assert answer.level == pytest.approx(np.median(closed_form(0.01, 3)))


def test_every_trial_sees_the_same_batches_and_is_scored_on_those_that_follow():
    problem = digits_problem(model="mlp", optimizer="sgd", batch_size=16)
    trained, scored = [], []

    def seen(model, batch):
        (trained if torch.is_grad_enabled() else scored).append(batch[0].sum().item())
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    torch.manual_seed(7)
    answer = verify(
        problem.model, problem.optimizer, None, problem.train_loader,
        rates=RATES, num_iter=10, forward=seen, accumulation_steps=2,
    )  # fmt: skip
    torch.manual_seed(7)
    batches = [x.sum().item() for x, _ in problem.train_loader]
    assert trained == batches[:20] * 3
    assert scored == batches[20:28] * 7  # once untrained, and twice in each trial
    assert len({trial.run.loss[0] for trial in answer.trials}) == 1
    assert answer.steps == 30


def test_the_probe_is_scored_in_its_own_units():
    """A loss summed over a probe that is larger than the batches is no reason to see no gain."""
    problem = digits_problem(model="mlp", optimizer="sgd")
    images, labels = lrfind.demo.digits()
    parts = problem.model, problem.optimizer, nn.CrossEntropyLoss(reduction="sum")
    answer = verify(
        *parts, problem.train_loader, rates=(1e-4, 1e-3, 1e-2), probe=(images, labels), num_iter=40
    )
    problem.model.eval()
    with torch.no_grad():
        level = parts[2](problem.model(images), labels).item()
    assert answer.level == pytest.approx(level)
    assert answer.verdict is not Verdict.NO_DESCENT
    assert all(0 < trial.end < level for trial in answer.trials)


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_all_state_is_bit_for_bit_as_before(name, steps):
    model, optimizer, loader = network(name, steps)
    before = everything(model, optimizer, loader)
    answer = verify(model, optimizer, loss_fn, loader, 1e-3, num_iter=6)
    assert everything(model, optimizer, loader) == before
    assert len({trial.run.loss[0] for trial in answer.trials}) == 1
    found = find_lr(model, optimizer, loss_fn, loader, budget=200, start_lr=1e-4)
    assert len(found.trials) == 4
    assert everything(model, optimizer, loader) == before


def test_training_goes_on_as_if_nothing_had_been_tried():
    plain, tried = network("adam"), network("adam")
    verify(tried[0], tried[1], loss_fn, tried[2], 1e-2, num_iter=6)
    torch.manual_seed(5)
    after = train(*tried, 10)
    torch.manual_seed(5)
    assert train(*plain, 10) == after


class Stop(Exception):
    """Raised in the middle."""


@pytest.mark.parametrize("trial", [1, 2, 4])
@pytest.mark.parametrize("kind", ["exception", "interrupt", "signal"])
@pytest.mark.parametrize("optimizer", ["adam", "momentum"])
def test_a_trial_that_is_broken_off_leaves_nothing(trial, kind, optimizer):
    model, made, loader = network(optimizer, steps=0)
    before = everything(model, made, loader)
    calls = []

    def failing(output, target):
        if torch.is_grad_enabled():
            calls.append(1)
        if len(calls) == 6 * (trial - 1) + 4:
            if kind == "signal":
                os.kill(os.getpid(), signal.SIGINT)
            else:
                raise Stop if kind == "exception" else KeyboardInterrupt
        return loss_fn(output, target)

    with pytest.raises(Stop if kind == "exception" else KeyboardInterrupt):
        verify(model, made, failing, loader, 1e-2, num_iter=6)
    assert everything(model, made, loader) == before


@pytest.mark.parametrize("look", [1, 3, 20])
def test_an_error_in_the_scoring_leaves_nothing(look):
    model, optimizer, loader = network()
    before = everything(model, optimizer, loader)
    looks = []

    def failing(output, target):
        if not torch.is_grad_enabled():
            looks.append(1)
            if len(looks) == look:
                raise Stop
        return loss_fn(output, target)

    with pytest.raises(Stop):
        verify(model, optimizer, failing, loader, 1e-2, num_iter=6)
    assert everything(model, optimizer, loader) == before


@pytest.mark.parametrize("num_iter", [4, 7, 20])
def test_the_stated_cost_is_the_number_of_steps_made(num_iter):
    model, optimizer, loader = network()
    calls = Counted(optimizer).rates
    answer = verify(model, optimizer, loss_fn, loader, 1e-2, num_iter=num_iter)
    assert answer.steps == len(calls) == 4 * 2 * (num_iter // 2)


@pytest.mark.parametrize("budget", [80, 81, 123, 400])
@pytest.mark.parametrize("name", ["momentum", "adam"])
def test_a_budget_is_never_exceeded_and_mostly_spent(budget, name):
    model, optimizer, loader = network(name)
    calls = Counted(optimizer).rates
    answer = find_lr(model, optimizer, loss_fn, loader, budget=budget)
    # A step that a non-finite loss prevents counts, and is not made.
    prevented = sum(not np.isfinite(trial.run.loss).all() for trial in answer.trials)
    assert len(calls) <= answer.steps <= budget
    assert answer.steps - len(calls) <= prevented + 1
    if all(trial.finite for trial in answer.trials):
        assert answer.steps > budget - 8
        assert [len(trial.run.loss) for trial in answer.trials] == [
            answer.trials[0].run.loss.size
        ] * 4


def test_find_lr_is_a_sweep_and_a_verification_around_its_suggestion():
    problem = digits_problem(model="mlp", optimizer="sgd")
    parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
    answer = find_lr(*parts, budget=200, schedule="constant")
    sweep = problem.range_test(num_iter=100)
    lr = sweep.suggest().lr
    steps = (200 - sweep.lr.size) // 4
    again = verify(
        *parts, result=sweep, rates=[lr * each for each in FIND_MULTIPLES], num_iter=steps,
        schedule="constant",
    )  # fmt: skip
    assert answer.trials == again.trials
    assert answer.rates == pytest.approx(lr * np.array(FIND_MULTIPLES))
    assert answer.steps == sweep.lr.size + again.steps
    assert (answer.lr, answer.level, answer.noise) == (again.lr, again.level, again.noise)


@pytest.mark.parametrize("schedule", [None, "constant", "one_cycle"])
def test_a_search_answers_with_one_rate_and_does_not_judge_where_it_began(schedule):
    problem = digits_problem(model="mlp", optimizer="sgd")
    answer = problem.find_lr(budget=200, schedule=schedule)
    weight = np.exp(-answer.losses / DOUBT)
    mean = 10 ** (weight @ np.log10(answer.rates) / weight.sum())
    assert answer.lr == pytest.approx(mean / VERIFIED[schedule].factor)
    assert (answer.suggested, answer.stands, answer.regret) == (None, None, None)
    assert "uggest" not in str(answer)
    assert str(answer).count(f"{answer.lr:.2e}") == str(answer).count("Train at about") == 1


def test_steps_that_a_scaler_skips_are_no_cost_and_its_scale_is_put_back():
    model, optimizer, loader = network()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)  # overflows a few times
    before, calls = scaler.state_dict(), Counted(optimizer).rates
    answer = verify(model, optimizer, loss_fn, loader, 1e-2, num_iter=6, scaler=scaler)
    assert answer.steps == len(calls) == 24
    assert all(trial.finite for trial in answer.trials)
    assert scaler.state_dict() == before


def test_groups_keep_their_ratios():
    model, _, loader = network()
    optimizer = torch.optim.SGD(
        [
            {"params": model[0].parameters(), "lr": 0.01},
            {"params": model[7].parameters(), "lr": 0.1},
        ]
    )
    rates = set()
    optimizer.register_step_post_hook(
        lambda *_: rates.add(tuple(group["lr"] for group in optimizer.param_groups))
    )
    answer = verify(model, optimizer, loss_fn, loader, rates=(0.01, 0.1), num_iter=4)
    assert sorted(rates) == [pytest.approx((0.001, 0.01)), pytest.approx((0.01, 0.1))]
    assert answer.scale == pytest.approx((0.1, 1.0))
    assert answer.group_lr == pytest.approx((answer.lr / 10, answer.lr))


def test_several_optimizers_step_together():
    model, _, loader = network()
    both = [
        torch.optim.SGD(model[0].parameters(), lr=0.1),
        torch.optim.Adam(model[7].parameters(), lr=0.001),
    ]
    answer = verify(model, both, loss_fn, loader, rates=(0.01, 0.1), num_iter=4)
    assert answer.scale == pytest.approx((1.0, 0.01))


def test_a_trial_that_blows_up_is_said_and_costs_what_it_took():
    parts = valley()
    answer = verify(*parts, rates=(0.1, 0.5, 1e200), num_iter=8, forward=forward)
    assert [trial.finite for trial in answer.trials] == [True, True, False]
    assert answer.losses[2] == 2.0
    assert answer.steps == 8 + 8 + 2
    assert answer.best == 0.5
    assert parts[0].w == 1


def test_when_all_blow_up_there_is_no_rate():
    answer = verify(*valley(), 1e200, rates=(1e199, 1e201), num_iter=8, forward=forward)
    with pytest.raises(CannotTellError, match="try lower `rates`"):
        _ = answer.lr


@pytest.mark.parametrize("calls", [1, 5, 8])
def test_a_loss_that_turns_nan_at_any_step_blows_the_trial_up_the_last_included(calls):
    seen = []

    def poisoned(model, batch):
        if torch.is_grad_enabled():
            seen.append(1)
        bad = torch.is_grad_enabled() and len(seen) == calls
        return model() * (float("nan") if bad else 1.0)

    answer = verify(*valley(), rates=(0.1, 0.2), num_iter=8, forward=poisoned)
    assert [trial.finite for trial in answer.trials] == [False, True]


def suggested(suggestion, **options):
    return verify(*valley(), suggestion, num_iter=4, forward=forward, **options)


def sweep():
    return lrfind.range_test(*valley(), forward=forward, start_lr=1e-3, num_iter=100)


def test_a_rate_is_whatever_holds_one_number():
    for rate in (0.1, np.float64(0.1), np.array(0.1), torch.tensor(0.1, dtype=torch.float64)):
        assert suggested(rate).suggested == 0.1
    assert type(suggested(np.float32(0.25)).suggested) is float
    np.testing.assert_allclose(suggested(0.1).rates, [0.01, 0.03, 0.1, 0.3])


def test_a_result_its_suggestion_and_an_earlier_answer_are_put_to_the_test():
    result = sweep()
    first = suggested(result, schedule="one_cycle")
    assert first.suggested == result.suggest(schedule="one_cycle").lr
    assert suggested(result.suggest()).suggested == result.suggest().lr
    assert suggested(first).suggested == first.lr
    assert suggested(first).schedule == "one_cycle"
    assert suggested(result.suggest(schedule="constant")).schedule == "constant"
    assert suggested(first, schedule="constant").schedule == "constant"


def test_a_sweep_that_cannot_tell_is_refused_with_its_reason_unless_rates_are_given():
    short = lrfind.range_test(*valley(), forward=forward, num_iter=3)
    for suggestion in (short, short.suggest()):
        with pytest.raises(
            CannotTellError, match="no learning rate can be suggested: fewer than 10"
        ):
            suggested(suggestion)
        answer = suggested(suggestion, rates=RATES)
        assert (answer.suggested, answer.stands) == (None, None)


def test_find_lr_says_why_its_sweep_gives_nothing_to_try():
    model, optimizer, _, batches = valley()
    with pytest.raises(CannotTellError, match="no learning rate can be suggested"):
        find_lr(model, optimizer, None, batches, forward=lambda m, b: m() * 0 + 2.0, budget=80)
    assert model.w == 1


class Untouchable(list):
    """A loader that must not be asked for a batch."""

    def __iter__(self):
        pytest.fail("a batch was taken")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"rates": []}, ValueError, "`rates` must hold at least two"),
        ({"rates": [0.1]}, ValueError, "`rates` must hold at least two"),
        ({"rates": [0.1, 0.1]}, ValueError, "`rates` must hold at least two"),
        ({"rates": [0.1, 0.0]}, ValueError, "`rates` must be a finite number above 0"),
        ({"rates": [0.1, -1]}, ValueError, "`rates`"),
        ({"rates": [0.1, math.nan]}, ValueError, "`rates`"),
        ({"rates": [0.1, "high"]}, TypeError, "`rates` must be a number"),
        ({"rates": 0.1}, TypeError, "`rates` must be a list of numbers"),
        ({"rates": "0.1"}, TypeError, "`rates` must be a list of numbers"),
        ({}, TypeError, "`suggestion` or `rates` must be given"),
        ({"suggestion": 0.0}, ValueError, "`suggestion` must be a finite number above 0"),
        ({"suggestion": 0.0, "rates": RATES}, ValueError, "`suggestion`"),
        ({"suggestion": math.inf}, ValueError, "`suggestion`"),
        ({"suggestion": "0.1"}, TypeError, "`suggestion` must be a number"),
        ({"suggestion": [0.1, 0.2]}, TypeError, "`suggestion` must be a number"),
        ({"suggestion": np.array([0.1, 0.2])}, TypeError, "`suggestion` must be one number"),
        ({"suggestion": 0.1, "result": 0.1}, TypeError, "`result` must be a RangeTestResult"),
        ({"suggestion": 0.1, "num_iter": 3}, ValueError, "`num_iter` must be at least 4"),
        ({"suggestion": 0.1, "num_iter": 7.0}, TypeError, "`num_iter` must be an integer"),
        ({"suggestion": 0.1, "schedule": "cosine"}, ValueError, "`schedule` must be one of"),
        ({"suggestion": 0.1, "scaler": 3}, TypeError, "`scaler` must be a GradScaler"),
        ({"suggestion": 0.1, "accumulation_steps": 0}, ValueError, "`accumulation_steps`"),
        ({"suggestion": 0.1, "store": "disk"}, ValueError, "`store` must be one of"),
        ({"suggestion": 0.1, "num_itr": 9}, TypeError, "num_itr"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_before_a_batch_is_taken(call, error, message):
    model, optimizer, _ = network()
    before = everything(model, optimizer, None)
    with pytest.raises(error, match=message):
        verify(model, optimizer, loss_fn, Untouchable(), **call)
    assert everything(model, optimizer, None) == before


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        ({"budget": 79}, ValueError, "`budget` must be at least 80"),
        ({"budget": 1e3}, TypeError, "`budget` must be an integer"),
        ({"schedule": "cosine"}, ValueError, "`schedule` must be one of"),
        ({"start_lr": 0}, ValueError, "`start_lr`"),
        ({"start_lr": 1, "end_lr": 0.1}, ValueError, "`start_lr` must be below `end_lr`"),
        ({"diverge_th": -1}, ValueError, "`diverge_th`"),
        ({"scaler": 3}, TypeError, "`scaler` must be a GradScaler"),
    ],
)
def test_find_lr_refuses_by_name_before_a_batch_is_taken(call, error, message):
    model, optimizer, _ = network()
    with pytest.raises(error, match=message):
        find_lr(model, optimizer, loss_fn, Untouchable(), **call)


def test_an_iterator_is_refused_as_no_trial_could_see_its_batches_again():
    model, optimizer, _, batches = valley()
    for call, arguments in ((verify, [0.1]), (find_lr, [])):
        rest = iter(batches)
        with pytest.raises(TypeError, match="`train_loader` is an iterator"):
            call(model, optimizer, None, rest, *arguments, forward=forward)
        assert len(list(rest)) == 5


def test_a_loader_that_runs_out_is_named_and_the_state_put_back():
    model, optimizer, _, _ = valley()
    rest = iter([(0,)] * 30)

    class Once:
        def __iter__(self):
            return rest

    with pytest.raises(ValueError, match="`train_loader` ran out after 6 of the 8 steps"):
        verify(model, optimizer, None, Once(), rates=RATES, num_iter=8, forward=forward)
    assert model.w == 1
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_problem_passes_on_those_of_its_options_that_apply():
    model, optimizer, _, batches = valley()
    options = {
        "forward": forward, "accumulation_steps": 2, "num_iter": 90, "start_lr": 1e-4,
        "end_lr": 3.0, "step_mode": "linear", "diverge_th": None, "probe_every": 3, "probe": (0,),
    }  # fmt: skip
    problem = Problem(model, optimizer, None, batches, options)
    loop = {"forward": forward, "accumulation_steps": 2, "probe": (0,)}
    expected = verify(model, optimizer, None, batches, 0.1, num_iter=6, **loop)
    assert problem.verify(0.1, num_iter=6) == expected
    found = find_lr(
        model, optimizer, None, batches, budget=100, start_lr=1e-4, end_lr=3.0, diverge_th=None,
        **loop,
    )  # fmt: skip
    assert problem.find_lr(budget=100) == found
    assert list(problem.find_lr(budget=100, end_lr=1.0).rates) != list(found.rates)


def test_the_bar_says_what_runs(capsys):
    verify(*valley(), rates=RATES, num_iter=4, forward=forward, progress=True)
    assert capsys.readouterr().err.count("short training: 100%") >= 3
    lrfind.range_test(*valley(), forward=forward, num_iter=4, progress=True)
    shown = capsys.readouterr().err
    assert "range test" in shown
    assert "short training" not in shown


def test_the_demo_finds_a_rate_that_trains():
    problem = digits_problem(model="mlp", optimizer="sgd")
    answer = problem.find_lr(budget=200)
    for group in problem.optimizer.param_groups:
        group["lr"] = answer.lr
    losses = train(problem.model, problem.optimizer, problem.train_loader, 100)
    assert np.mean(losses[-10:]) < 0.5 < 2 < losses[0]


def test_a_guess_of_a_sweep_that_never_fell_is_tried_but_not_checked():
    refused = CannotTell("the loss never fell", "expected", guess=0.01)
    model, optimizer, loader = network("adam")
    answer = verify(model, optimizer, loss_fn, loader, refused, num_iter=6)
    assert answer.rates == pytest.approx([0.001, 0.003, 0.01, 0.03])
    assert (answer.suggested, answer.stands) == (None, None)
    assert "suggestion" not in str(answer)
    with pytest.raises(CannotTellError, match="the loss never fell"):
        verify(model, optimizer, loss_fn, loader, replace(refused, guess=None), num_iter=6)


def test_a_search_places_its_trials_around_the_guess_where_the_loss_never_fell():
    torch.manual_seed(0)
    model = torch.nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    noise = torch.utils.data.TensorDataset(torch.randn(512, 8), torch.randn(512, 1))
    parts = model, optimizer, torch.nn.MSELoss(), torch.utils.data.DataLoader(noise, 16)
    refused = lrfind.range_test(*parts, num_iter=200, progress=False).suggest()
    assert not refused
    answer = find_lr(*parts, budget=400, progress=False)
    assert answer.rates == pytest.approx([refused.guess * each for each in FIND_MULTIPLES])
