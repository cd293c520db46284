"""The stop rule: right for losses of any sign, blind to outliers, the same after a rescaling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.analysis.divergence import DivergenceRule


def stop_step(loss, diverge_th=4.0, num_iter=100):
    """The step at which the rule first says stop; None if never."""
    rule = DivergenceRule(diverge_th, num_iter)
    return next((step for step, value in enumerate(loss) if rule.diverged(value)), None)


def sweep(seed=0, noise=0.05):
    """A plateau at 2.3, a descent to 0.3, an explosion."""
    steps = np.arange(100)
    loss = 2.3 - 2 / (1 + np.exp(-(steps - 60) / 4)) + np.exp(np.minimum((steps - 85) / 1.5, 30))
    return loss + np.random.default_rng(seed).normal(scale=noise, size=100)


def test_it_stops_where_the_running_median_has_risen_by_four_descents():
    loss = sweep(noise=0)
    medians = [np.median(loss[max(0, step - 4) : step + 1]) for step in range(100)]
    level = np.median(loss[:10])
    expected = next(
        step
        for step in range(10, 100)
        if medians[step] - min(medians[: step + 1]) > 4 * (level - min(medians[: step + 1]))
    )
    assert stop_step(loss) == expected


@pytest.mark.parametrize("shift", [-15.0, -2.3, -0.3, 0.0, 5.0, 15.0])
def test_negative_and_zero_losses_stop_at_the_same_step(shift):
    # Peers compare with 4 * best, and stop at the first step once the best is negative.
    assert stop_step(sweep() + shift) == stop_step(sweep())


@given(st.floats(1e-3, 1e6), st.integers(0, 50))
def test_the_unit_of_the_loss_does_not_matter(unit, seed):
    assert stop_step(unit * sweep(seed)) == stop_step(sweep(seed))


def test_a_loss_unbounded_below_goes_on():
    assert stop_step(-np.geomspace(1, 1e6, 100)) is None


def test_a_flat_noisy_loss_goes_on():
    flat = 2.3 + np.random.default_rng(0).normal(scale=0.1, size=(200, 100))
    assert all(stop_step(loss) is None for loss in flat)


@pytest.mark.parametrize("outliers", [[30], [30, 32]])
def test_one_or_two_wild_batches_do_not_stop_it(outliers):
    loss = sweep()
    loss[outliers] = 1e6
    assert stop_step(loss) == stop_step(sweep())


def test_an_explosion_from_the_first_step_is_seen_after_the_opening():
    assert stop_step(2.3 * 3.0 ** np.arange(100)) in range(10, 20)


def test_a_loss_that_creeps_up_goes_on():
    assert stop_step(np.linspace(3.6652, 3.6687, 100)) is None
    assert stop_step(np.concatenate([np.full(10, 2.0), np.linspace(2.0, 2.5, 90)])) is None


def test_data_in_the_order_of_their_labels_goes_on():
    labels = np.repeat([2.2, 2.35, 2.25, 2.5, 2.3, 2.1, 2.4, 2.2, 2.45, 2.3], 10)
    noise = np.random.default_rng(0).normal(scale=0.01, size=100)
    assert stop_step(labels + noise) is None


def test_a_quiet_opening_goes_on():
    rng = np.random.default_rng(0)
    for _ in range(200):
        noise = rng.normal(scale=0.05, size=100)
        noise[:10] /= 10
        assert stop_step(2.3 + noise) is None


def test_a_level_loss_with_rounding_noise_goes_on():
    rounding = np.random.default_rng(0).choice([0, 1.2e-7], size=90)
    assert stop_step(np.concatenate([np.full(10, 2.3), 2.3 + rounding])) is None


def test_none_never_stops():
    assert stop_step(2.3 * 3.0 ** np.arange(100), diverge_th=None) is None


def test_a_larger_threshold_stops_later():
    stops = [stop_step(sweep(), diverge_th=threshold) for threshold in (1, 4, 16, 64)]
    assert stops == sorted(stops)
    assert len(set(stops)) == 4
