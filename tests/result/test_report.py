"""What a sweep says in words."""

import numpy as np
import pytest
from makers import make_result, noisy_result

from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.report import ending, overfitting_sentence, shift_sentence
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
