"""The rates of a sweep hit both ends exactly and are evenly spaced."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.analysis.schedule import (
    beta_of_window,
    decades_per_step,
    lr_sequence,
    producing_lr,
    window_of_beta,
)

rates = st.floats(1e-12, 1e6)


@given(rates, rates, st.integers(2, 2000), st.sampled_from(["exp", "linear"]))
def test_both_ends_are_exact_and_the_rates_rise(start, end, num_iter, step_mode):
    if end <= start * 1.01:
        start, end = min(start, end) / 2, max(start, end)
    lr = lr_sequence(start, end, num_iter, step_mode)
    assert lr.shape == (num_iter,)
    assert (lr[0], lr[-1]) == (start, end)
    assert np.all(np.diff(lr) >= 0)


def test_exponential_is_uniform_in_log10_from_the_first_step():
    # Lightning's first ratio is the square of the others; fastai never reaches the end.
    steps = np.diff(np.log10(lr_sequence(1e-7, 10.0, 100)))
    np.testing.assert_allclose(steps, 8 / 99, rtol=1e-12)


def test_linear_is_uniform_in_the_rate():
    steps = np.diff(lr_sequence(0.001, 0.006, 51, "linear"))
    np.testing.assert_allclose(steps, 1e-4, rtol=1e-10)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0.0, 1.0, 10), "start_lr"),
        ((-1e-3, 1.0, 10), "start_lr"),
        ((float("nan"), 1.0, 10), "start_lr"),
        ((1e-3, float("inf"), 10), "end_lr"),
        ((1.0, 1.0, 10), "start_lr"),
        ((2.0, 1.0, 10), "start_lr"),
        ((1e-3, 1.0, 1), "num_iter"),
        ((1e-3, 1.0, 10, "cosine"), "step_mode"),
    ],
)
def test_a_value_out_of_range_names_its_parameter(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        lr_sequence(*arguments)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("1e-3", 1.0, 10), "start_lr"),
        ((None, 1.0, 10), "start_lr"),
        ((1e-3, True, 10), "end_lr"),
        ((1e-3, 1.0, 10.0), "num_iter"),
        ((1e-3, 1.0, True), "num_iter"),
    ],
)
def test_a_value_of_the_wrong_type_names_its_parameter(arguments, name):
    with pytest.raises(TypeError, match=f"`{name}`"):
        lr_sequence(*arguments)


def test_numpy_scalars_are_numbers():
    assert lr_sequence(np.float32(0.5), np.int64(1), np.int32(2)).tolist() == [0.5, 1.0]


def test_a_loss_belongs_to_the_rate_of_the_step_before_it():
    assert producing_lr([1.0, 2.0, 4.0, 8.0]).tolist() == [1.0, 1.0, 2.0, 4.0]


@given(st.floats(1e-3, 10), st.floats(1e-4, 1))
def test_window_and_beta_are_inverse(decades, step):
    beta = beta_of_window(decades, step)
    if beta > 0:
        assert window_of_beta(beta, step) == pytest.approx(decades, rel=1e-9)


def test_the_ends():
    assert beta_of_window(1e-9, 0.1) == 0
    assert window_of_beta(0, 0.1) == 0
    assert decades_per_step(1e-7, 10, 2, "exp") == pytest.approx(8)
