"""What controls change in the verdict on a sweep, on made-up runs of which the parts are known."""

from dataclasses import replace

import numpy as np
import pytest

from lrfind import Controls, RangeTestResult, StopReason, Verdict
from lrfind.analysis.verdict import MOVED
from lrfind.checks.controls.verdict import MOST
from lrfind.result.cold_start import ColdStart
from lrfind.result.constant_run import ConstantRun
from lrfind.result.settings import SweepSettings

N = 300
LR = np.geomspace(1e-6, 10, N)
PLACE = np.log10(LR)
VALLEY = -2 / (1 + np.exp(-(PLACE + 2.2) * 3)) + np.exp(np.minimum(PLACE * 5, 4))
NOISE = 0.01 * np.random.default_rng(0).normal(size=(3, N))


def controls(own=VALLEY, time=0.0, data=0.0):
    """A sweep of three parts: what the rate does, what time does, and the batches."""
    flat = np.zeros(N)
    settings = SweepSettings(1e-6, 10, N, "exp", None)
    loss = 3 + own + time + data + NOISE[0]
    sweep = RangeTestResult(LR, loss, StopReason.DIVERGED, settings)
    constant = ConstantRun(1e-6, 3 + flat + time + data + NOISE[1])
    return Controls(sweep, constant, frozen=3 + flat + data + 0 * NOISE[2])


def falling(depth):
    return -depth * np.arange(N) / N


def test_a_sweep_that_neither_time_nor_data_explain_keeps_its_verdict():
    found = controls()
    assert found.judgement == found.result.curves().judgement
    assert found.suggest() == found.result.suggest()
    assert found.suggest().verdict is Verdict.CLEAR


@pytest.mark.parametrize("share", [0.8 * MOST, 1.2 * MOST])
def test_a_loss_decrease_that_is_mostly_time_is_drift(share):
    # The rate makes the rest, and a wall at the end of it.
    depth = 2 * share / (1 - share)
    found = controls(time=falling(depth * N / 240))
    assert found.time.share == pytest.approx(share, abs=0.06)
    answer = found.suggest(schedule="constant")
    assert (answer.verdict is Verdict.DRIFT) == (share > MOST)
    assert (f"({found.time.share:.0%} of it)" in answer.reason) == (share > MOST)
    assert replace(answer, verdict=Verdict.CLEAR, reason="") == replace(
        found.result.suggest(schedule="constant"), verdict=Verdict.CLEAR, reason=""
    )


def test_a_minimum_that_moves_without_the_data_is_disputed_and_the_words_say_how_far():
    own = -1.0 * np.exp(-(((PLACE + 2.5) / 0.6) ** 2)) + np.exp(np.minimum(PLACE * 5, 4))
    easier = -1.5 * np.exp(-(((PLACE + 1.0) / 0.3) ** 2))
    found = controls(own, data=easier)
    assert found.result.curves().verdict is Verdict.CLEAR
    answer = found.suggest()
    assert answer.verdict is Verdict.DISPUTED
    moved = found.data.shift
    assert f"at {found.data.minimum.lr:.1e}, {abs(moved):.1f} decades below" in answer.reason
    assert moved < -1
    said = " ".join(str(found).split())
    assert f"Verdict with the controls: disputed, as {answer.reason}." in said
    assert "Verdict with the controls" not in str(controls())


def test_a_minimum_that_moves_within_the_noise_of_a_correction_is_not_disputed():
    # The batches have nothing to do with the sweep's noise: taking them off adds theirs.
    rng = np.random.default_rng(3)
    moved = 0
    for _ in range(20):
        found = controls(VALLEY + 0.1 * rng.normal(size=N))
        found = replace(found, frozen=3 + 0.3 * rng.normal(size=N))
        moved += abs(found.data.shift) > MOVED
        low, high = found.minima[-1].interval
        own = found.result.curves().minimum("centred").lr
        if found.result.curves().verdict is Verdict.CLEAR and low <= own <= high:
            assert found.judgement.verdict is Verdict.CLEAR
    assert moved > 0


def test_a_minimum_that_is_nothing_but_easy_batches_is_disputed():
    easier = -1.5 * np.exp(-(((PLACE + 1.0) / 0.3) ** 2))
    found = controls(np.zeros(N), data=easier)
    assert "the data-corrected sweep has no minimum" in found.suggest().reason
    assert found.to_dict()["verdict"] == "disputed"


def test_a_rate_that_was_lowered_until_it_starts_keeps_its_verdict():
    found = controls(time=falling(3.0))
    assert found.suggest().verdict is Verdict.DRIFT
    lr = found.result.suggest().lr
    tried = (ColdStart(lr, 30, 9.0, 1.0), ColdStart(lr / 3, 30, 0.5, 1.0))
    found = replace(found, result=replace(found.result, cold_starts=tried))
    answer = found.suggest()
    assert (answer.lr, answer.verdict) == (lr / 3, Verdict.COLD_START)
    assert answer == found.result.suggest()
    # One that starts as it is has the verdict of the controls.
    started = replace(found.result, cold_starts=(ColdStart(lr, 30, 0.5, 1.0),))
    assert replace(found, result=started).suggest().verdict is Verdict.DRIFT


def test_controls_make_no_refusal_an_answer():
    found = controls(np.zeros(N))
    assert not found.suggest()
    assert found.judgement.verdict is Verdict.NO_DESCENT
