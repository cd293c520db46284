"""Scores, regrets, the rate and the verdict of short trainings, against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import flat_trials, make_trial, make_verification

from lrfind import CannotTellError, Verdict
from lrfind.analysis.calibration import VERIFIED


@pytest.mark.parametrize(
    ("halfway", "end", "straight", "expected"),
    [
        (1.0, 0.5, False, 0.5 * 0.5**2),
        (0.8, 0.6, False, 0.6 * 0.75**2),
        (0.5, 1.0, False, 1.0),
        (0.5, 0.5, False, 0.5),
        (1.0, 0.5, True, 0.5 - 2 * 0.5),
        (-1.0, -2.0, True, -4.0),
        (-2.0, -1.0, True, -1.0),
        (1.0, math.inf, False, math.inf),
        (math.nan, 1.0, False, math.inf),
    ],
)
def test_a_fall_is_carried_on_and_a_rise_is_not(halfway, end, straight, expected):
    assert make_trial(0.1, halfway, end).heading(straight=straight) == pytest.approx(expected)


@given(st.floats(0.01, 10), st.floats(0.05, 0.95), st.integers(1, 40))
def test_an_exponential_decay_is_carried_on_exactly(start, factor, half):
    """Twice as far again: from 2 halves to 4."""
    at = [start * factor ** (half * k) for k in range(5)]
    if at[4] > 1e-300:
        assert make_trial(0.1, at[1], at[2]).heading() == pytest.approx(at[4], rel=1e-9)


def test_one_loss_that_reaches_zero_carries_all_trials_on_along_straight_lines():
    falling = make_trial(0.01, 1.0, 0.5)
    beyond_zero = make_verification([falling, make_trial(0.1, 0.5, -0.5)])
    np.testing.assert_allclose(beyond_zero.scores, [-0.5, -2.5])
    assert make_verification([falling, make_trial(0.1, 0.5, 0.1)]).scores[0] == 0.125


def test_regrets_are_shares_of_the_best_gain_and_at_most_2():
    answer = make_verification(flat_trials(1.5, 1.0, 0.5, 9.0))
    np.testing.assert_allclose(answer.losses, [1.0 / 1.5, 0.5 / 1.5, 0.0, 2.0])
    assert answer.best == answer.rates[2]


@pytest.mark.parametrize("level", [1.0, math.nan, math.inf])
def test_without_a_gain_only_the_best_is_kept_and_the_verdict_says_so(level):
    answer = make_verification(flat_trials(3.0, 1.0, 2.0), level=level, noise=0.0)
    np.testing.assert_array_equal(answer.losses, [2.0, 0.0, 2.0])
    assert answer.lr == pytest.approx(answer.rates[1] / VERIFIED[None].factor)
    assert answer.verdict is Verdict.NO_DESCENT


def test_the_rate_is_the_weighted_mean_over_the_factor_of_the_schedule():
    trials = flat_trials(1.5, 0.55, 0.5, math.inf)
    weights = [math.exp(-share / 0.05) for share in (1.0 / 1.5, 0.05 / 1.5, 0.0, 2.0)]
    mean = sum(w * math.log10(t.run.lr) for w, t in zip(weights, trials, strict=True))
    mean /= sum(weights)
    for schedule in (None, "constant", "one_cycle"):
        answer = make_verification(trials, schedule=schedule)
        assert answer.lr == pytest.approx(10**mean / VERIFIED[schedule].factor)


@pytest.mark.parametrize("schedule", [None, "constant", "one_cycle"])
def test_the_interval_is_centred_and_as_wide_as_its_deviation_says(schedule):
    answer = make_verification(flat_trials(1.5, 0.5, 1.0), schedule=schedule)
    low, high = np.log10(answer.interval)
    assert (low + high) / 2 == pytest.approx(math.log10(answer.lr))
    # The 95 % quantile of the normal distribution.
    assert (high - low) / 2 == pytest.approx(1.7958848 * VERIFIED[schedule].deviation)


def test_every_group_has_its_rate():
    answer = make_verification(flat_trials(1.5, 0.5, 1.0), scale=(0.1, 1.0))
    assert answer.group_lr == (answer.lr * 0.1, answer.lr)
    assert answer.one_cycle(slice(1)) == {"max_lr": [answer.lr * 0.1]}


@pytest.mark.parametrize(
    ("decades", "stands"),
    [
        (-2.0, True),  # the best
        (-2.5, False),  # loses a third
        (-2.1, True),  # a fifth of that
        (-2.2, False),  # two fifths: 0.13
        (-1.5, True),  # loses 0.067
        (-1.4, None),  # outside: nothing was measured
        (-3.1, None),
    ],
)
def test_a_suggestion_holds_up_if_its_regret_is_a_tenth_at_most(decades, stands):
    trials = flat_trials(1.5, 1.0, 0.5, 0.6)
    assert make_verification(trials, suggested=10.0**decades).stands is stands


@pytest.mark.parametrize("schedule", [None, "constant", "one_cycle"])
@pytest.mark.parametrize("decades", [-2.0, -2.1, -1.5])
def test_a_suggestion_that_holds_up_is_the_answer_and_lies_in_the_interval(decades, schedule):
    suggested = 10.0**decades
    answer = make_verification(
        flat_trials(1.5, 1.0, 0.5, 0.6), suggested, schedule=schedule, scale=(0.5, 1.0)
    )
    assert answer.stands is True
    assert answer.lr == suggested
    assert answer.group_lr == (suggested / 2, suggested)
    assert answer.interval[0] <= suggested <= answer.interval[1]


def test_the_interval_is_widened_to_a_suggestion_at_its_end_that_holds_up():
    level_over_two_decades = flat_trials(0.5, 0.5, 0.5, 0.5, 0.5)
    answer = make_verification(level_over_two_decades, suggested=0.1)
    alone = make_verification(level_over_two_decades)
    assert (answer.stands, answer.lr) == (True, 0.1)
    assert alone.interval[1] < 0.1
    assert answer.interval == (alone.interval[0], 0.1)


def test_a_suggestion_that_does_not_hold_up_gives_way_to_the_rate_of_the_trials():
    trials = flat_trials(1.5, 1.0, 0.5, 0.6)
    alone = make_verification(trials)
    for suggested in (10**-2.5, 1.0):  # worse, and outside
        answer = make_verification(trials, suggested)
        assert answer.lr == alone.lr
        assert answer.interval == alone.interval
        assert answer.lr != suggested


@given(st.floats(-3, -1), st.sampled_from([None, "constant", "one_cycle"]))
def test_a_suggestion_is_never_replaced_by_the_same_rate(decades, schedule):
    trials = flat_trials(1.5, 1.0, 0.5, 0.6, 1.9)
    answer = make_verification(trials, 10.0**decades, schedule=schedule)
    apart = abs(math.log10(answer.lr / answer.suggested))
    assert (apart == 0) == answer.stands
    assert answer.stands or apart > 0.1


def test_a_suggestion_that_diverged_does_not_hold_up_wherever_the_trials_point():
    trials = [make_trial(0.10, 1.0, 0.5), make_trial(0.11, BLOWN, BLOWN), make_trial(0.2, 1.5, 1.4)]
    answer = make_verification(trials, 0.11)
    assert (answer.stands, answer.regret) == (False, 2.0)


def test_trials_that_learnt_nothing_leave_the_suggestion_as_it_is():
    answer = make_verification(flat_trials(1.95, 1.92, 1.94), suggested=1e-3)
    assert (answer.verdict, answer.stands, answer.lr) == (Verdict.NO_DESCENT, None, 1e-3)


def test_without_a_suggestion_none_can_hold_up():
    assert make_verification(flat_trials(1.5, 0.5)).stands is None


BLOWN = math.inf


@pytest.mark.parametrize(
    ("scores", "verdict", "says"),
    [
        ((1.5, 0.5, 1.0, 1.8), Verdict.CLEAR, "those around it are worse"),
        ((1.5, 0.5, 0.55, BLOWN), Verdict.CLEAR, "those around it are worse"),
        ((0.52, 0.5, 1.0, 1.8), Verdict.CLEAR, "those around it are worse"),
        ((1.5, 1.0, 0.8, 0.5), Verdict.AT_END, "highest"),
        ((1.5, 1.0, 0.5, 0.55), Verdict.AT_END, "highest"),
        ((0.5, 0.7, 1.0, BLOWN), Verdict.AT_END, "lowest"),
        ((0.5, 0.51, 0.52, 0.53), Verdict.FLAT, "over more than a decade"),
        ((0.5, 1.0, 1.0, 0.5), Verdict.FLAT, "over more than a decade"),
        ((0.52, 0.5, 0.51), Verdict.AT_END, "close together"),
        ((1.95, 1.92, 1.94), Verdict.NO_DESCENT, "no trial decreased the loss"),
        ((BLOWN, BLOWN), Verdict.NO_DESCENT, "diverged: try lower"),
    ],
)
def test_the_verdict_and_its_reason(scores, verdict, says):
    answer = make_verification(flat_trials(*scores))
    assert answer.verdict is verdict
    assert says in answer.reason


@given(st.lists(st.floats(0.01, 1.9) | st.just(BLOWN), min_size=2, max_size=6))
def test_the_rate_lies_among_those_tried_but_for_the_factor(scores):
    answer = make_verification(flat_trials(*scores))
    assert answer.all_blew_up == (set(scores) == {BLOWN})
    assert answer.losses.min() == (2.0 if answer.all_blew_up else 0.0)
    if not answer.all_blew_up:
        mean = answer.lr * VERIFIED[None].factor
        assert answer.rates[0] * 0.999 <= mean <= answer.rates[-1] * 1.001


@pytest.mark.parametrize("name", ["lr", "best", "interval", "group_lr"])
def test_when_all_blew_up_every_rate_raises(name):
    answer = make_verification(flat_trials(BLOWN, BLOWN), suggested=1e-3)
    with pytest.raises(CannotTellError, match="every trial diverged"):
        getattr(answer, name)
    assert answer.stands is False
