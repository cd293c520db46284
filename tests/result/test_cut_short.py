"""A sweep that was cut short says so first, whatever else its answer says."""

import dataclasses

import numpy as np
import pytest
from makers import make_result
from matplotlib import pyplot

from lrfind import CannotTell, Flag, StopReason, Suggestion

REASONS = pytest.mark.parametrize("reason", [StopReason.UNFINISHED, StopReason.EXHAUSTED])


def cut_short(reason, losses, **changes):
    whole = make_result(**changes)
    return dataclasses.replace(whole, loss=losses, lr=whole.lr[: len(losses)], stop_reason=reason)


@REASONS
def test_a_suggestion_says_it_first_of_what_stands_against_it(reason):
    answer = cut_short(reason, make_result().loss[:80]).suggest()
    assert isinstance(answer, Suggestion)
    assert answer.flags[0] is Flag[reason.name]
    assert f"But {reason.value}." in str(answer)
    assert answer.to_dict()["flags"][0] == reason.name.lower()


@REASONS
def test_an_answer_without_a_rate_says_it_first(reason):
    noise = np.random.default_rng(0).normal(2.3, 0.05, 47)
    for losses, source in ((noise, "train"), (noise[:1], "train"), (noise, "probe")):
        answer = cut_short(reason, losses).suggest(source=source)
        assert isinstance(answer, CannotTell)
        assert str(answer).startswith(f"No learning rate can be suggested: {reason.value}; ")
        assert answer.flags[0] is Flag[reason.name]


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
