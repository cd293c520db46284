"""The centred curve as it is drawn: one line, without single bad batches."""

import numpy as np
import pytest
from curve_families import FAMILIES
from makers import curves_of, typical_loss

from lrfind.analysis.centred_line import centred_line
from lrfind.analysis.curves import SweepCurves
from lrfind.demo import DEMO, digits_problem


@pytest.mark.parametrize("seed", range(5))
def test_without_a_bad_batch_it_is_the_fitted_curve_until_the_loss_diverges(seed):
    curves = curves_of(typical_loss(seed, noise=0.02, size=300))
    line = centred_line(curves)
    drawn = np.isfinite(line)
    np.testing.assert_allclose(line[drawn], curves.fit.curve[drawn], rtol=1e-9)
    end = int(drawn.sum())
    assert drawn[:end].all(), "one piece"
    assert curves.minimum("centred").step < end < 300
    assert (curves.loss[end + 2 :] > curves.fit.cap).all()


def steep(seed=0):
    """A sweep whose wall makes the smoother soft enough to follow a single loss."""
    rng = np.random.default_rng(seed)
    steps = np.arange(300)
    loss = 2.3 - 2.2 / (1 + np.exp((180 - steps) / 6)) + np.exp(np.minimum((steps - 270) / 2, 4))
    return loss + rng.normal(scale=0.01, size=300)


@pytest.mark.parametrize("step", [205, 220, 240])
@pytest.mark.parametrize("others", [[], [1]])
def test_one_or_two_bad_batches_after_the_minimum_are_no_spike(step, others):
    loss = steep()
    usual = centred_line(curves_of(loss))
    loss[[step, *(step + other for other in others)]] = 0.6
    curves = curves_of(loss)
    near = slice(step - 5, step + 6)
    assert (curves.fit.curve[near] - usual[near]).max() > 0.1, "the fit follows it"
    # The median beside a bad batch is a loss as good as the one it stands for: so is its noise.
    np.testing.assert_allclose(centred_line(curves)[near], usual[near], atol=0.06)


def test_three_bad_batches_in_a_row_are_seen():
    loss = steep()
    loss[220:225] = 0.6
    assert centred_line(curves_of(loss))[222] == pytest.approx(0.6, abs=0.1)


def test_a_single_batch_above_the_cap_does_not_end_it():
    loss = steep()
    whole = np.isfinite(centred_line(curves_of(loss))).sum()
    loss[220] = 50.0
    assert np.isfinite(centred_line(curves_of(loss))).sum() == whole


def test_a_bad_batch_of_an_mlp_with_adam_leaves_no_spike():
    problem = digits_problem(model="mlp", optimizer="adam", seed=1, **DEMO)
    curves = problem.range_test(progress=False).curves()
    step = curves.minimum("centred").step - 12
    near = slice(step - 2, step + 3)
    loss = curves.loss.copy()
    loss[step] = 0.6
    spiked, usual = SweepCurves(curves.lr, loss), centred_line(curves)
    assert (spiked.fit.curve - usual)[near].max() > 0.1, "the fit follows it"
    assert np.abs(centred_line(spiked) - usual)[near].max() < 0.03


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_the_centred_minimum_lies_at_the_bottom_of_it(name):
    family = FAMILIES[name]
    for scale in (0.01, 0.1):
        curves = SweepCurves(*family.sweep(scale, 0))
        line, minimum = centred_line(curves), curves.minimum("centred")
        if minimum.usable:
            above = line[minimum.step] - np.nanmin(line)
            # Where a bad batch is next to the minimum, its step is not quite the lowest.
            assert 0 <= above <= 0.03 * curves.fit.depth


def test_so_few_losses_that_the_fall_is_a_few_steps_are_all_taken_as_they_are():
    curves = curves_of(np.array([2.3, 2.3, 2.2, 2.3, 2.3, 1.9, 0.9, 0.3, 0.5, 2.0]))
    np.testing.assert_allclose(centred_line(curves), curves.fit.curve, rtol=1e-9)
    np.testing.assert_array_equal(centred_line(curves_of(np.array([3.0, 1.0]))), [3.0, 1.0])
