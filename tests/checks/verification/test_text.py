"""A verification as a table and in words."""

import math
import re

import pytest
from makers import flat_trials, make_verification

from lrfind.checks.verification.decision import SweepSays
from lrfind.checks.verification.scores import TOLERATED
from lrfind.support.text import rate

BLOWN = math.inf


def words(answer):
    return " ".join(str(answer).split())


def test_the_table_marks_the_best_and_the_suggested_and_those_that_blew_up():
    answer = make_verification(flat_trials(1.5, 0.5, BLOWN), suggested=1e-3)
    heading, *lines = str(answer).splitlines()
    assert heading.endswith("loss half-way  loss at the end  regret against best trial")
    assert lines[0].split() == [
        "0.0010",
        "1.5",
        "1.5",
        "67%",
        "suggested,",
        "does",
        "not",
        "hold",
        "up",
    ]
    assert lines[1].split() == ["0.0032", "0.5", "0.5", "0%", "best"]
    assert lines[2].split() == ["0.010", "diverged", "diverged", ">=200%"]


@pytest.mark.parametrize(
    ("suggested", "says"),
    [
        (1e-2, "The suggestion holds up: train at about 0.010 ("),
        (
            10**-2.5,
            "The suggestion 0.0032 does not hold up, with a regret of 33% against the best "
            "trial: train at about {lr} instead (",
        ),
        (
            1.0,
            "The suggestion 1.0 lies outside the learning rates tried: train at about {lr} "
            "instead (",
        ),
    ],
)
def test_the_words_say_whether_the_suggestion_holds_up(suggested, says):
    answer = make_verification(flat_trials(1.5, 1.0, 0.5, 0.6), suggested)
    assert says.format(lr=f"{rate(answer.lr)}") in words(answer)
    (named,) = re.findall(r"rain at about (\S+)", words(answer))
    assert named == f"{rate(answer.lr)}"


def test_a_suggestion_that_holds_up_is_the_only_rate_in_the_words():
    answer = make_verification(flat_trials(1.5, 1.0, 0.5, 0.55), 10**-1.5)
    sentence = words(answer).partition("The suggestion")[2]
    assert re.findall(r"about (\S+)", sentence) == ["0.032"]
    assert sentence.count("0.03") == 1
    assert "0.55 3% suggested, holds up The" in words(answer)


@pytest.mark.parametrize(
    ("scores", "holds_up"),
    [
        ((1.5, 1.0, 0.8, 0.5), "holds up, though higher rates decrease the loss faster in runs"),
        ((1.5, 1.0, 0.6, 0.5), "holds up: train"),  # by less than a tenth
        ((1.5, 1.0, 0.5, 0.8), "holds up: train"),
    ],
)
def test_a_suggestion_that_holds_up_against_lower_rates_says_so(scores, holds_up):
    says = SweepSays(minimum=3.0, deviation=0.2, lr=1e-2)
    answer = make_verification(flat_trials(*scores), 1e-2, sweep=says)
    assert answer.stands
    assert f"The suggestion {holds_up}" in words(answer)


def test_a_better_rate_below_is_not_said_to_be_higher():
    # It holds up as the trials point to nearly the same rate.
    answer = make_verification(
        flat_trials(1.5, 0.5, 1.5), 10**-2.4, sweep=SweepSays(10**-1.7, 0.2, 10**-2.4)
    )
    assert answer.stands
    assert answer.regret > TOLERATED
    assert answer.best < answer.suggested
    assert "higher" not in words(answer)


def test_trials_that_learnt_nothing_do_not_judge_the_suggestion():
    said = words(make_verification(flat_trials(1.95, 1.92, 1.94), suggested=1e-3))
    assert "The suggestion is neither confirmed nor refuted: train at about 0.0010 (" in said
    assert "Verdict: no descent, as no trial decreased the loss" in said


def test_the_words_say_where_a_rate_comes_from_that_is_no_suggestion():
    trials = flat_trials(1.5, 0.5, 1.0)
    assert "), by the trials, after 3 short" in words(make_verification(trials))
    answer = make_verification(trials, sweep=SweepSays(0.03, 0.2, 0.01))
    assert "), by the sweep and the trials, after 3 short" in words(answer)
    assert f"Train at about {rate(answer.lr)} (" in words(answer)
    holds = make_verification(trials, 10**-2.5, sweep=SweepSays(0.03, 0.2, None))
    assert "by the" not in words(holds)


def test_without_a_suggestion_none_is_mentioned():
    assert "uggestion" not in words(make_verification(flat_trials(1.5, 0.5)))


def test_the_words_say_the_rates_what_they_cost_and_the_verdict():
    answer = make_verification(flat_trials(1.5, 1.0, 0.8, 0.5), scale=(0.1, 1.0))
    groups = f"({rate(answer.lr / 10)}, {rate(answer.lr)} for the parameter groups)"
    low, high = answer.interval
    rates = f"{rate(answer.lr)} {groups} (90% interval of the best {rate(low)} to {rate(high)})"
    cost = "after 4 short training runs and 200 steps in total"
    assert (
        f"Train at about {rates}, by the trials, {cost}. Verdict: at end, as {answer.reason}."
        in words(answer)
    )


def test_when_all_blew_up_the_words_say_that_there_is_no_rate():
    answer = make_verification(flat_trials(BLOWN, BLOWN), suggested=1e-3)
    finding = "The suggestion 0.0010 does not hold up. No learning rate can be suggested"
    assert f"{finding}, after 2 short training runs and 200 steps in total. " in words(answer)
    assert f"Verdict: no descent, as {answer.reason}" in words(answer)
    assert "best" not in str(answer).splitlines()[1]
