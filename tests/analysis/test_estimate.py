"""Plausible curves and the mean of a distance over them."""

import numpy as np
import pytest
from makers import curves_of

from lrfind.analysis.estimate import PLAUSIBLE, SEED, estimate, plausible_curves
from lrfind.analysis.whittaker import fit_centred


def test_plausible_curves_are_draws_with_the_raw_loss_where_it_diverges():
    steps = np.arange(200)
    loss = 1 + ((steps - 120) / 100) ** 2 + np.random.default_rng(0).normal(scale=0.05, size=200)
    loss[180:] = 50.0 + steps[180:]
    fit = fit_centred(loss)
    drawn = plausible_curves(fit)
    assert drawn.shape == (PLAUSIBLE, 200)
    assert (drawn[:, 180:] == loss[180:]).all()
    np.testing.assert_array_equal(drawn[:, :180], fit.draws(PLAUSIBLE, SEED).T[:, :180])


def test_the_estimate_is_mean_and_root_of_two_variances():
    found = estimate(np.array([0.1, 0.2, 0.3, np.nan]), 0.2)
    assert found.decades == pytest.approx(0.2)
    assert found.error == pytest.approx(np.hypot(np.std([0.1, 0.2, 0.3]), 0.2))


def test_there_is_no_estimate_if_most_curves_have_no_distance():
    assert estimate(np.array([0.1, np.nan, np.nan]), 0.0) is None
    assert estimate(np.array([0.1, np.nan]), 0.0) is not None


def test_the_resolution_is_that_of_the_smoother_in_decades():
    curves = curves_of(1 + np.random.default_rng(0).normal(size=101))
    step = np.log10(curves.lr[-1] / curves.lr[0]) / 100
    # The stiffness is found again from the factor's last entry of D'D: bands hold it alone.
    factor = curves.fit.factor
    stiffness = factor[2, 0] * factor[0, 2]
    assert curves.resolution == pytest.approx(step * np.hypot(stiffness**0.25, 12**-0.5))
