"""The rules against independent ones, and a reasoned answer in every corner."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import curves_of, typical_loss

from lrfind import CannotTell, CannotTellError, Flag, Suggestion, Verdict
from lrfind.analysis.calibration import SCHEDULES
from lrfind.analysis.curves import CURVES, SweepCurves
from lrfind.analysis.question import ask
from lrfind.analysis.rules import DEFAULT, RULES
from lrfind.analysis.suggestion import suggest as answer_to

LR = np.geomspace(1e-7, 10, 100)


def suggest(curves, *, group_scale=(1.0,), **question):
    return answer_to(curves, ask(**question), group_scale=group_scale)


def test_the_default_is_the_expected_minimum_over_the_factor_of_the_schedule():
    curves = curves_of(typical_loss())
    for schedule, (factor, deviation) in SCHEDULES.items():
        answer = suggest(curves, schedule=schedule)
        assert answer.lr == pytest.approx(curves.posterior.mean / factor)
        assert (answer.rule, answer.schedule, answer.factor) == (DEFAULT, schedule, factor)
        assert answer.uncertainty.transfer == deviation
        assert answer.flags == ()
        assert answer.verdict is Verdict.CLEAR
        assert answer


def test_the_interval_is_normal_in_decades_with_three_stated_parts():
    curves = curves_of(typical_loss(noise=0.2))
    answer = suggest(curves, between=0.3)
    low, high = answer.interval
    assert answer.uncertainty.within == pytest.approx(curves.posterior.deviation)
    assert answer.uncertainty.between == 0.3
    total = np.sqrt(answer.uncertainty.within**2 + 0.3**2 + answer.uncertainty.transfer**2)
    assert answer.uncertainty.total == pytest.approx(total)
    assert np.log10(high / answer.lr) == pytest.approx(1.6449 * total, rel=1e-4)
    assert np.log10(answer.lr / low) == pytest.approx(1.6449 * total, rel=1e-4)


def test_a_rule_on_one_curve_has_no_interval_that_nobody_measured():
    answer = suggest(curves_of(typical_loss()), curve="raw")
    assert (answer.rule, answer.interval, answer.uncertainty) == ("minimum", None, None)
    assert answer.lr == answer.minimum.lr / 10


def test_where_the_loss_never_fell_the_blow_up_alone_gives_a_rate_and_says_so():
    loss = 2.3 + np.random.default_rng(0).normal(scale=0.05, size=100)
    loss[80:] += np.arange(20.0)
    answer = suggest(curves_of(loss))
    assert answer.verdict is Verdict.NO_DESCENT
    assert Flag.NO_DESCENT in answer.flags
    assert LR[80] / 100 < answer.lr < LR[80]
    assert not suggest(curves_of(loss), rule="minimum")


@pytest.mark.parametrize("curve", CURVES)
def test_every_curve_can_be_asked_for_with_any_factor(curve):
    curves = curves_of(typical_loss())
    answer = suggest(curves, curve=curve, beta=0.9, factor=4)
    assert answer.lr == pytest.approx(curves.minimum(curve, 0.9).lr / 4)
    assert answer.beta == (0.9 if curve in ("ema", "debiased") else None)


def test_the_rates_of_the_groups_keep_their_ratios():
    answer = suggest(curves_of(typical_loss()), group_scale=(0.1, 1.0, 0.0))
    assert answer.group_lr == pytest.approx((answer.lr / 10, answer.lr, 0.0))


def test_a_rate_below_the_swept_range_is_flagged():
    lr = np.geomspace(0.05, 10, 100)
    answer = suggest(SweepCurves(lr, 1 + np.log10(lr / 0.2) ** 2), rule="minimum")
    assert answer.lr < 0.05
    assert Flag.BELOW_START in answer.flags


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


losses = st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=60)


@given(losses, st.sampled_from([*RULES]), st.sampled_from([*CURVES]), st.floats(0, 0.99))
def test_any_finite_sweep_gets_a_rate_within_it_or_a_reason(loss, rule, curve, beta):
    named = {} if rule == DEFAULT else {"curve": curve}
    answer = suggest(curves_of(loss), rule=rule, beta=beta, **named)
    if answer:
        assert 1e-8 <= answer.lr <= 10
        if answer.interval:
            assert answer.interval[0] < answer.lr < answer.interval[1]
    else:
        assert answer.reason
        assert answer.to_dict()["cannot_tell"] == answer.reason
