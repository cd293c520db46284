"""What is asked, and what cannot be meant: an argument without effect is an error."""

import dataclasses

import numpy as np
import pytest
import torch
from makers import noisy_result

from lrfind.analysis.curves import CURVES
from lrfind.analysis.defaults import SCHEDULES
from lrfind.analysis.posterior import BETWEEN_RUNS
from lrfind.analysis.question import Question, ask, with_schedule
from lrfind.analysis.rules import RULES
from lrfind.analysis.transfer import transfer


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"rule": "best"}, "rule"),
        ({"curve": "median"}, "curve"),
        *(({"rule": "expected", "curve": curve}, "curve") for curve in CURVES),
        ({"schedule": "sawtooth"}, "schedule"),
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


ON_A_CURVE = [rule for rule in RULES if rule != "expected"]


@pytest.mark.parametrize("rule", ON_A_CURVE)
def test_a_rule_on_a_curve_divides_by_ten_if_at_all(rule):
    assert (ask(rule).factor, ask(rule).transfer) == (10, transfer())


@pytest.mark.parametrize("rule", [*({"rule": rule} for rule in ON_A_CURVE), {"curve": "raw"}])
@pytest.mark.parametrize("training", [{"schedule": "constant"}, {"total_steps": 300}])
def test_the_training_has_no_effect_on_a_rule_on_a_curve(rule, training):
    (name,) = training
    with pytest.raises(ValueError, match=f"`{name}` has no effect with the rule"):
        ask(**rule, **training)


def test_a_factor_that_is_given_stands():
    assert ask(factor=4, schedule="constant", total_steps=300).factor == 4


def one_cycle(total_steps=700):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps)


def test_a_schedule_is_asked_as_what_was_measured_and_says_what_it_was():
    cosine, usual = ask(schedule="Cosine"), ask(schedule="one_cycle")
    assert cosine == dataclasses.replace(usual, taken=cosine.taken)
    assert cosine.taken.startswith("Cosine, taken as one-cycle: ")
    assert usual.taken == ""


def test_a_scheduler_that_counts_optimizer_steps_tells_the_length_unless_it_is_given():
    asked = ask(schedule=one_cycle(), epoch_steps=100.0)
    assert asked == ask(schedule="one_cycle", total_steps=700, epoch_steps=100.0)
    assert ask(schedule=one_cycle(), total_steps=300).total_steps == 300


def test_a_scheduler_tells_the_schedule_where_none_is_told_and_where_it_matters():
    scheduler = one_cycle()
    assert with_schedule({}, scheduler) == {"schedule": scheduler}
    assert with_schedule({"factor": 3}, [scheduler]) == {"factor": 3, "schedule": scheduler}
    for question in ({"schedule": "constant"}, {"curve": "raw"}, {"rule": "steepest"}):
        assert with_schedule(question, scheduler) == question
    assert with_schedule({}, None) == with_schedule({}, []) == {}


def test_schedulers_that_differ_or_do_not_tell_their_shape_tell_nothing():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    unknown = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    steps = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    for schedulers in (unknown, [one_cycle(), unknown], [one_cycle(), steps]):
        assert with_schedule({"factor": 3}, schedulers) == {"factor": 3}
    first, second = one_cycle(), one_cycle()
    assert with_schedule({}, [first, second]) == {"schedule": first}


CHANGES = {
    "curve": "raw", "beta": 0.5, "factor": 3.0, "schedule": "one_cycle", "total_steps": 4800,
    "between": 0.9,
}  # fmt: skip


RESULT = noisy_result()
ANSWERED = [
    {"rule": rule, "curve": curve}
    for rule in (None, *RULES)
    for curve in (None, *CURVES)
    if rule != "expected" or curve is None
]
"""Every rule with every curve that it reads."""


@pytest.mark.parametrize(
    ("base", "argument"),
    [
        pytest.param(base, argument, id=f"{base['rule']}-{base['curve']}-{argument}")
        for base in ANSWERED
        for argument, value in CHANGES.items()
        if base.get(argument) != value
    ],
)
def test_every_argument_changes_the_answer_or_is_refused_by_name(base, argument):
    before = RESULT.suggest(**base)
    try:
        answer = RESULT.suggest(**base | {argument: CHANGES[argument]})
    except ValueError as error:
        assert f"`{argument}` has no effect" in str(error)  # noqa: PT017
    else:
        assert answer != before
