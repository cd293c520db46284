"""The short text of a sweep: one rate, how far smoothing moved it, how sure, what next."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import ROOT, make_result, noisy_result

import lrfind
from lrfind import StopReason, Verdict
from lrfind.result.brief import ENDED, WIDTH, brief, opening, shift_words
from lrfind.result.cold_start import ColdStart
from lrfind.result.trust import TRUST, UNFINISHED
from lrfind.support.text import rate, sentence, times


def said(result, **question):
    """The short text of an answer."""
    return str(result.summary(suggestion=result.suggest(**question)))


def line(text, head):
    """The paragraph that begins with `head`, on one line, without the head."""
    (found,) = re.findall(rf"^  {head} +(.*(?:\n {{12}}.*)*)$", text, re.MULTILINE)
    return " ".join(found.split())


def test_the_rate_is_that_of_the_answer_and_the_only_one_to_train_with():
    result = noisy_result()
    for question in ({}, {"schedule": "one_cycle", "total_steps": 3000}, {"curve": "debiased"}):
        answer = result.suggest(**question)
        assert line(said(result, **question), "Train at").split()[0] == rate(answer.lr)


@pytest.mark.parametrize(
    ("question", "use"),
    [
        ({}, "constant, or the peak of one-cycle or cosine"),
        ({"schedule": "constant"}, "at a constant rate"),
        (
            {"schedule": "one_cycle", "total_steps": 1200},
            "peak of one-cycle or cosine, 1,200 steps",
        ),
        ({"rule": "valley"}, "by the rule asked for"),
    ],
)
def test_what_the_rate_is_for_is_said(question, use):
    assert line(said(noisy_result(), **question), "Train at").endswith(use)


def test_an_interval_stands_only_in_the_detail():
    result = noisy_result()
    low, high = map(rate, result.suggest().interval)
    text, detail = said(result), str(result.summary(detail=True))
    assert not re.search(rf"interval|band|\b{low}|\b{high}\b", text)
    assert f"interval of the best {low} to {high}" in detail


def test_where_the_rate_comes_from_is_said():
    result = noisy_result()
    answer = result.suggest()
    told = line(said(result), "Why")
    expected = f"{rate(answer.factor)}x below the expected minimum {rate(answer.minimum.lr)}"
    assert told == f"{expected}; no average moves it"
    assert line(said(result, factor=0.5), "Why").startswith("2.0x above the expected minimum")
    assert line(said(result, factor=400), "Why").startswith("400x below the expected minimum")
    assert answer.lr * answer.factor == pytest.approx(answer.minimum.lr)
    assert "Why" not in said(result, curve="debiased")


def test_epochs_are_told_with_the_length():
    told = said(noisy_result(epoch_steps=50.0), schedule="constant", total_steps=1200)
    assert "1,200 steps (24 epochs)" in line(told, "Train at")


def test_the_table_has_the_minima_of_the_comparison_and_a_decade_below():
    result = noisy_result()
    compared = result.compare((0.9, 0.98))
    text = str(result.summary((0.9, 0.98)))
    for row in compared.rows:
        if row.curve in ("centred", "expected"):
            continue
        name = "raw losses" if row.curve == "raw" else row.label
        usual = "    <- the usual rule" if row == compared.row("debiased", 0.98) else ""
        shown = f"  {name:<20}{rate(row.minimum.lr):>9}{rate(row.minimum.lr / 10):>19}{usual}"
        assert shown in text.splitlines()


def test_a_curve_without_minimum_has_no_rate_and_says_why():
    text = said(make_result(np.full(100, 2.0)))
    assert re.search(r"^  debiased EMA 0.98 +none +<- never falls$", text, re.MULTILINE)
    falling = said(make_result(np.linspace(3, 1, 100)))
    assert re.search(r"^  raw losses .*<- still falling$", falling, re.MULTILINE)


def test_the_shift_and_its_parts_are_factors_that_multiply():
    row = noisy_result().compare((0.98,)).row("debiased", 0.98)
    told = shift_words(row)
    total = row.from_raw.decades
    assert f"{times(total)} ({total:+.2f} decades) from the raw one" in told
    assert f"moves it {times(row.smoothing)} (debiasing {times(row.debiasing)})" in told
    assert told.endswith(f"noise the raw one {times(-row.noise_from_raw)}.")
    assert total == pytest.approx(row.smoothing + row.noise_from_raw, abs=1e-9)


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (0, "1.0x"),
        (0.01, "1.0x"),
        (-0.01, "1.0x"),
        (0.5, "3.2x up"),
        (-1, "10x down"),
        (3, "1,000x up"),
    ],
)
def test_a_distance_as_a_factor(distance, words):
    assert times(distance) == words


def test_a_shift_that_cannot_be_told_is_left_out():
    row = make_result(np.full(100, 2.0)).compare((0.98,)).row("debiased", 0.98)
    assert shift_words(row) == ""


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_says_how_far_to_trust_it_and_what_next(verdict):
    result = noisy_result()
    answer = replace(result.suggest(), verdict=verdict)
    text = str(result.summary(suggestion=answer))
    level, why, remedy, _ = TRUST[verdict]
    assert line(text, "Trust").startswith(f"{level} ({verdict.name.lower()}): {why}")
    assert line(text, "Next").endswith(remedy)
    refused = lrfind.CannotTell(verdict.value, "expected", verdict=verdict)
    text = str(result.summary(suggestion=refused))
    assert line(text, "No rate.").lower() == f"{why}.".lower()
    assert line(text, "Next") == remedy
    assert "Train at" not in text
    assert len(text.partition("No rate.")[2].splitlines()) == 2, "one line what, one what to do"
    # A refusal for another reason than the verdict's usual one says its own.
    other = str(result.summary(suggestion=replace(refused, reason="nobody knows: ask")))
    assert (line(other, "No rate."), line(other, "Next")) == ("Nobody knows.", "ask")


def test_a_refusal_for_another_reason_says_that():
    refused = lrfind.CannotTell("nobody knows: ask", "expected")
    text = str(noisy_result().summary(suggestion=refused))
    assert line(text, "No rate.") == "Nobody knows."
    assert line(text, "Next") == "ask"
    alone = replace(refused, reason="nobody knows")
    assert "Next" not in str(noisy_result().summary(suggestion=alone))


def test_the_usual_rule_agrees_or_is_said_to_say_more_or_less_and_why():
    result = noisy_result()
    usual = result.compare((0.98,)).row("debiased", 0.98).decade_below
    answer = result.suggest()
    assert usual / answer.lr > 10**0.5
    told = line(said(result), "But")
    assert (
        told == f"the usual rule says {rate(usual / answer.lr)}x more: smoothing moves its minimum"
    )
    near = replace(answer, lr=usual / 2)
    text = str(result.summary(suggestion=near))
    assert "But" not in text
    assert line(text, "Trust").endswith("the usual rule agrees (2.0x apart)")
    there = replace(answer.minimum, lr=usual * 10)
    far = replace(answer, lr=usual * 5, factor=2.0, minimum=there)
    told = line(str(result.summary(suggestion=far)), "But")
    assert (
        told == "the usual rule says 5.0x less: it takes 10x below its minimum, this is 2.0x below"
    )


def test_an_unfinished_sweep_says_so_first_and_last():
    result = replace(noisy_result(), stop_reason=StopReason.UNFINISHED)
    text = said(result)
    assert text.startswith("The sweep is not over: it still runs, was killed, or its loop")
    assert str(result.suggest()).startswith(f"{sentence(StopReason.UNFINISHED.value)} Train at")
    assert str(result.suggest()).count("The sweep is not over") == 1
    assert line(text, "Trust") == f"{UNFINISHED.level}: {UNFINISHED.why}"
    assert text.count("The sweep is not over") == 1
    assert f"{result.lr.size} of {result.settings.num_iter} steps" in " ".join(text.split())


@pytest.mark.parametrize("reason", StopReason)
def test_every_end_is_told(reason):
    told = opening(replace(make_result(), stop_reason=reason))
    assert told.endswith(f" to 10{ENDED[reason]}.")


def test_the_state_is_said_to_be_as_before_only_where_it_was_kept():
    assert "as it was before" not in opening(make_result())
    assert opening(make_result(state_bytes=8)).endswith(" Your training is as it was before.")


def test_groups_are_named_up_to_six():
    text = said(noisy_result(group_scale=(1.0, 0.1)))
    answer = noisy_result().suggest()
    assert f"by parameter group: {rate(answer.lr)}, {rate(answer.lr / 10)}\n" in text
    many = said(noisy_result(group_scale=(1.0,) * 39 + (0.1,)))
    assert len(re.findall(rate(answer.lr), many.split("by parameter group")[1])) == 6
    for alike in ((1.0,), (1.0, 1.0)):
        assert "by parameter group" not in said(noisy_result(group_scale=alike))


def test_a_warning_that_is_not_the_verdict_is_said_below():
    cold = (ColdStart(1e-7, 30, 0.1, 1.0),)
    result = noisy_result(cold_starts=cold)
    answer = result.suggest()
    assert answer.cautions
    text = " ".join(said(result).split())
    for flag in answer.cautions:
        assert f"! {flag.value[0].upper()}{flag.value[1:]}." in text


@given(
    st.lists(st.floats(-1e30, 1e30), min_size=12, max_size=60),
    st.sampled_from(StopReason),
    st.sampled_from(["constant", "one_cycle"]),
)
def test_no_line_is_wider_than_a_terminal(loss, reason, schedule):
    result = replace(make_result(np.array(loss)), stop_reason=reason, state_bytes=1)
    answer = result.suggest(schedule=schedule, total_steps=123_456)
    text = brief(result, result.compare((0.98,)), answer)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.count("Train at") + text.count("No rate.") == 1


def test_the_demo_is_short():
    text = str(lrfind.load(ROOT / ".github" / "demo" / "result.json").summary())
    assert len(text.splitlines()) <= 20
    assert max(map(len, text.splitlines())) <= WIDTH
