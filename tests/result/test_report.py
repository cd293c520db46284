"""What a sweep says in words."""

import math
from dataclasses import replace

import numpy as np
import pytest
from makers import make_result, noisy_result

from lrfind.analysis.calibration import TASKS
from lrfind.result.cold_start import ColdStart
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.report import (
    decade_sentence,
    ending,
    overfitting_sentence,
    shift_sentence,
)
from lrfind.result.settings import StopReason, SweepSettings


def test_the_shift_is_told_with_its_parts():
    row = noisy_result().compare((0.98,)).row("debiased", 0.98)
    said = shift_sentence(row)
    for part in (row.from_raw.decades, row.smoothing, row.noise_from_raw):
        assert f"{part + 0.0:+.2f}" in said


def test_a_shift_that_cannot_be_told_is_no_number():
    row = make_result(np.full(100, 2.0)).compare((0.98,)).row("debiased", 0.98)
    assert "cannot be measured: the loss never fell" in shift_sentence(row)


@pytest.mark.parametrize("loss", [[], [1.0, np.nan], np.linspace(3, 1, 100)])
def test_the_ending_counts_the_steps(loss):
    assert f"after {len(loss)} steps" in ending(make_result(loss))


def test_the_ending_tells_every_training_from_scratch():
    tried = (ColdStart(0.5, 30, math.inf, 1.0), ColdStart(0.05, 12, 0.9, 1.0))
    result = replace(make_result(), cold_starts=tried)
    said = ending(result)
    assert said.startswith(ending(make_result()))
    assert said.endswith(" ".join(map(str, tried)))
    assert str(tried[0]) == ("A training from scratch at 0.50 does not start (30 more steps).")
    assert str(tried[1]) == ("A training from scratch at 0.050 starts (12 more steps).")


def decade_words(answer):
    """What is said beside the rates a decade below the minima of a comparison."""
    rows = noisy_result().compare((0.98,)).rows
    said = decade_sentence(rows, 0.98, answer)
    rates = [f"{row.label} {row.decade_below:.1e}" for row in rows if row.beta in (None, 0.98)]
    start, end = said.split("; ", 1)
    assert start.startswith("One decade below: ")
    assert set(start.removeprefix("One decade below: ").split(", ")) <= set(rates)
    return end


@pytest.mark.parametrize(
    ("epoch_steps", "loss"),
    [
        (None, "validation"),
        (50.0, "validation"),
        (200.0, "training and validation"),
        (500.0, "training"),
    ],
)
def test_what_the_rate_and_a_decade_below_cost_is_told_in_percent(epoch_steps, loss):
    result = noisy_result(epoch_steps=epoch_steps)
    answer = result.suggest(schedule="constant", total_steps=1200)
    assert decade_words(answer) == (
        f"lrfind's own {answer.lr:.1e}, {answer.because}. On {TASKS} tasks, each left out, "
        f"this cost {answer.expected_regret:.0%} of the achievable decrease of the {loss} loss in "
        "the mean, "
        f"and one decade below that minimum {answer.decade_below_regret:.0%}."
    )


def test_a_rule_on_a_curve_is_not_told_with_costs():
    answer = noisy_result().suggest("minimum")
    assert decade_words(answer) == f"suggested {answer.lr:.1e}, by the rule asked for."


def test_a_rate_beyond_all_that_was_measured_is_not_told_with_costs():
    answer = noisy_result().suggest(factor=1000)
    assert decade_words(answer) == f"lrfind's own {answer.lr:.1e}, {answer.because}."


def test_a_rate_chosen_since_it_starts_is_not_told_with_costs():
    """They were measured at rates chosen otherwise."""
    lr = noisy_result().suggest().lr
    tried = (ColdStart(lr, 30, math.inf, 1.0), ColdStart(lr / 3, 30, 0.9, 1.0))
    answer = noisy_result(cold_starts=tried).suggest()
    assert answer.lr == lr / 3
    assert answer.expected_regret is not None
    assert decade_words(answer) == f"lrfind's own {answer.lr:.1e}, {answer.because}."


def test_without_a_suggestion_the_decades_below_stand_alone():
    assert decade_words(make_result(np.full(100, 2.0)).suggest()) == "lrfind suggests none."
    flat = make_result(np.full(100, 2.0))
    nothing = decade_sentence(flat.compare((0.98,)).rows, 0.98, flat.suggest())
    assert nothing == "No curve has a usable minimum."


def valley(lowest, n=120):
    """A loss with a clear valley there, over 4 decades from 1e-3."""
    lr = np.geomspace(1e-3, 10, n)
    return lr, np.abs(np.log10(lr / lowest)) + 1


def swept(epoch_steps=None, probe=None):
    lr, loss = valley(1.0)
    settings = SweepSettings(1e-3, 10, lr.size, "exp", None)
    held_out = np.empty(0) if probe is None else valley(probe)[1]
    return RangeTestResult(
        lr, loss, StopReason.COMPLETED, settings, probe=held_out, epoch_steps=epoch_steps
    )


def test_the_ending_counts_epochs_where_they_are_known():
    assert "120 steps (2.4 epochs) at" in ending(swept(50.0))
    assert "120 steps at" in ending(swept())


def test_a_probe_that_turns_before_the_batches_is_said():
    said = overfitting_sentence(swept(50.0, probe=0.1))
    assert "1.0 decades before the batches" in said
    assert "2.4 epochs" in said
    assert said in " ".join(str(swept(50.0, probe=0.1).summary()).split())
    assert overfitting_sentence(swept(50.0, probe=0.8)) == ""
    assert overfitting_sentence(swept(50.0, probe=3.0)) == ""


def test_many_epochs_without_a_probe_are_said():
    assert "12 times" in overfitting_sentence(swept(10.0))
    assert overfitting_sentence(swept(13.0)) == overfitting_sentence(swept()) == ""
