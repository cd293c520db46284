"""The scale and the correlation of batch noise, against noise whose both are known."""

import numpy as np
import pytest
from makers import correlated

from lrfind.analysis.noise import noise_scale, plateau_correlation


def test_independent_batches_have_no_correlation():
    found = [plateau_correlation(correlated(300, 0.0, seed)) for seed in range(100)]
    assert np.mean(np.array(found) > 0) <= 0.06


@pytest.mark.parametrize("correlation", [0.4, 0.6, 0.8])
def test_the_correlation_is_found(correlation):
    found = [plateau_correlation(correlated(900, correlation, seed)) for seed in range(40)]
    assert np.mean(found) == pytest.approx(correlation, abs=0.05)


def test_it_does_not_depend_on_level_scale_or_a_bent_trend():
    noise = correlated(600, 0.6, 0)
    bent = np.linspace(0, 3, 600) ** 2
    expected = plateau_correlation(noise)
    assert plateau_correlation(1e6 + 1e-3 * noise) == pytest.approx(expected, abs=1e-5)
    assert plateau_correlation(noise + bent) == pytest.approx(expected, abs=1e-9)


def test_a_smooth_curve_is_not_taken_for_correlated_noise():
    assert plateau_correlation(np.tanh(np.linspace(-6, 6, 300))) == 0


@pytest.mark.parametrize("loss", [np.ones(300), np.arange(10.0), np.array([])])
def test_nothing_is_found_where_there_is_nothing(loss):
    assert plateau_correlation(loss) == 0


def test_the_scale_of_correlated_noise_needs_the_correlation():
    noise = correlated(9000, 0.6, 1)
    assert noise_scale(noise) / np.sqrt(1 - 0.6) == pytest.approx(1, rel=0.05)


def test_noise_scale_finds_the_standard_deviation():
    noise = np.random.default_rng(0).normal(scale=0.3, size=4000)
    assert noise_scale(5 + noise) == pytest.approx(0.3, rel=0.05)
