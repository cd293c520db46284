"""The shift by smoothing against made-up curves of which it is known."""

import numpy as np
import pytest
from check_shift import BETAS, LEAST, NOISE, SHAPES, Found, line, one


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_shift_by_smoothing_is_right_within_its_standard_error(shape, beta):
    for noise in NOISE:
        found = [one(shape, noise, beta, seed, replicates=0) for seed in range(12)]
        bias = np.mean([each.mean - each.truth for each in found])
        error = np.mean([each.error for each in found])
        assert abs(bias) < max(LEAST, error)
        # And the error is no excuse: single estimates do not scatter more than it says.
        scatter = np.sqrt(np.mean([(each.mean - each.truth) ** 2 for each in found]))
        assert scatter < max(LEAST, 1.2 * error)


def test_the_error_grows_with_the_noise_and_with_the_width_of_the_well():
    def error(shape, noise):
        return np.mean([one(shape, noise, 0.98, seed, replicates=0).error for seed in range(5)])

    assert error("quadratic", 0.01) < error("quadratic", 0.1)
    assert error("quadratic", 0.03) < error("flat bottom", 0.03)


def test_the_bootstrap_is_of_the_same_sweep_as_the_others():
    with_it, without = one("V", 0.03, 0.9, 0, replicates=3), one("V", 0.03, 0.9, 0, replicates=0)
    assert np.isfinite(with_it.bootstrap)
    assert (with_it.truth, with_it.plug_in, with_it.mean) == (
        without.truth, without.plug_in, without.mean
    )  # fmt: skip


def test_a_line_marks_a_bias_beyond_its_error():
    right = [Found(0.5, 0.7, 0.6, 0.52, 0.1)] * 3
    assert line("V", 0.1, 0.9, right).endswith(
        "| 0.50 | +0.20 | 0.20 | +0.10 | 0.10 | +0.02 | 0.02 | 0.10 |  |"
    )
    assert line("V", 0.1, 0.9, [right[0]._replace(mean=0.7)] * 3).endswith("| beyond |")
