"""A verification as a table and in words."""

import math

import pytest
from makers import flat_trials, make_verification

BLOWN = math.inf


def words(answer):
    return " ".join(str(answer).split())


def test_the_table_marks_the_best_and_the_suggested_and_those_that_blew_up():
    answer = make_verification(flat_trials(1.5, 0.5, BLOWN), suggested=1e-3)
    heading, *lines = str(answer).splitlines()
    assert heading.endswith("loss half-way  loss at the end  regret against best trial")
    assert lines[0].split() == ["1.00e-03", "1.5", "1.5", "67%", "suggested"]
    assert lines[1].split() == ["3.16e-03", "0.5", "0.5", "0%", "best"]
    assert lines[2].split() == ["1.00e-02", "diverged", "diverged", ">=200%"]


@pytest.mark.parametrize(
    ("suggested", "says"),
    [
        (1e-2, "The suggestion holds up. Train at about"),
        (10**-2.5, "The suggestion does not hold up. Train at about"),
        (1.0, "The suggestion lies outside the learning rates tried. Train at about"),
    ],
)
def test_the_words_say_whether_the_suggestion_holds_up(suggested, says):
    assert says in words(make_verification(flat_trials(1.5, 1.0, 0.5, 0.6), suggested))


def test_without_a_suggestion_none_is_mentioned():
    assert "uggestion" not in words(make_verification(flat_trials(1.5, 0.5)))


def test_the_words_say_the_rates_what_they_cost_and_the_verdict():
    answer = make_verification(flat_trials(1.5, 1.0, 0.8, 0.5), scale=(0.1, 1.0))
    groups = f"({answer.lr / 10:.2e}, {answer.lr:.2e} for the parameter groups)"
    low, high = answer.interval
    rates = f"{answer.lr:.2e} {groups} (90% interval {low:.1e} to {high:.1e})"
    cost = "after 4 short training runs and 200 steps in total"
    assert f"Train at about {rates}, {cost}. Verdict: at end, as {answer.reason}." in words(answer)


def test_when_all_blew_up_the_words_say_that_there_is_no_rate():
    answer = make_verification(flat_trials(BLOWN, BLOWN), suggested=1e-3)
    assert "No learning rate can be suggested, after 2 short training runs and 200" in words(answer)
    assert f"Verdict: no descent, as {answer.reason}" in words(answer)
    assert "best" not in str(answer).splitlines()[1]
