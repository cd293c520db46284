"""What a sweep says in words."""

import numpy as np
import pytest
from makers import make_result, noisy_result

from lrfind.result.report import ending, shift_sentence


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
