"""Windows in decades, and answers that say first what cut their sweep short."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from makers import make_result
from matplotlib import pyplot

import lrfind
from lrfind import CannotTell, Flag, RangeTestResult, StopReason, Suggestion, Verdict
from lrfind.analysis.question import ask
from lrfind.analysis.suggestion import suggest
from lrfind.analysis.transfer import transfer
from lrfind.result.cold_start import ColdStart
from lrfind.result.settings import SweepSettings
from lrfind.support.text import sentence

CURVES = {
    "V": lambda x: np.where(x < 0, -x, x),
    "steep wall": lambda x: np.where(x < 0, -x, 10 * x),
    "slow rise": lambda x: np.where(x < 0, -x, x / 2),
    "parabola": lambda x: x**2,
}
SHIFT = {
    "V": math.log(2),
    "steep wall": math.log(1.1),
    "slow rise": math.log(3),
    "parabola": 1.0,
}
"""In windows, exactly for infinitely many steps: closed forms of a straight and a V-shaped loss."""


def sweep(num_iter, curve, step_mode="exp", **options):
    settings = SweepSettings(1e-5, 1e3, num_iter, step_mode, None, **options)
    lr = np.geomspace(1e-5, 1e3, num_iter)
    # The loss after a step is recorded at the next one, and placed at the rate that made it.
    made_by = np.log10(np.concatenate([lr[:1], lr[:-1]]))
    return RangeTestResult(lr, CURVES[curve](made_by), StopReason.COMPLETED, settings)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("num_iter", [161, 401, 1601])
def test_with_a_window_in_decades_the_shift_does_not_depend_on_the_number_of_steps(curve, num_iter):
    result, window = sweep(num_iter, curve), 0.3
    curves = result.curves()
    beta = result.beta_over(window)
    shift = np.log10(curves.minimum("debiased", beta).lr / curves.minimum("raw").lr)
    one_step = 8 / (num_iter - 1)
    assert shift == pytest.approx(window * SHIFT[curve], abs=one_step)


def test_with_a_beta_in_steps_it_does():
    def shift(num_iter):
        curves = sweep(num_iter, "V").curves()
        return np.log10(curves.minimum("debiased", 0.98).lr / curves.minimum("raw").lr)

    assert shift(401) > 3 * shift(1601) > 0.3


def test_a_window_is_the_distance_at_which_a_loss_has_1_over_e_of_the_weight():
    result = sweep(801, "V")
    beta = result.beta_over(0.5)
    assert beta ** (0.5 / 0.01) == pytest.approx(math.exp(-1))
    # The half-life in decades is ln 2 of it.
    assert beta == pytest.approx(2 ** (-0.01 / (0.5 * math.log(2))))


def test_a_beta_is_carried_over_to_a_sweep_of_another_length():
    short, long = sweep(201, "V"), sweep(801, "V")
    assert long.beta_over(short.window(0.9)) == pytest.approx(0.9 ** (1 / 4))


def test_over_as_many_samples_that_is_what_rescale_beta_gives():
    small, large = sweep(1601, "V"), sweep(401, "V")  # batches of 16 and of 64
    assert small.beta_over(large.window(0.98)) == pytest.approx(lrfind.rescale_beta(0.98, 64, 16))


def test_the_probe_has_fewer_points_per_decade():
    result = sweep(801, "V", probe_every=5)
    assert result.beta_over(0.5, source="probe") == pytest.approx(result.beta_over(0.5) ** 5)
    assert result.window(0.9, source="probe") == pytest.approx(5 * result.window(0.9))


def test_a_task_has_the_points_per_decade_of_the_steps_that_have_it():
    plain = sweep(801, "V")
    every_fourth = np.where(np.arange(801) % 4 == 0, plain.loss, np.nan)
    result = dataclasses.replace(plain, tasks={"mse": plain.loss, "kl": every_fourth})
    assert result.beta_over(0.5, source="mse") == plain.beta_over(0.5)
    assert result.window(0.9, source="mse") == plain.window(0.9)
    assert result.beta_over(0.5, source="kl") == pytest.approx(plain.beta_over(0.5) ** 4)
    assert result.window(0.9, source="kl") == pytest.approx(4 * plain.window(0.9))
    # The steps of the curve that is smoothed are the same.
    steps = np.diff(np.log10(result.curves("kl").lr[1:]))
    assert steps == pytest.approx(4 * 8 / 800)


@pytest.mark.parametrize("call", ["suggest", "compare", "sensitivity", "plot", "curves"])
def test_an_unknown_source_is_refused_with_the_known_ones_the_tasks_among_them(call):
    result = dataclasses.replace(sweep(100, "V"), tasks={"kl": np.ones(100)})
    with pytest.raises(ValueError, match="`source` must be one of 'train', 'probe', 'kl', got 't"):
        getattr(result, call)(source="task")


@pytest.mark.parametrize("call", ["beta_over", "window"])
def test_a_window_of_an_unknown_source_is_refused_alike(call):
    result = dataclasses.replace(sweep(100, "V"), tasks={"kl": np.ones(100)})
    with pytest.raises(ValueError, match="`source` must be one of 'train', 'probe', 'kl', got 't"):
        getattr(result, call)(0.5, source="task")


def test_the_window_stays_that_of_the_settings_where_the_sweep_was_cut():
    result = sweep(801, "V")
    cut = RangeTestResult(result.lr[:300], result.loss[:300], StopReason.DIVERGED, result.settings)
    assert cut.beta_over(0.5) == result.beta_over(0.5)


@pytest.mark.parametrize("call", ["beta_over", "window"])
def test_a_linear_sweep_has_no_window_in_decades(call):
    with pytest.raises(ValueError, match="`step_mode` 'exp', got 'linear'"):
        getattr(sweep(100, "V", "linear"), call)(0.5)


def test_values_out_of_range_name_their_parameter():
    result = sweep(100, "V")
    for decades in (0, -1, math.inf, math.nan, 1e300):
        with pytest.raises(ValueError, match="`decades`"):
            result.beta_over(decades)
    with pytest.raises(TypeError, match="`decades`"):
        result.beta_over("0.3")
    with pytest.raises(ValueError, match="`beta`"):
        result.window(1.0)
    with pytest.raises(ValueError, match="`source`"):
        result.beta_over(0.3, source="test")


REASONS = pytest.mark.parametrize("reason", [StopReason.UNFINISHED, StopReason.EXHAUSTED])


def cut_short(reason, losses, **changes):
    whole = make_result(**changes)
    return dataclasses.replace(whole, loss=losses, lr=whole.lr[: len(losses)], stop_reason=reason)


@REASONS
def test_a_suggestion_says_it_first_of_what_stands_against_it(reason):
    answer = cut_short(reason, make_result().loss[:80]).suggest()
    assert isinstance(answer, Suggestion)
    assert answer.flags[0] is Flag[reason.name]
    assert str(answer).startswith(f"{sentence(reason.value)} Train at")
    assert answer.to_dict()["flags"][0] == reason.name.lower()


@REASONS
def test_an_answer_without_a_rate_says_it_first(reason):
    noise = np.random.default_rng(0).normal(2.3, 0.05, 47)
    for losses, source in ((noise, "train"), (noise[:1], "train"), (noise, "probe")):
        answer = cut_short(reason, losses).suggest(source=source)
        assert isinstance(answer, CannotTell)
        assert str(answer).startswith(f"No learning rate can be suggested: {reason.value}; ")
        assert answer.flags[0] is Flag[reason.name]


def test_a_verdict_is_on_the_losses_and_there_is_none_where_none_were_recorded():
    result = make_result()
    unrecorded = result.suggest(source="probe")
    assert (unrecorded.verdict, unrecorded.to_dict()["verdict"]) == (None, None)
    assert unrecorded.reason == "no probe was recorded: pass `probe=` to `range_test`"
    result.plot(source="probe", suggestion=unrecorded)
    assert "no probe was recorded" in pyplot.gca().get_title()
    short = dataclasses.replace(result, lr=result.lr[:1], loss=result.loss[:1]).suggest()
    assert (short.verdict, short.to_dict()["verdict"]) == (Verdict.TOO_SHORT, "too_short")


@pytest.mark.parametrize("epoch_steps", [None, 40.0, 400.0])
def test_the_training_asked_for_has_the_epochs_of_the_sweep(epoch_steps):
    result = make_result(epoch_steps=epoch_steps)
    question = ask(schedule="one_cycle", total_steps=1200, epoch_steps=epoch_steps)
    answer = result.suggest(schedule="one_cycle", total_steps=1200)
    assert answer == suggest(result.curves(), question)
    assert answer.epochs == (epoch_steps and 1200 / epoch_steps)
    assert answer.factor == transfer("one_cycle", 1200, answer.epochs).factor
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    assert result.apply(optimizer, schedule="one_cycle", total_steps=1200) == answer
    assert optimizer.param_groups[0]["lr"] == answer.lr


@pytest.mark.parametrize("steps", [0, 1.5])
def test_a_length_out_of_range_names_its_parameter(steps):
    with pytest.raises((TypeError, ValueError), match="`total_steps`"):
        make_result().suggest(total_steps=steps)


def tried(lr, started):
    return ColdStart(lr, 12, 0.5 if started else 2.0, 1.0)


def test_the_cold_start_that_did_start_bounds_the_rate_of_every_training():
    usual = make_result().suggest()
    lower = usual.lr / 10
    result = make_result(cold_starts=(tried(usual.lr, False), tried(lower, True)))
    for question in ({}, {"schedule": "one_cycle"}, {"schedule": "constant", "total_steps": 300}):
        assert result.suggest(**question).lr == lower
        assert result.suggest(**question).verdict is Verdict.COLD_START
    asked = {"factor": usual.factor * 30}
    assert result.suggest(**asked) == make_result().suggest(**asked)
    started = make_result(cold_starts=(tried(usual.lr, True),))
    assert started.suggest() == usual
    none = make_result(cold_starts=(tried(usual.lr, False),)).suggest()
    assert (bool(none), none.verdict) == (False, Verdict.COLD_START)


@pytest.mark.parametrize("rounding", [-1e-12, 1e-12])
def test_a_cold_start_made_on_another_processor_is_that_of_the_suggested_rate(rounding):
    usual = make_result().suggest()
    lr = usual.lr * (1 + rounding)
    assert lr != usual.lr
    assert make_result(cold_starts=(tried(lr, True),)).suggest() == usual
    assert not make_result(cold_starts=(tried(lr, False),)).suggest()
    lowered = make_result(cold_starts=(tried(lr * 3, False), tried(lr, True))).suggest()
    assert (lowered.lr, lowered.verdict) == (usual.lr, usual.verdict)


@REASONS
def test_the_picture_says_it_too(reason):
    cause = reason.value.partition(": ")[0]
    for losses in (make_result().loss[:80], np.full(47, 2.3) + np.arange(47) % 2):
        cut_short(reason, losses).plot()
        assert cause in pyplot.gca().get_title()


def test_a_sweep_that_ended_by_itself_says_nothing_of_the_kind():
    for reason in set(StopReason) - {StopReason.UNFINISHED, StopReason.EXHAUSTED}:
        answer = cut_short(reason, make_result().loss).suggest()
        assert not {Flag.UNFINISHED, Flag.EXHAUSTED} & set(answer.flags)


def one_weight():
    return torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)


def test_a_scheduler_tells_the_schedule_and_the_length_that_a_rate_is_applied_for():
    result, optimizer = make_result(epoch_steps=40.0), one_weight()
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=1200)
    answer = result.apply(optimizer, scheduler)
    assert answer == result.suggest(schedule="one_cycle", total_steps=1200)
    assert optimizer.param_groups[0]["max_lr"] == answer.lr


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ({}, {"schedule": "CosineAnnealingLR"}),
        ({"total_steps": 600}, {"schedule": "CosineAnnealingLR", "total_steps": 600}),
        ({"schedule": "constant"}, {"schedule": "constant"}),
        ({"curve": "raw"}, {"curve": "raw"}),
    ],
)
def test_what_is_told_counts_before_what_a_scheduler_tells(question, told):
    result, optimizer = make_result(), one_weight()
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 50)
    answer = result.apply(optimizer, scheduler, **question)
    assert answer == result.suggest(**told)
    assert ("CosineAnnealingLR, taken as one-cycle" in answer.taken) == ("Cosine" in str(told))
    assert scheduler.base_lrs == [answer.lr]


def test_a_scheduler_of_unknown_shape_is_applied_to_for_any_schedule():
    result, optimizer = make_result(), one_weight()
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.5)
    assert result.apply(optimizer, scheduler) == result.suggest()
    assert optimizer.param_groups[0]["lr"] == result.suggest().lr / 2
