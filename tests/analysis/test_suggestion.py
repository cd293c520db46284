"""The suggested rate: how it is made, how sure it is, and a reasoned answer in every corner."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import curves_of, half_of, suggest, typical_loss

from lrfind import CannotTell, CannotTellError, Flag, Suggestion, Verdict
from lrfind.analysis.calibration import COST_AT, TASKS
from lrfind.analysis.curves import CURVES, SweepCurves
from lrfind.analysis.defaults import SCHEDULES
from lrfind.analysis.question import ask
from lrfind.analysis.rules import DEFAULT, RULES
from lrfind.analysis.suggestion import NEVER_STARTED, Starts
from lrfind.analysis.suggestion import suggest as answer_to
from lrfind.analysis.transfer import transfer
from lrfind.analysis.verdict import EARLY_WORDS, FAR
from lrfind.support.text import rate

LR = np.geomspace(1e-7, 10, 100)
ASKED = [*product((None, *SCHEDULES), (None, 100, 1200, 2000))]


@pytest.mark.parametrize(("schedule", "steps"), ASKED)
def test_the_default_is_the_expected_minimum_over_the_factor_of_the_training(schedule, steps):
    curves = curves_of(typical_loss())
    way = transfer(schedule, steps)
    answer = suggest(curves, schedule=schedule, total_steps=steps)
    assert answer.lr == curves.posterior.mean / way.factor
    assert (answer.rule, answer.schedule, answer.factor) == (DEFAULT, schedule, way.factor)
    assert (answer.total_steps, answer.epochs) == (steps, None)
    assert answer.uncertainty.transfer == way.deviation
    assert answer.flags == ()
    assert answer.verdict is Verdict.CLEAR
    assert answer


@pytest.mark.parametrize(("schedule", "steps"), ASKED)
def test_what_it_costs_is_that_at_its_factor_and_at_ten(schedule, steps):
    way = transfer(schedule, steps)
    for question, cost in (({}, way.cost), ({"factor": 30}, way.regret(30))):
        answer = suggest(
            curves_of(typical_loss()), schedule=schedule, total_steps=steps, **question
        )
        assert answer.expected_regret == cost
        assert answer.decade_below_regret == way.told_regret(10)
        assert way.told_regret(10) == (way.cost if way.factor == 10 else way.regret(10))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != DEFAULT])
def test_what_a_rule_on_a_curve_costs_was_not_measured(rule):
    answer = suggest(curves_of(typical_loss()), rule=rule)
    assert (answer.expected_regret, answer.decade_below_regret) == (None, None)
    written = answer.to_dict()
    assert (written["expected_regret"], written["decade_below_regret"]) == (None, None)


@pytest.mark.parametrize("factor", [0.2, 1000])
def test_what_a_rate_far_from_the_minimum_costs_was_not_measured(factor):
    assert not COST_AT[0] < math.log10(factor) < COST_AT[-1]
    answer = suggest(curves_of(typical_loss()), factor=factor)
    assert answer.expected_regret is None
    assert answer.decade_below_regret == transfer().regret(10)


def test_a_few_epochs_are_asked_of_the_numbers_without_overfitting():
    curves = curves_of(typical_loss())
    for epoch_steps, epochs in ((400, 3), (40, 30)):
        answer = suggest(curves, total_steps=1200, epoch_steps=epoch_steps)
        way = transfer(None, 1200, epochs)
        assert answer.epochs == epochs
        assert answer.lr == curves.posterior.mean / way.factor
        assert answer.uncertainty.transfer == way.deviation
        assert answer.decade_below_regret == way.regret(10)
    assert transfer(None, 1200, 3) != transfer(None, 1200, 30)


def test_the_interval_is_symmetric_in_decades_with_three_stated_parts():
    curves = curves_of(typical_loss(noise=0.2))
    answer = suggest(curves, between=0.3)
    low, high = answer.interval
    assert answer.uncertainty.within == pytest.approx(curves.posterior.deviation)
    assert answer.uncertainty.between == 0.3
    total = np.sqrt(answer.uncertainty.within**2 + 0.3**2 + answer.uncertainty.transfer**2)
    assert answer.uncertainty.total == pytest.approx(total)
    # Student's t with 56 degrees of freedom, as the tasks of the calibration were 57.
    assert TASKS == 57
    best = curves.posterior.mean / 10 ** transfer().best
    assert curves.lr[0] < low < high < curves.lr[-1]
    assert np.log10(high / best) == pytest.approx(1.67252 * total, rel=1e-5)
    assert np.log10(best / low) == pytest.approx(1.67252 * total, rel=1e-5)


@pytest.mark.parametrize(("schedule", "steps"), ASKED)
def test_the_interval_is_around_the_mean_of_the_best_rates_as_far_as_was_swept(schedule, steps):
    curves = curves_of(typical_loss())
    answer = suggest(curves, schedule=schedule, total_steps=steps)
    way = transfer(schedule, steps)
    best = curves.posterior.mean / 10**way.best
    half = half_of(math.hypot(curves.posterior.deviation, 0.16, way.deviation))
    low, high = max(best / 10**half, curves.lr[0]), min(best * 10**half, curves.lr[-1])
    assert answer.interval == pytest.approx((low, high), rel=1e-9)


def test_the_interval_ends_where_the_sweep_does():
    short = slice(int(np.argmin(typical_loss())) - 25, None)
    curves = SweepCurves(LR[short], typical_loss()[short])
    low, high = suggest(curves, between=5.0).interval
    assert (low, high) == (curves.lr[0], curves.lr[-1])


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_interval_is_that_of_the_best_rate_whatever_rate_is_asked_for(schedule):
    curves = curves_of(typical_loss())
    usual = suggest(curves, schedule=schedule)
    assert usual.interval[0] < usual.lr < usual.interval[1]
    assert suggest(curves, schedule=schedule, total_steps=300).interval != usual.interval
    asked = suggest(curves, schedule=schedule, factor=100)
    assert asked.lr != usual.lr
    assert (asked.interval, asked.uncertainty) == (usual.interval, usual.uncertainty)
    for question in ({"factor": 100}, {"curve": "raw"}, {"rule": "steepest"}):
        answer, unknown = suggest(curves, **question), suggest(curves)
        assert answer.lr != unknown.lr
        assert (answer.interval, answer.uncertainty) == (unknown.interval, unknown.uncertainty)
    assert suggest(curves, curve="raw").lr == curves.minimum("raw").lr / 10


def test_where_the_loss_never_fell_there_is_no_rate_and_the_words_name_the_blow_up():
    loss = 2.3 + np.random.default_rng(0).normal(scale=0.05, size=100)
    loss[80:] += np.arange(20.0)
    curves = curves_of(loss)
    for question in ({}, {"rule": "minimum"}, {"schedule": "one_cycle", "total_steps": 300}):
        answer = suggest(curves, **question)
        way = transfer(question.get("schedule"), question.get("total_steps"))
        assert answer.guess == curves.posterior.mean / way.factor
        assert not answer
        assert answer.verdict is Verdict.NO_DESCENT
        assert Flag.NO_DESCENT in answer.flags
        assert LR[80] / 100 < answer.guess < LR[80]
        blow_up = curves.posterior.blow_up
        said = f"diverged at {blow_up:.1e}, which by itself only hints at {answer.guess:.1e}"
        assert said in answer.reason
    level = suggest(curves_of(loss[:80]))
    assert (bool(level), level.guess) == (False, None)


@pytest.mark.parametrize("curve", CURVES)
def test_every_curve_can_be_asked_for_with_any_factor(curve):
    curves = curves_of(typical_loss())
    beta = {"beta": 0.9} if curve in ("ema", "debiased") else {}
    answer = suggest(curves, curve=curve, factor=4, **beta)
    assert answer.lr == pytest.approx(curves.minimum(curve, **beta).lr / 4)
    assert answer.beta == (0.9 if curve in ("ema", "debiased") else None)


def test_the_rates_of_the_groups_keep_their_ratios():
    answer = suggest(curves_of(typical_loss()), group_scale=(0.1, 1.0, 0.0))
    assert answer.group_lr == pytest.approx((answer.lr / 10, answer.lr, 0.0))


@pytest.mark.parametrize(
    ("factor", "flag", "verdict"),
    [
        (1e8, Flag.BELOW_START, Verdict.AT_START),
        (1e-4, Flag.ABOVE_END, Verdict.AT_END),
    ],
)
def test_a_rate_outside_the_swept_range_is_refused(factor, flag, verdict):
    for question in ({}, {"curve": "raw"}):
        answer = suggest(curves_of(typical_loss()), factor=factor, **question)
        assert not answer
        assert flag in answer.flags
        assert answer.verdict is verdict
        assert flag.value in answer.reason


def test_a_sweep_that_starts_above_its_minimum_is_refused_with_the_remedy():
    lr = np.geomspace(0.05, 10, 100)
    answer = suggest(SweepCurves(lr, 1 + np.log10(lr / 0.02)))
    assert not answer
    assert answer.verdict is Verdict.AT_START
    assert "lower `start_lr`" in answer.reason


@pytest.mark.parametrize("question", [{}, {"factor": 1.5}, {"curve": "raw"}, {"rule": "valley"}])
def test_a_loss_that_diverged_in_the_first_decade_supports_no_rate_by_any_rule(question):
    lr = np.geomspace(1e-6, 8e-6, 120)
    loss = np.linspace(3, 1, 120)
    loss[100:] += np.arange(20.0)
    curves = SweepCurves(lr, loss)
    answer = suggest(curves, **question)
    assert (bool(answer), answer.verdict) == (False, Verdict.AT_START)
    assert answer.reason == EARLY_WORDS.format(rate(curves.posterior.blow_up))


def disputed_by(decades):
    """A sweep whose losses alone put the minimum this far below the expected one."""
    curves = curves_of(typical_loss())
    there = np.log10(curves.lr / curves.posterior.mean)
    other = np.eye(curves.lr.size)[int(np.argmin(np.abs(there + decades)))]
    curves.posterior = replace(curves.posterior, unaided=other)
    return curves


def test_losses_and_divergence_that_are_decades_apart_support_no_rate_but_a_guess():
    near, far = disputed_by(0.8 * FAR), disputed_by(1.2 * FAR)
    assert near.verdict is far.verdict is Verdict.DISPUTED
    assert suggest(near).lr == suggest(curves_of(typical_loss())).lr
    for question in ({}, {"factor": 3}, {"schedule": "constant", "total_steps": 300}):
        answer = suggest(far, **question)
        assert (bool(answer), answer.verdict) == (False, Verdict.DISPUTED)
        assert answer.reason == far.judgement.reason
        assert answer.guess == suggest(near, **question).lr
    assert suggest(far, curve="centred").lr == far.minimum("centred").lr / 10


def test_a_suggestion_carries_the_warning_of_a_minimum_that_moved_a_decade():
    lr = np.geomspace(1e-7, 10, 8 * 40 + 1)
    curves = SweepCurves(lr, 0.3 + 0.1 * np.log10(lr / 0.2) ** 2)
    assert Flag.ABOVE_RAW in suggest(curves, curve="debiased", beta=0.98).flags
    assert Flag.ABOVE_RAW not in suggest(curves, curve="debiased", beta=0.9).flags


def test_a_minimum_at_the_end_is_suggested_with_a_flag():
    answer = suggest(curves_of(np.linspace(3, 1, 100)))
    assert isinstance(answer, Suggestion)
    assert answer.flags == (Flag.AT_END,)
    assert answer.verdict is Verdict.AT_END


def test_the_emas_artefact_is_never_suggested():
    answer = suggest(curves_of(typical_loss()), curve="ema", beta=0.9)
    assert answer.lr > 1e-3
    assert Flag.START_ARTEFACT in answer.flags


@pytest.mark.parametrize("rule", [*RULES])
@pytest.mark.parametrize(
    ("loss", "flag"),
    [(np.full(100, 2.3), Flag.NO_DESCENT), (np.array([3.0, 1.0, 2.0]), Flag.TOO_SHORT)],
)
def test_no_rule_guesses_where_nothing_can_be_told(rule, loss, flag):
    answer = suggest(curves_of(loss), rule=rule)
    assert isinstance(answer, CannotTell)
    assert not answer
    assert flag in answer.flags
    assert flag.value in answer.reason
    with pytest.raises(CannotTellError, match="no learning rate can be suggested"):
        _ = answer.lr


def test_a_rate_at_which_no_training_from_scratch_starts_gives_way_to_one_that_does():
    curves = curves_of(typical_loss())
    usual = suggest(curves)
    rate = usual.lr / 9
    starts = Starts((usual.lr, usual.lr / 3, rate), rate)
    answer = answer_to(curves, ask(), group_scale=(1.0, 0.1), starts=starts)
    assert answer.lr == rate
    assert answer.factor == curves.posterior.mean / rate
    assert answer.group_lr == (rate, rate * 0.1)
    assert answer.verdict is Verdict.COLD_START
    assert answer.reason == f"at {usual.lr / 3:.1e} {Verdict.COLD_START.value}"
    assert (answer.interval, answer.uncertainty) == (usual.interval, usual.uncertainty)
    assert answer.expected_regret == transfer().regret(curves.posterior.mean / rate)
    assert answer.decade_below_regret == usual.decade_below_regret
    assert answer.flags == usual.flags


@pytest.mark.parametrize("schedule", [None, *SCHEDULES])
def test_a_rate_that_starts_or_lies_below_one_is_left_as_it_is(schedule):
    curves = curves_of(typical_loss())
    usual = suggest(curves, schedule=schedule)
    for starts in (Starts(), Starts((usual.lr,), usual.lr), Starts((1.0, usual.lr), usual.lr)):
        assert answer_to(curves, ask(schedule=schedule), starts=starts) == usual


def test_a_rate_above_the_one_that_was_tried_says_so():
    curves = curves_of(typical_loss())
    usual = suggest(curves)
    answer = answer_to(curves, ask(), starts=Starts((usual.lr / 2,), usual.lr / 2))
    assert answer == replace(usual, flags=(*usual.flags, Flag.NOT_TRIED))
    assert Flag.NOT_TRIED.value in str(answer)


def test_where_nothing_starts_nothing_is_suggested_but_below():
    curves = curves_of(typical_loss())
    usual = suggest(curves)
    lr = usual.lr
    answer = answer_to(curves, ask(), starts=Starts((lr * 2, lr / 2)))
    assert not answer
    assert answer.verdict is Verdict.COLD_START
    assert answer.reason == f"from {lr * 2:.1e} to {lr / 2:.1e} {NEVER_STARTED}"
    # Nothing was tried there, which is said.
    below = answer_to(curves, ask(), starts=Starts((lr * 4, lr * 2)))
    assert below == replace(usual, flags=(*usual.flags, Flag.NOT_TRIED))


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != DEFAULT])
def test_a_rule_on_a_curve_is_answered_as_asked_whatever_starts(rule):
    curves = curves_of(typical_loss())
    for starts in (Starts((1.0, 1e-6)), Starts((1.0, 1e-6), 1e-6)):
        assert answer_to(curves, ask(rule), starts=starts) == suggest(curves, rule=rule)


losses = st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=60)


@given(losses, st.sampled_from([*RULES]), st.sampled_from([*CURVES]), st.floats(0, 0.99))
def test_any_finite_sweep_gets_a_rate_within_it_or_a_reason(loss, rule, curve, beta):
    named = {} if rule == DEFAULT else {"curve": curve}
    named |= {"beta": beta} if named.get("curve") in ("ema", "debiased") else {}
    answer = suggest(curves_of(loss), rule=rule, **named)
    if answer:
        assert 1e-8 <= answer.lr <= 10
        assert answer.interval[0] < answer.expected_lr
        assert answer.interval[0] < answer.interval[1]
        assert 0 <= answer.expected_regret <= 1
    else:
        assert answer.reason
        assert answer.to_dict()["cannot_tell"] == answer.reason
