"""Scores, regrets, the rate and the verdict of short trainings, against their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import flat_trials, half_of, make_trial, make_verification

from lrfind import CannotTellError, Verdict
from lrfind.analysis.defaults import SCHEDULES
from lrfind.analysis.posterior import BETWEEN_RUNS
from lrfind.analysis.transfer import transfer
from lrfind.checks.verification.decision import SweepSays, decide
from lrfind.checks.verification.scores import AT_END, BELOW_ALL, NOT_EXCEEDED, REASONS

BLOWN = math.inf
each_schedule = pytest.mark.parametrize("schedule", [None, *SCHEDULES])


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
    assert answer.lr == pytest.approx(answer.rates[1])
    assert answer.verdict is Verdict.NO_DESCENT


@each_schedule
def test_without_a_sweep_the_rate_is_the_weighted_mean_whatever_is_asked(schedule):
    trials = flat_trials(1.5, 0.55, 0.5, math.inf)
    weights = [math.exp(-share / 0.05) for share in (1.0 / 1.5, 0.05 / 1.5, 0.0, 2.0)]
    mean = sum(w * math.log10(t.run.lr) for w, t in zip(weights, trials, strict=True))
    mean /= sum(weights)
    answer = make_verification(trials, schedule=schedule, total_steps=900)
    assert answer.lr == answer.mean_lr == pytest.approx(10**mean)


def test_the_mean_is_no_rate_above_the_highest_that_trained_well():
    # The lowest is best, and nothing else trained well, though its weight still moves the mean.
    answer = make_verification(flat_trials(0.5, 1.26, 1.27, 1.28))
    assert min(answer.losses[1:]) > 0.5
    assert answer.mean_lr > answer.rates[0] == answer.lr
    # Where the next one trained well too, the mean lies below that.
    answer = make_verification(flat_trials(0.55, 0.5, 1.9))
    assert answer.mean_lr == answer.lr < answer.rates[1]


SAYS = SweepSays(minimum=0.03, deviation=0.2, lr=0.004)


@pytest.mark.parametrize("total_steps", [None, 300, 2000])
@each_schedule
@pytest.mark.parametrize("says", [SAYS, SweepSays(0.03, 0.2, None)])
def test_with_a_sweep_the_rate_is_what_both_decide(schedule, total_steps, says):
    answer = make_verification(
        flat_trials(1.5, 1.0, 0.5, 0.6, 1.9), sweep=says, schedule=schedule, total_steps=total_steps
    )
    way = transfer(schedule, total_steps)
    assert answer.lr == decide(answer.rates, answer.losses, says, way)
    assert answer.lr <= min(answer.rates[3], says.lr or math.inf)


def test_the_epochs_of_a_training_choose_its_way():
    trials = flat_trials(0.5, 0.5, 0.5, 0.5, 0.5)
    rates = {}
    for epochs in (None, 5.0, 50.0):
        answer = make_verification(
            trials, sweep=SweepSays(0.03, 0.2, None), total_steps=1000, epochs=epochs
        )
        way = transfer(None, 1000, epochs)
        rates[epochs] = answer.lr
        assert answer.lr == decide(answer.rates, answer.losses, answer.sweep, way)
    assert rates[5.0] > rates[50.0] == rates[None]


def test_a_suggestion_gives_way_to_what_the_sweep_and_the_trials_decide():
    answer = make_verification(flat_trials(1.5, 1.0, 0.5, 0.6), 10**-2.9, sweep=SAYS)
    assert answer.stands is False
    assert answer.lr == decide(answer.rates, answer.losses, SAYS, transfer())


@given(
    st.lists(st.floats(0.01, 1.9) | st.just(math.inf), min_size=2, max_size=6),
    st.none() | st.floats(1e-4, 1),
)
def test_the_rate_of_a_search_is_never_above_one_that_trained_well(scores, limit):
    answer = make_verification(flat_trials(*scores), sweep=SweepSays(0.03, 0.2, limit))
    if not answer.all_blew_up:
        highest = answer.rates[answer.losses < 0.5].max()
        assert answer.lr <= min(highest, limit or math.inf) * (1 + 1e-9)


def test_regrets_of_trials_of_several_lengths_are_taken_as_they_are():
    regrets = (0.8, 0.3, 0.0, 0.01)
    answer = make_verification(flat_trials(0.1, 0.2, 0.3, 0.4), regrets=regrets)
    assert tuple(answer.losses) == regrets
    assert answer.best == answer.rates[2]
    weights = [math.exp(-share / 0.05) for share in regrets]
    mean = np.dot(weights, np.log10(answer.rates)) / sum(weights)
    assert answer.lr == pytest.approx(10**mean)


@pytest.mark.parametrize("deviation", [0.0, 0.2, 0.9])
@pytest.mark.parametrize("total_steps", [None, 300, 2000])
@each_schedule
def test_the_interval_is_centred_and_as_wide_as_its_deviations_say(
    schedule, total_steps, deviation
):
    asked = {"schedule": schedule, "total_steps": total_steps}
    way = transfer(schedule, total_steps)
    answer = make_verification(flat_trials(1.5, 0.5, 1.0), **asked)
    low, high = np.log10(answer.interval)
    assert (low + high) / 2 == pytest.approx(math.log10(answer.lr))
    assert (high - low) / 2 == pytest.approx(half_of(way.deviation))
    # With a sweep it is around the best rate that this points to, whatever the trials say, and its
    # minimum may be off as well.
    half = half_of(math.hypot(deviation, way.deviation))
    for scores in ((1.5, 0.5, 1.0), (0.5, 1.0, 1.5)):
        says = SweepSays(0.03, deviation, None)
        answer = make_verification(flat_trials(*scores), sweep=says, **asked)
        low, high = np.log10(answer.interval)
        assert (low + high) / 2 == pytest.approx(math.log10(0.03) - way.best)
        assert (high - low) / 2 == pytest.approx(half)


def test_the_interval_is_widened_to_a_rate_that_the_sweep_does_not_expect():
    # Only the lowest rate trained, three decades below what the sweep points to.
    way = transfer()
    answer = make_verification(flat_trials(0.5, 1.5, 1.6), sweep=SweepSays(10**way.best, 0.2, None))
    assert answer.lr == pytest.approx(1e-3)
    half = half_of(math.hypot(0.2, way.deviation))
    assert half < 3
    assert answer.interval == pytest.approx((answer.lr, 10**half))


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


def after(lr, scores, suggested, **changes):
    """A check of a suggestion after a sweep that suggests `lr`."""
    says = SweepSays(minimum=3.0, deviation=0.2, lr=lr)
    return make_verification(flat_trials(*scores), suggested, sweep=says, **changes)


@pytest.mark.parametrize(
    ("scores", "stands"),
    [
        ((1.5, 1.0, 0.8, 0.5), True),  # only the one above is better
        ((1.5, 0.8, 0.9, 0.5), True),  # one below, by 0.067
        ((1.5, 0.7, 0.9, 0.5), False),  # by 0.133
        ((0.5, 1.5, 0.9, 1.0), False),
        ((1.5, 1.0, BLOWN, 0.5), False),
    ],
)
def test_a_suggestion_of_the_sweep_is_compared_with_lower_rates_only(scores, stands):
    answer = after(1e-2, scores, 1e-2)
    assert answer.stands is stands
    assert (answer.lr == 1e-2) == (stands is True)
    assert answer.lr <= 1e-2


def test_after_a_sweep_without_a_suggestion_all_rates_count():
    assert after(None, (1.5, 1.0, 0.8, 0.5), 1e-2).stands is False
    assert make_verification(flat_trials(1.5, 1.0, 0.8, 0.5), 1e-2).stands is False


def test_a_rate_below_the_sweeps_is_compared_with_all_up_to_that():
    scores = (1.5, 1.0, 0.8, 0.5)
    assert after(1e-2, scores, 10**-2.5).stands is False
    # The one in between does not count, as the sweep would not go there.
    assert after(10**-2.4, scores, 10**-2.5).stands is True
    # A rate above the sweep's is compared with all below itself.
    assert after(1e-3, scores, 1e-2).stands is True
    assert after(1e-3, (0.5, 1.0, 0.8, 0.4), 1e-2).stands is False


@each_schedule
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
    level_over_six_decades = flat_trials(*[0.5] * 13)
    answer = make_verification(level_over_six_decades, suggested=1000.0)
    alone = make_verification(level_over_six_decades)
    assert (answer.stands, answer.lr) == (True, 1000.0)
    assert alone.interval[1] < 1000.0
    assert answer.interval == (alone.interval[0], 1000.0)


def test_a_suggestion_that_does_not_hold_up_gives_way_to_the_rate_of_the_trials():
    trials = flat_trials(1.5, 1.0, 0.5, 0.6)
    alone = make_verification(trials)
    for suggested in (10**-2.5, 1.0):  # worse, and outside
        answer = make_verification(trials, suggested)
        assert answer.lr == alone.lr
        assert answer.interval == alone.interval
        assert answer.lr != suggested


@given(st.floats(-3, -1), st.sampled_from([None, *SCHEDULES]))
def test_a_suggestion_is_never_replaced_by_the_same_rate(decades, schedule):
    trials = flat_trials(1.5, 1.0, 0.5, 0.6, 1.9)
    answer = make_verification(trials, 10.0**decades, schedule=schedule)
    apart = abs(math.log10(answer.lr / answer.suggested))
    assert (apart == 0) == answer.stands
    assert answer.stands or apart > BETWEEN_RUNS


def test_a_suggestion_that_diverged_does_not_hold_up_wherever_the_trials_point():
    trials = [make_trial(0.10, 1.0, 0.5), make_trial(0.11, BLOWN, BLOWN), make_trial(0.2, 1.5, 1.4)]
    answer = make_verification(trials, 0.11)
    assert (answer.stands, answer.regret) == (False, 2.0)


def test_trials_that_learnt_nothing_leave_the_suggestion_as_it_is():
    answer = make_verification(flat_trials(1.95, 1.92, 1.94), suggested=1e-3)
    assert (answer.verdict, answer.stands, answer.lr) == (Verdict.NO_DESCENT, None, 1e-3)


def test_without_a_suggestion_none_can_hold_up():
    assert make_verification(flat_trials(1.5, 0.5)).stands is None


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


def test_the_suggestion_of_a_sweep_needs_no_worse_rate_above_it():
    """It is not exceeded anyway; a limit below is none of the sweep's."""
    trials = flat_trials(1.5, 1.0, 0.8, 0.5)
    assert make_verification(trials, sweep=SAYS).verdict is Verdict.CLEAR
    assert make_verification(trials, sweep=SweepSays(0.03, 0.2, None)).verdict is Verdict.AT_END
    lowest = make_verification(flat_trials(0.5, 0.7, 1.0, BLOWN), sweep=SAYS)
    assert lowest.verdict is Verdict.AT_END
    assert lowest.reason == AT_END.format("lowest")


def test_why_higher_rates_do_not_count_is_said_where_they_are_better():
    better_above = make_verification(flat_trials(1.5, 1.0, 0.8, 0.5), sweep=SAYS)
    assert better_above.best > better_above.lr
    assert (better_above.verdict, better_above.reason) == (Verdict.CLEAR, NOT_EXCEEDED)
    checked = after(1e-2, (1.5, 1.0, 0.8, 0.5), 1e-2)
    assert (checked.verdict, checked.reason) == (Verdict.CLEAR, NOT_EXCEEDED)
    best = after(1e-2, (1.5, 1.0, 0.5, 0.8), 1e-2)
    assert (best.verdict, best.reason) == (Verdict.CLEAR, REASONS[Verdict.CLEAR])


@pytest.mark.parametrize("suggested", [None, 1e-5])
def test_a_rate_below_all_that_were_tried_is_not_clear(suggested):
    answer = make_verification(
        flat_trials(1.5, 0.5, 1.0), suggested, sweep=SweepSays(0.03, 0.2, 1e-4)
    )
    assert answer.lr == 1e-4 < answer.rates[0]
    assert (answer.verdict, answer.reason) == (Verdict.AT_END, BELOW_ALL)


@pytest.mark.parametrize("scores", [(0.5, 0.5, 0.5, 0.5), (1.95, 1.92, 1.94)])
def test_a_verdict_on_the_trials_keeps_its_reason_wherever_the_rate_lies(scores):
    answer = make_verification(flat_trials(*scores), sweep=SweepSays(0.03, 0.2, 1e-4))
    assert answer.lr < answer.rates[0]
    assert answer.verdict in (Verdict.FLAT, Verdict.NO_DESCENT)
    assert answer.reason == REASONS[answer.verdict]


def test_a_suggestion_outside_leaves_the_verdict_to_the_rate_that_is_answered():
    answer = after(1e-2, (1.5, 1.0, 0.5, 0.8), 1e-5)
    assert answer.regret is None
    assert answer.rates[0] < answer.lr <= 1e-2
    assert answer.verdict is Verdict.CLEAR


@given(st.lists(st.floats(0.01, 1.9) | st.just(BLOWN), min_size=2, max_size=6))
def test_the_rate_lies_among_those_tried_that_trained_well(scores):
    answer = make_verification(flat_trials(*scores))
    assert answer.all_blew_up == (set(scores) == {BLOWN})
    assert answer.losses.min() == (2.0 if answer.all_blew_up else 0.0)
    if not answer.all_blew_up:
        assert answer.rates[0] * 0.999 <= answer.mean_lr <= answer.rates[-1] * 1.001
        highest = answer.rates[answer.losses < 0.5].max()
        assert answer.lr == min(answer.mean_lr, highest)


@pytest.mark.parametrize("name", ["lr", "best", "interval", "group_lr"])
def test_when_all_blew_up_every_rate_raises(name):
    for says in (None, SAYS):
        answer = make_verification(flat_trials(BLOWN, BLOWN), suggested=1e-3, sweep=says)
        with pytest.raises(CannotTellError, match="every trial diverged"):
            getattr(answer, name)
        assert answer.stands is False
