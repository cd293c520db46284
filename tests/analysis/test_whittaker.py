"""The centred curve against dense linear algebra, and against curves whose minimum is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.analysis.whittaker import _solve, _whittaker, centred, fit_centred, noise_scale


def dense(values, stiffness):
    """The same linear system, solved and inverted as full matrices."""
    penalty = np.diff(np.eye(values.size), 2, axis=0)
    smoother = np.linalg.inv(np.eye(values.size) + stiffness * penalty.T @ penalty)
    return smoother @ values, np.trace(smoother)


@pytest.mark.parametrize("stiffness", [1e-3, 1.0, 1e4, 1e8])
@pytest.mark.parametrize("size", [4, 5, 60])
def test_the_banded_solution_and_trace_are_those_of_the_dense_system(size, stiffness):
    values = np.random.default_rng(size).normal(size=size)
    curve, trace = _solve(values, stiffness)
    expected_curve, expected_trace = dense(values, stiffness)
    np.testing.assert_allclose(curve, expected_curve, atol=1e-6)
    assert trace == pytest.approx(expected_trace, abs=1e-3)


def test_the_stiffness_has_the_least_cross_validation_score():
    rng = np.random.default_rng(0)
    values = np.sin(np.linspace(0, 6, 120)) + rng.normal(size=120) / 5
    scores = {}
    for stiffness in np.geomspace(1e-2, 1e6, 200):
        curve, trace = dense(values, stiffness)
        scores[stiffness] = np.sum((values - curve) ** 2) / (120 - trace) ** 2
    best, _ = dense(values, min(scores, key=scores.get))
    np.testing.assert_allclose(_whittaker(values), best, atol=0.02)


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(4, 100))
def test_a_straight_line_is_left_as_it_is(start, slope, size):
    line = start + slope * np.arange(size)
    assert _whittaker(line) == pytest.approx(line, abs=1e-4 * (1 + np.abs(line).max()))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_too_few_values_to_bend_are_left_as_they_are(size):
    values = np.array([3.0, 1.0, 2.0])[:size]
    np.testing.assert_array_equal(centred(values), values)


def test_noise_scale_finds_the_standard_deviation():
    noise = np.random.default_rng(0).normal(scale=0.3, size=4000)
    assert noise_scale(5 + noise) == pytest.approx(0.3, rel=0.05)


def test_an_explosion_does_not_move_the_minimum():
    steps = np.arange(200.0)
    well = (steps - 120) ** 2 / 1e3
    exploding = well + np.where(steps > 150, 1e6 * 2.0 ** (steps - 150), 0)
    assert centred(well).argmin() == 120
    assert abs(int(centred(exploding).argmin()) - 120) <= 2


def test_the_blow_up_is_kept_raw_in_the_curve_and_left_out_of_the_drawing():
    loss = np.concatenate([np.full(50, 2.0), np.linspace(2, 1, 50), [1e3, 1e6]])
    fit = fit_centred(loss)
    np.testing.assert_array_equal(fit.curve[-2:], [1e3, 1e6])
    assert np.isnan(fit.smooth[-2:]).all()
    np.testing.assert_array_equal(fit.smooth[:-2], fit.curve[:-2])


@pytest.mark.parametrize("size", [100, 300, 1000])
def test_the_minimum_of_a_noisy_well_is_found_within_a_tenth_of_a_decade_on_average(size):
    decades = np.linspace(-7, 1, size)
    well = -np.exp(-(((decades + 1) / 1.2) ** 2))
    rng = np.random.default_rng(1)
    found = [decades[centred(well + rng.normal(scale=0.1, size=size)).argmin()] for _ in range(40)]
    assert abs(np.mean(found) + 1) < 0.05
    assert np.std(found) < 0.15
