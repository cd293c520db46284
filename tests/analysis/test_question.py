"""What is asked, and what cannot be meant: an argument without effect is an error."""

import numpy as np
import pytest

from lrfind.analysis.posterior import BETWEEN_RUNS
from lrfind.analysis.question import Question, ask, check_schedule
from lrfind.analysis.rules import RULES
from lrfind.analysis.transfer import SCHEDULES, transfer


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"rule": "best"}, "rule"),
        ({"curve": "median"}, "curve"),
        ({"rule": "expected", "curve": "raw"}, "curve"),
        ({"schedule": "cosine"}, "schedule"),
        ({"curve": "ema", "beta": 1.0}, "beta"),
        ({"factor": 0}, "factor"),
        ({"factor": float("nan")}, "factor"),
        ({"beta": 0.9}, "beta"),
        ({"beta": 0.9, "curve": "raw"}, "beta"),
        ({"beta": 0.9, "rule": "steepest"}, "beta"),
        ({"factor": 4, "rule": "steepest"}, "factor"),
        ({"total_steps": 0}, "total_steps"),
        ({"total_steps": -300}, "total_steps"),
    ],
)
def test_a_bad_argument_is_refused_by_name(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        ask(**arguments)


@pytest.mark.parametrize("steps", [300.0, "300", True, np.nan])
def test_a_length_is_an_integer(steps):
    with pytest.raises(TypeError, match="`total_steps` must be an integer"):
        ask(total_steps=steps)


def test_an_integer_of_any_kind_is_a_length():
    question = ask(total_steps=np.int64(1200))
    assert (question.total_steps, type(question.total_steps)) == (1200, int)


def test_nothing_said_is_the_default_of_everything():
    assert ask() == Question(
        rule="expected",
        schedule=None,
        total_steps=None,
        epochs=None,
        curve="expected",
        beta=0.98,
        factor=transfer().factor,
        between=BETWEEN_RUNS,
    )


@pytest.mark.parametrize("schedule", [None, *SCHEDULES])
@pytest.mark.parametrize("steps", [None, 100, 2000])
@pytest.mark.parametrize("epoch_steps", [None, 12.5, 800.0])
def test_the_factor_is_that_of_schedule_length_and_epochs(schedule, steps, epoch_steps):
    question = ask(schedule=schedule, total_steps=steps, epoch_steps=epoch_steps)
    known = steps is not None and epoch_steps is not None
    assert question.epochs == (steps / epoch_steps if known else None)
    assert question.transfer == transfer(schedule, steps, question.epochs)
    assert question.factor == question.transfer.factor


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule != "expected"])
def test_a_rule_on_a_curve_divides_by_ten_if_at_all_whatever_the_training(rule):
    assert ask(rule, schedule="constant", total_steps=4800).factor == 10
    assert ask(rule, schedule="constant", total_steps=4800).transfer == transfer("constant", 4800)


def test_a_factor_that_is_given_stands():
    assert ask(factor=4, schedule="constant", total_steps=300).factor == 4


def test_a_schedule_is_one_of_two_or_not_known():
    assert [check_schedule(each) for each in (None, *SCHEDULES)] == [None, *SCHEDULES]
    with pytest.raises(ValueError, match="`schedule` must be one of 'constant', 'one_cycle'"):
        check_schedule("cosine")
