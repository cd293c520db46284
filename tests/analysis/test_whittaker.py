"""The centred curve against dense linear algebra, and against curves whose minimum is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

# The search tries many stiffnesses and no public name takes one: `_solve` is where it does.
from lrfind.analysis.smoother import _solve
from lrfind.analysis.whittaker import CentredFit, fit_centred, uncapped


def dense(values, stiffness, correlation=0.0):
    """The same linear system, solved and inverted as full matrices: curve, trace, covariance."""
    steps = np.arange(values.size)
    precision = np.linalg.inv(correlation ** np.abs(steps[:, None] - steps))
    penalty = np.diff(np.eye(values.size), 2, axis=0)
    covariance = np.linalg.inv(precision + stiffness * penalty.T @ penalty)
    smoother = covariance @ precision
    return smoother @ values, np.trace(smoother), covariance


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.85])
@pytest.mark.parametrize("stiffness", [1e-3, 1.0, 1e4, 1e8])
@pytest.mark.parametrize("size", [4, 5, 60])
def test_the_banded_solution_and_its_score_are_those_of_the_dense_system(
    size, stiffness, correlation
):
    values = np.random.default_rng(size).normal(size=size)
    fit = _solve(values, stiffness, correlation)
    curve, trace, _ = dense(values, stiffness, correlation)
    steps = np.arange(size)
    whiten = np.linalg.inv(correlation ** np.abs(steps[:, None] - steps))
    squares = (values - curve) @ whiten @ (values - curve)
    np.testing.assert_allclose(fit.curve, curve, atol=1e-6)
    assert fit.score == pytest.approx(squares / (size - trace) ** 2, rel=1e-3)
    assert fit.deviation == pytest.approx(np.sqrt(squares / (size - trace)), rel=1e-3)


def test_the_stiffness_has_the_least_cross_validation_score():
    rng = np.random.default_rng(0)
    values = np.sin(np.linspace(0, 6, 120)) + rng.normal(size=120) / 5
    scores = {}
    for stiffness in np.geomspace(1e-2, 1e6, 200):
        curve, trace, _ = dense(values, stiffness)
        scores[stiffness] = np.sum((values - curve) ** 2) / (120 - trace) ** 2
    best, *_ = dense(values, min(scores, key=scores.get))
    np.testing.assert_allclose(uncapped(values), best, atol=0.02)


def test_draws_have_the_mean_and_the_covariance_of_the_posterior():
    rng = np.random.default_rng(1)
    loss = np.linspace(-1, 0.4, 40) ** 2 + rng.normal(scale=0.1, size=40)
    fit = fit_centred(loss)
    draws = fit.draws(20_000)
    penalty = np.diff(np.eye(40), 2, axis=0)
    # The stiffness is found again from the factor's last entry of D'D: bands hold it alone.
    upper = np.zeros((40, 40))
    for band in range(3):
        upper += np.diag(fit.factor[2 - band, band:], band)
    stiffness = (upper.T @ upper)[0, 2]
    covariance = fit.deviation**2 * np.linalg.inv(np.eye(40) + stiffness * penalty.T @ penalty)
    np.testing.assert_allclose(draws.mean(1), fit.curve, atol=0.01)
    np.testing.assert_allclose(np.cov(draws), covariance, atol=0.06 * covariance.max())
    assert np.array_equal(draws, fit.draws(20_000))
    assert not np.array_equal(draws, fit.draws(20_000, seed=1))


def test_the_depth_is_that_from_the_highest_point_before_the_minimum():
    curve = np.array([2.0, 3.0, 2.5, 1.0, 2.0, 5.0])
    fit = CentredFit(curve, curve, level=2.0, noise=0.1)
    assert (fit.highest, fit.depth) == (1, 2.0)
    rising = CentredFit(curve[3:], curve[3:], level=2.0, noise=0.1)
    assert (rising.highest, rising.depth, rising.descended) == (0, 0.0, False)


def test_the_significance_is_the_fall_of_the_upper_half_over_its_standard_error():
    loss = 1 + np.linspace(-1, 1, 60) ** 2 + np.random.default_rng(2).normal(scale=0.1, size=60)
    fit = fit_centred(loss)
    lowest = fit.curve.argmin()
    upper = np.flatnonzero(fit.curve[:lowest] >= fit.curve[lowest] + fit.depth / 2)
    draws = fit.draws(20_000)
    falls = draws[upper].mean(axis=0) - draws[lowest]
    assert fit.significance == pytest.approx(falls.mean() / falls.std(), rel=0.02)
    assert fit.rise(np.array([3]), np.array([40])) == pytest.approx(
        (fit.curve[40] - fit.curve[3]) / (draws[40] - draws[3]).std(), rel=0.02
    )


@pytest.mark.parametrize(("correlation", "most"), [(0.0, 0.03), (0.3, 0.2), (0.6, 0.12)])
def test_flat_noise_seldom_passes_as_a_descent(correlation, most):
    rng = np.random.default_rng(3)
    passed = 0
    for _ in range(100):
        noise = np.zeros(300)
        for step in range(1, 300):
            noise[step] = correlation * noise[step - 1] + rng.normal()
        passed += fit_centred(10 + noise).descended
    assert passed <= 100 * most


@given(st.floats(-5, 5), st.floats(-5, 5), st.integers(4, 100))
def test_a_straight_line_is_left_as_it_is(start, slope, size):
    line = start + slope * np.arange(size)
    assert uncapped(line) == pytest.approx(line, abs=1e-4 * (1 + np.abs(line).max()))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_too_few_values_to_bend_are_left_as_they_are(size):
    values = np.array([3.0, 1.0, 2.0])[:size]
    np.testing.assert_array_equal(fit_centred(values).curve, values)


def test_an_explosion_does_not_move_the_minimum():
    steps = np.arange(200.0)
    well = (steps - 120) ** 2 / 1e3
    exploding = well + np.where(steps > 150, 1e6 * 2.0 ** (steps - 150), 0)
    assert fit_centred(well).curve.argmin() == 120
    assert abs(int(fit_centred(exploding).curve.argmin()) - 120) <= 2


@pytest.mark.parametrize("scale", [0.0, 1e-200, 0.1, 1e200])
def test_one_loss_far_below_all_others_is_no_overflow(scale):
    loss = scale * np.random.default_rng(0).normal(size=300)
    loss[100] = -1e306
    fit = fit_centred(loss)
    assert np.isfinite(fit.curve).all()
    assert np.isfinite(fit.depth)
    assert not np.isnan(fit.significance)


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
    found = [
        decades[fit_centred(well + rng.normal(scale=0.1, size=size)).curve.argmin()]
        for _ in range(40)
    ]
    assert abs(np.mean(found) + 1) < 0.05
    assert np.std(found) < 0.15
