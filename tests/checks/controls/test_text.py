"""The controls as a table and in words."""

import dataclasses
import re

import numpy as np
import pytest
from makers import BATCHES, BEFORE, N, make_controls, make_result

from lrfind import Controls
from lrfind.result.constant_run import ConstantRun

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]\d+)?")
INTERVAL = re.compile(r"\S+ to \S+$", re.MULTILINE)


def words(controls):
    return " ".join(str(controls).split())


def test_the_numbers_are_those_of_the_version_before():
    told, before = (
        str(Controls.load(BEFORE / "controls.json")),
        (BEFORE / "controls.txt").read_text(),
    )
    # The intervals are wider now, by Student's t.
    told, before = (INTERVAL.sub("", text) for text in (told, before))
    assert NUMBER.findall(told) == NUMBER.findall(before)


def test_every_minimum_is_a_line_of_the_table():
    found = make_controls()
    heading, *lines = str(found).split("\n\n")[0].splitlines()
    assert heading.split()[:2] == ["losses", "curve"]
    assert len(lines) == len(found.minima)
    for line, row in zip(lines, found.minima, strict=True):
        numbers = f"{row.curve} {row.minimum.lr:.2e} {row.minimum.step} {row.minimum.loss:.3g}"
        assert numbers in " ".join(line.split())
        assert (row.name in line) == (row.curve == "raw")


def test_the_sentence_on_time_says_the_share_and_the_move():
    found = make_controls()
    time = found.time
    share = f"{time.share:.0%} of the sweep's loss decrease is training time alone"
    assert share in words(found)
    minimum = f"The time-corrected minimum lies at {time.minimum.lr:.2e}"
    assert f"{minimum}, {time.shift + 0.0:+.2f} decades away" in words(found)
    nothing = make_controls(drift=0)
    assert "none of the sweep's loss decrease is training time alone" in words(nothing)


def test_where_time_is_all_the_words_say_why_no_minimum_is_left():
    drift = 1.5 * np.arange(N) / N
    result = make_result(2.3 - drift + BATCHES)
    found = Controls(result, ConstantRun(1e-7, 2.3 - drift + BATCHES), frozen=2.3 + BATCHES)
    assert found.time.share == pytest.approx(1)
    assert "100% of the sweep's loss decrease" in words(found)
    assert "The time-corrected sweep has no usable minimum: the loss never fell" in words(found)


def test_a_sweep_that_never_fell_says_so_and_its_flag_names_its_losses():
    level = 2.3 + BATCHES
    flat = Controls(make_result(level), ConstantRun(1e-7, level), frozen=level)
    assert "no clear decrease of the loss" in words(flat)
    assert "! no_descent (mini-batch, time-corrected, data-corrected): the loss" in words(flat)
    assert "centred*" in words(flat)
    assert "!" not in words(make_controls())


def test_the_sentence_on_data_says_what_they_explain_where():
    found = make_controls()
    assert f"standard deviation of {found.data.sd:.2g}" in words(found)
    assert (
        "explain 100% before the descent, 100% in the descent and 100% around the minimum"
        in words(found)
    )
    short = Controls(make_result([3.0, 2.0, 1.0]), ConstantRun(1e-7, [3.0] * 3), frozen=[3.0] * 3)
    assert "the data explain" not in words(short)
    assert "Data:" not in words(make_controls(frozen=False))


def test_a_second_rate_is_told_with_its_fall_or_its_end():
    found = make_controls(suggested=ConstantRun(0.02, 2.3 - 1.5 * np.arange(N) / N + BATCHES))
    assert (
        f"Training at a constant learning rate of 2.00e-02 decreases the loss by "
        f"{found.suggested_fall[-1]:.3g} in as many steps"
    ) in words(found)
    ended = make_controls(suggested=ConstantRun(0.02, [2.3, np.inf]))
    assert "ended after 2 steps" in words(ended)


def cut_at(found, size):
    return dataclasses.replace(found, constant=ConstantRun(1e-7, found.constant.loss[:size]))


def test_a_constant_run_that_ended_before_the_minimum_leaves_the_rest_of_time_open():
    found = make_controls()
    early, step = cut_at(found, 40), found.time.step
    assert step > 40
    assert f"decreases it by {early.time.time_fall:.2g} in the 39 steps before it ended" in words(
        early
    )
    share = f"{early.time.share:.1%} of the sweep's loss decrease is training time alone"
    assert f"{share}, not counting the {step - 39} steps from there to the minimum." in words(early)
    assert "has 40 losses, the sweep 100: what time does after these is not taken" in words(early)
    assert "\nof the first 39 steps" in early.plot().texts[0].get_text()


def test_a_constant_run_that_ended_after_the_minimum_knows_all_of_it():
    found = make_controls()
    late = cut_at(found, N - 1)
    assert late.time.time_step == late.time.step
    assert "in as many steps" in words(late)
    assert "not counting" not in words(late)
    assert "has 99 losses, the sweep 100: what time does after these is not taken" in words(late)
    assert "of the first" not in late.plot().texts[0].get_text()


def test_other_random_numbers_are_told():
    other = dataclasses.replace(make_controls(), same_numbers=False)
    assert "the frozen-weights control saw other dropout masks" in words(other)


def test_the_sentence_on_the_probe_says_how_far_its_minimum_lies():
    found = make_controls(probe=make_result().loss[::-1])
    row = found.minima[-1]
    assert f"lies at {row.minimum.lr:.2e}, {row.shift:+.2f} decades from" in words(found)
    assert "Probe:" not in words(make_controls())
    level = make_controls(probe=np.ones(N))
    assert "Probe: its minimum cannot be compared" in words(level)
