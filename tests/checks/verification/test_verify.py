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
    WALLED,
    Counted,
    Untouchable,
    everything,
    learning,
    loss_fn,
    train,
    valley,
    valley_loss,
    valley_losses,
    valley_step,
    walled,
)
from torch import nn

import lrfind
from lrfind import CannotTell, CannotTellError, Flag, Problem, Verdict, find_lr, verify
from lrfind.analysis.posterior import BETWEEN_RUNS
from lrfind.checks.verification.decision import SweepSays
from lrfind.checks.verification.verify import MULTIPLES
from lrfind.demo import digits_problem

RATES = (0.01, 0.05, 0.2)


@pytest.mark.parametrize("options", [{}, {"probe": (0,)}])
def test_every_loss_of_every_trial_has_its_valley_losses(options):
    answer = verify(*valley(), 0.01, rates=RATES, num_iter=12, forward=valley_loss, **options)
    for trial, lr in zip(answer.trials, RATES, strict=True):
        assert trial.run.lr == lr
        np.testing.assert_allclose(trial.run.loss, valley_losses(lr, 12), rtol=1e-12)
        assert trial.halfway == pytest.approx(valley_losses(lr, 13)[6], rel=1e-12)
        assert trial.end == pytest.approx(valley_losses(lr, 13)[12], rel=1e-12)
    # A decay that goes on as it is is carried on exactly.
    np.testing.assert_allclose(answer.scores, [valley_losses(lr, 25)[24] for lr in RATES])
    assert answer.level == 0.5
    assert answer.steps == 36
    assert (answer.best, answer.stands) == (0.2, False)


def test_a_step_of_ones_own_is_scored_on_its_last_losses():
    model, optimizer, _, batches = valley()
    own = {"step": valley_step(model, optimizer)}
    answer = verify(model, optimizer, None, batches, rates=RATES, num_iter=12, **own)
    for trial, lr in zip(answer.trials, RATES, strict=True):
        expected = valley_losses(lr, 12)
        np.testing.assert_allclose(trial.run.loss, expected, rtol=1e-12)
        assert trial.run.probe.size == 0
        assert trial.halfway == pytest.approx(expected[4:8].mean())
        assert trial.end == pytest.approx(expected[8:].mean())
    assert answer.level == pytest.approx(np.median(valley_losses(0.01, 3)))


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
    model, optimizer, loader = learning(name, steps)
    before = everything(model, optimizer, loader)
    answer = verify(model, optimizer, loss_fn, loader, 1e-3, num_iter=6)
    assert everything(model, optimizer, loader) == before
    assert len({trial.run.loss[0] for trial in answer.trials}) == 1
    found = find_lr(model, optimizer, loss_fn, loader, budget=200, start_lr=1e-4)
    assert len(found.trials) == 4
    assert everything(model, optimizer, loader) == before


def test_training_goes_on_as_if_nothing_had_been_tried():
    plain, tried = learning("adam"), learning("adam")
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
    model, made, loader = learning(optimizer, steps=0)
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
    model, optimizer, loader = learning()
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
    model, optimizer, loader = learning()
    calls = Counted(optimizer).rates
    answer = verify(model, optimizer, loss_fn, loader, 1e-2, num_iter=num_iter)
    assert answer.steps == len(calls) == 4 * 2 * (num_iter // 2)


def test_steps_that_a_scaler_skips_are_no_cost_and_its_scale_is_put_back():
    model, optimizer, loader = learning()
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127)  # overflows a few times
    before, calls = scaler.state_dict(), Counted(optimizer).rates
    answer = verify(model, optimizer, loss_fn, loader, 1e-2, num_iter=6, scaler=scaler)
    assert answer.steps == len(calls) == 24
    assert all(trial.finite for trial in answer.trials)
    assert scaler.state_dict() == before


def test_groups_keep_their_ratios():
    model, _, loader = learning()
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
    model, _, loader = learning()
    both = [
        torch.optim.SGD(model[0].parameters(), lr=0.1),
        torch.optim.Adam(model[7].parameters(), lr=0.001),
    ]
    answer = verify(model, both, loss_fn, loader, rates=(0.01, 0.1), num_iter=4)
    assert answer.scale == pytest.approx((1.0, 0.01))


def test_a_trial_that_blows_up_is_said_and_costs_what_it_took():
    parts = valley()
    answer = verify(*parts, rates=(0.1, 0.5, 1e200), num_iter=8, forward=valley_loss)
    assert [trial.finite for trial in answer.trials] == [True, True, False]
    assert answer.losses[2] == 2.0
    assert answer.steps == 8 + 8 + 2
    assert answer.best == 0.5
    assert parts[0].w == 1


def test_when_all_blow_up_there_is_no_rate():
    answer = verify(*valley(), 1e200, rates=(1e199, 1e201), num_iter=8, forward=valley_loss)
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
    return verify(*valley(), suggestion, num_iter=4, forward=valley_loss, **options)


def sweep():
    return lrfind.range_test(*valley(), forward=valley_loss, start_lr=1e-3, num_iter=100)


def test_a_rate_is_whatever_holds_one_number():
    for rate in (0.1, np.float64(0.1), np.array(0.1), torch.tensor(0.1, dtype=torch.float64)):
        assert suggested(rate).suggested == 0.1
    assert type(suggested(np.float32(0.25)).suggested) is float
    np.testing.assert_allclose(suggested(0.1).rates, [0.01, 0.03, 0.1, 0.3])


def test_a_result_its_suggestion_and_an_earlier_answer_are_put_to_the_test():
    result = sweep()
    first = suggested(result, schedule="one_cycle", total_steps=600)
    assert first.suggested == result.suggest(schedule="one_cycle", total_steps=600).lr
    assert suggested(result.suggest()).suggested == result.suggest().lr
    assert suggested(first).suggested == first.lr
    assert (suggested(first).schedule, suggested(first).total_steps) == ("one_cycle", 600)
    told = suggested(result.suggest(schedule="constant", total_steps=900))
    assert (told.schedule, told.total_steps) == ("constant", 900)
    assert suggested(first, schedule="constant").schedule == "constant"
    assert suggested(first, total_steps=300).total_steps == 300


def test_the_length_of_the_training_counts_in_epochs_of_the_loader():
    answer = suggested(0.1, total_steps=600)
    assert (answer.total_steps, answer.epochs) == (600, 600 / 5)
    assert suggested(0.1, total_steps=600, accumulation_steps=2).epochs == 600 / 2.5
    assert suggested(0.1).epochs is None


@pytest.mark.parametrize("question", [{}, {"schedule": "constant", "total_steps": 900}])
def test_the_sweep_says_its_expected_minimum_and_its_suggestion_whatever_is_checked(question):
    result = sweep()
    posterior = result.curves().posterior
    deviation = math.hypot(posterior.deviation, BETWEEN_RUNS)
    lr = result.suggest(**question).lr
    says = SweepSays(posterior.mean, deviation, lr)
    assert suggested(result, **question).sweep == says
    assert suggested(result.suggest(), result=result, **question).sweep == says
    assert suggested(result.suggest(), **question).sweep == suggested(result, **question).sweep
    assert suggested(suggested(result), **question).sweep == suggested(result).sweep
    assert suggested(0.1, **question).sweep is None


def test_a_sweep_that_cannot_tell_is_refused_with_its_reason_unless_rates_are_given():
    short = lrfind.range_test(*valley(), forward=valley_loss, num_iter=3)
    for suggestion in (short, short.suggest()):
        with pytest.raises(
            CannotTellError, match="no learning rate can be suggested: fewer than 10"
        ):
            suggested(suggestion)
        answer = suggested(suggestion, rates=RATES)
        assert (answer.suggested, answer.stands, answer.sweep) == (None, None, None)


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
        ({"suggestion": 0.1, "schedule": "sawtooth"}, ValueError, "`schedule` must be one of"),
        ({"suggestion": 0.1, "total_steps": 0}, ValueError, "`total_steps` must be at least 1"),
        ({"suggestion": 0.1, "total_steps": 1e3}, TypeError, "`total_steps` must be an integer"),
        ({"suggestion": 0.1, "scaler": 3}, TypeError, "`scaler` must be a GradScaler"),
        ({"suggestion": 0.1, "accumulation_steps": 0}, ValueError, "`accumulation_steps`"),
        ({"suggestion": 0.1, "store": "disk"}, ValueError, "`store` must be one of"),
        ({"suggestion": 0.1, "num_itr": 9}, TypeError, "num_itr"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name_before_a_batch_is_taken(call, error, message):
    model, optimizer, _ = learning()
    before = everything(model, optimizer, None)
    with pytest.raises(error, match=message):
        verify(model, optimizer, loss_fn, Untouchable(), **call)
    assert everything(model, optimizer, None) == before


def test_an_iterator_is_refused_as_no_trial_could_see_its_batches_again():
    model, optimizer, _, batches = valley()
    for call, arguments in ((verify, [0.1]), (find_lr, [])):
        rest = iter(batches)
        with pytest.raises(TypeError, match="`train_loader` is an iterator"):
            call(model, optimizer, None, rest, *arguments, forward=valley_loss)
        assert len(list(rest)) == 5


def test_a_loader_that_runs_out_is_named_and_the_state_put_back():
    model, optimizer, _, _ = valley()
    rest = iter([(0,)] * 30)

    class Once:
        def __iter__(self):
            return rest

    with pytest.raises(ValueError, match="`train_loader` ran out after 6 of the 8 steps"):
        verify(model, optimizer, None, Once(), rates=RATES, num_iter=8, forward=valley_loss)
    assert model.w == 1
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_problem_passes_on_those_of_its_options_that_apply():
    model, optimizer, _, batches = valley()
    options = {
        "forward": valley_loss, "accumulation_steps": 2, "num_iter": 90, "start_lr": 1e-4,
        "end_lr": 3.0, "step_mode": "linear", "diverge_th": None, "probe_every": 3, "probe": (0,),
    }  # fmt: skip
    problem = Problem(model, optimizer, None, batches, options)
    loop = {"forward": valley_loss, "accumulation_steps": 2, "probe": (0,)}
    expected = verify(model, optimizer, None, batches, 0.1, num_iter=6, **loop)
    assert problem.verify(0.1, num_iter=6) == expected
    found = find_lr(
        model, optimizer, None, batches, budget=100, start_lr=1e-4, end_lr=3.0, diverge_th=None,
        **loop,
    )  # fmt: skip
    assert problem.find_lr(budget=100) == found
    assert list(problem.find_lr(budget=100, end_lr=1.0).rates) != list(found.rates)


def test_the_bar_says_what_runs(capsys):
    verify(*valley(), rates=RATES, num_iter=4, forward=valley_loss, progress=True)
    assert capsys.readouterr().err.count("short training: 100%") >= 3
    lrfind.range_test(*valley(), forward=valley_loss, num_iter=4, progress=True)
    shown = capsys.readouterr().err
    assert "range test" in shown
    assert "short training" not in shown


def test_a_guess_of_a_sweep_that_never_fell_is_tried_but_not_checked():
    refused = CannotTell("the loss never fell", "expected", guess=0.01)
    model, optimizer, loader = learning("adam")
    answer = verify(model, optimizer, loss_fn, loader, refused, num_iter=6)
    assert answer.rates == pytest.approx([0.01 * each for each in MULTIPLES])
    assert (answer.suggested, answer.stands) == (None, None)
    assert "suggestion" not in str(answer)
    with pytest.raises(CannotTellError, match="the loss never fell"):
        verify(model, optimizer, loss_fn, loader, replace(refused, guess=None), num_iter=6)


def test_a_result_that_was_not_confirmed_is_lowered_until_it_trains_from_the_start():
    plain = lrfind.range_test(*walled(), **WALLED)
    confirmed = lrfind.range_test(*walled(), **WALLED, confirm=True)
    cold = [each.steps for each in confirmed.cold_starts]
    assert len(cold) > 1
    parts = walled()
    calls = Counted(parts[1]).rates
    answer = verify(*parts, plain, num_iter=6, progress=False)
    assert answer.suggested == confirmed.suggest().lr < plain.suggest().lr
    np.testing.assert_allclose(answer.rates, [answer.suggested * each for each in MULTIPLES])
    assert answer.steps == len(calls) == sum(cold) + 4 * 6
    assert calls[: sum(cold)] == [
        each.lr for each in confirmed.cold_starts for _ in range(each.steps)
    ]
    assert float(parts[0].place.detach()) == 4.0
    # It is not tried again, and a suggestion is tried as it is.
    again = verify(*walled(), confirmed, num_iter=6, progress=False)
    assert again == replace(answer, steps=4 * 6)
    of_its_own = verify(*walled(), plain.suggest(), result=plain, num_iter=6, progress=False)
    assert (of_its_own.suggested, of_its_own.steps) == (plain.suggest().lr, 4 * 6)


def test_a_result_confirmed_for_another_training_is_tried_again():
    long = {"schedule": "constant", "total_steps": 4800}
    confirmed = lrfind.range_test(*walled(1.0), **WALLED, confirm=long)
    (tried,) = confirmed.cold_starts
    assert tried.started
    # A lower rate than that, and one that starts, need no other.
    assert verify(*walled(1.0), confirmed, **long, num_iter=6, progress=False).steps == 4 * 6
    higher = {"schedule": "one_cycle", "total_steps": 300}
    assert Flag.NOT_TRIED in confirmed.suggest(**higher).flags
    parts = walled(1.0)
    calls = Counted(parts[1]).rates
    answer = verify(*parts, confirmed, **higher, num_iter=6, progress=False)
    again = lrfind.range_test(*walled(1.0), **WALLED, confirm=higher)
    cold = [each.lr for each in again.cold_starts for _ in range(each.steps)]
    assert calls[: len(cold)] == cold
    assert answer.steps == len(calls) == len(cold) + 4 * 6
    assert answer.suggested == again.suggest(**higher).lr


def test_a_result_of_which_no_rate_starts_is_refused_unless_rates_are_given():
    plain = lrfind.range_test(*walled(), **WALLED)
    on_the_plain = walled(start=-7.0)

    def asked(**rates):
        return verify(*on_the_plain, plain, num_iter=6, progress=False, **rates)

    with pytest.raises(CannotTellError, match="no training from scratch starts"):
        asked()
    assert float(on_the_plain[0].place.detach()) == -7.0
    answer = asked(rates=RATES)
    assert (answer.suggested, answer.stands) == (None, None)
    assert answer.steps > 3 * 6
