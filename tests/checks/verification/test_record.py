"""Scores, losses, the rate and the verdict of short trainings, against their definitions."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind import CannotTellError, Verdict, Verification
from lrfind.analysis.calibration import VERIFIED
from lrfind.checks.verification.record import Trial
from lrfind.result.constant_run import ConstantRun

LOSS = np.array([2.0, 1.5, 1.2, 1.0])


def trial(lr, halfway, end):
    loss = LOSS if math.isfinite(end) else np.array([2.0, np.nan])
    return Trial(ConstantRun(lr, loss), halfway, end)


def flat_trials(*scores, rates=None):
    """Trials that stay where they are, so that their scores are those given."""
    rates = rates or [10.0 ** (k / 2 - 3) for k in range(len(scores))]
    return tuple(trial(lr, score, score) for lr, score in zip(rates, scores, strict=True))


def make(trials, suggested=None, level=2.0, noise=0.1, **rest):
    return Verification(trials, suggested, level, noise, 200, **rest)


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
    assert trial(0.1, halfway, end).heading(straight=straight) == pytest.approx(expected)


@given(st.floats(0.01, 10), st.floats(0.05, 0.95), st.integers(1, 40))
def test_an_exponential_decay_is_carried_on_exactly(start, factor, half):
    """Twice as far again: from 2 halves to 4."""
    at = [start * factor ** (half * k) for k in range(5)]
    if at[4] > 1e-300:
        assert trial(0.1, at[1], at[2]).heading() == pytest.approx(at[4], rel=1e-9)


def test_one_loss_that_reaches_zero_carries_all_trials_on_along_straight_lines():
    answer = make((trial(0.01, 1.0, 0.5), trial(0.1, 0.5, -0.5)))
    np.testing.assert_allclose(answer.scores, [-0.5, -2.5])
    assert make((trial(0.01, 1.0, 0.5), trial(0.1, 0.5, 0.1))).scores[0] == 0.125


def test_losses_are_shares_of_the_best_gain_and_at_most_2():
    answer = make(flat_trials(1.5, 1.0, 0.5, 9.0))
    np.testing.assert_allclose(answer.losses, [1.0 / 1.5, 0.5 / 1.5, 0.0, 2.0])
    assert answer.best == answer.rates[2]


@pytest.mark.parametrize("level", [1.0, math.nan, math.inf])
def test_without_a_gain_only_the_best_is_kept_and_the_verdict_says_so(level):
    answer = make(flat_trials(3.0, 1.0, 2.0), level=level, noise=0.0)
    np.testing.assert_array_equal(answer.losses, [2.0, 0.0, 2.0])
    assert answer.lr == pytest.approx(answer.rates[1] / VERIFIED[None].factor)
    assert answer.verdict is Verdict.NO_DESCENT


def test_the_rate_is_the_weighted_mean_over_the_factor_of_the_schedule():
    trials = flat_trials(1.5, 0.55, 0.5, math.inf)
    weights = [math.exp(-share / 0.05) for share in (1.0 / 1.5, 0.05 / 1.5, 0.0, 2.0)]
    mean = sum(w * math.log10(t.run.lr) for w, t in zip(weights, trials, strict=True))
    mean /= sum(weights)
    for schedule in (None, "constant", "one_cycle"):
        answer = make(trials, schedule=schedule)
        assert answer.lr == pytest.approx(10**mean / VERIFIED[schedule].factor)


@pytest.mark.parametrize("schedule", [None, "constant", "one_cycle"])
def test_the_interval_is_centred_and_as_wide_as_its_deviation_says(schedule):
    answer = make(flat_trials(1.5, 0.5, 1.0), schedule=schedule)
    low, high = np.log10(answer.interval)
    assert (low + high) / 2 == pytest.approx(math.log10(answer.lr))
    # The 95 % quantile of the normal distribution.
    assert (high - low) / 2 == pytest.approx(1.6448536 * VERIFIED[schedule].deviation)


def test_every_group_has_its_rate():
    answer = make(flat_trials(1.5, 0.5, 1.0), scale=(0.1, 1.0))
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
def test_a_suggestion_stands_if_it_loses_a_tenth_at_most(decades, stands):
    trials = flat_trials(1.5, 1.0, 0.5, 0.6)
    answer = make(trials, suggested=10.0**decades)
    assert answer.stands is stands
    words = {True: "suggestion stands.", False: "does not stand.", None: "lies outside of"}
    assert words[stands] in str(answer)


def test_without_a_suggestion_nothing_stands_or_falls():
    answer = make(flat_trials(1.5, 0.5))
    assert answer.stands is None
    assert "uggestion" not in str(answer)


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
        ((1.95, 1.92, 1.94), Verdict.NO_DESCENT, "no trial brought the loss down"),
        ((BLOWN, BLOWN), Verdict.NO_DESCENT, "blew up: try lower"),
    ],
)
def test_the_verdict_and_its_reason(scores, verdict, says):
    answer = make(flat_trials(*scores))
    assert answer.verdict is verdict
    assert says in answer.reason
    assert f"Verdict: {verdict.name.lower().replace('_', ' ')}, as" in str(answer)
    assert says in str(answer)


@given(st.lists(st.floats(0.01, 1.9) | st.just(BLOWN), min_size=2, max_size=6))
def test_the_rate_lies_among_those_tried_but_for_the_factor_and_every_answer_is_json(scores):
    answer = make(flat_trials(*scores), suggested=1e-2)
    document = json.loads(json.dumps(answer.to_dict(), allow_nan=False))
    assert answer.losses.min() == (0.0 if np.isfinite(answer.scores).any() else 2.0)
    if np.isfinite(answer.scores).any():
        mean = answer.lr * VERIFIED[None].factor
        assert answer.rates[0] * 0.999 <= mean <= answer.rates[-1] * 1.001
        assert document["lr"] == answer.lr
    else:
        assert "lr" not in document


def test_when_all_blew_up_every_rate_raises_and_the_text_says_why():
    answer = make(flat_trials(BLOWN, BLOWN), suggested=1e-3)
    for name in ("lr", "best", "interval", "group_lr"):
        with pytest.raises(CannotTellError, match="every rate that was tried blew up"):
            getattr(answer, name)
    assert answer.stands is False
    assert "cannot_tell" in answer.to_dict()
    assert "No learning rate can be given, after 2 short trainings and 200 steps" in str(answer)


def test_it_is_saved_whole_with_infinities_as_strings(tmp_path):
    answer = make(flat_trials(1.5, 0.5, BLOWN), suggested=1e-2, schedule="constant")
    answer.save(tmp_path / "verification.json")
    read = json.loads((tmp_path / "verification.json").read_text())
    assert read == answer.to_dict()
    assert read["trials"][2]["end"] == "inf"
    assert float(read["trials"][2]["loss"][-1]) != float(read["trials"][2]["loss"][-1])
    assert (read["best"], read["stands"], read["verdict"]) == (answer.best, False, "clear")


def test_the_table_marks_the_best_and_the_suggested_and_those_that_blew_up():
    lines = str(make(flat_trials(1.5, 0.5, BLOWN), suggested=1e-3)).splitlines()
    assert lines[1].split() == ["1.00e-03", "1.5", "1.5", "67%", "suggested"]
    assert lines[2].split() == ["3.16e-03", "0.5", "0.5", "0%", "best"]
    assert lines[3].split() == ["1.00e-02", "blew", "up", "blew", "up", "all"]
    assert "The suggestion does not stand. Train at about" in lines[-1]


def test_two_alike_are_equal():
    assert make(flat_trials(1.5, 0.5)) == make(flat_trials(1.5, 0.5))
    assert make(flat_trials(1.5, 0.5)) != make(flat_trials(1.5, 0.6))
