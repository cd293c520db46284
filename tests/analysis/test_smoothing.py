"""The moving averages: the numbers of the origins, the recursion, and its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrfind
from lrfind.analysis.smoothing import debias_factor

betas = st.floats(0, 0.999)
losses = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200).map(np.array)


def recursion(loss, beta):
    """The definition, one step at a time: the fit loop of fastai 0.7."""
    average, out = 0.0, []
    for value in loss:
        average = beta * average + (1 - beta) * value
        out.append(average)
    return np.array(out)


def test_five_batches_of_100_at_beta_098_as_in_the_forum_thread():
    loss = [100.0] * 5
    assert lrfind.ema(loss, beta=0.98).round(2).tolist() == [2.0, 3.96, 5.88, 7.76, 9.61]
    np.testing.assert_allclose(lrfind.debiased_ema(loss, beta=0.98), 100, rtol=1e-14)


def test_a_hundred_batches_of_100_reach_8674():
    average = lrfind.ema(np.full(100, 100.0), beta=0.98)
    assert round(average[-1], 2) == 86.74
    np.testing.assert_allclose(lrfind.debiased_ema(np.full(100, 100.0), 0.98), 100, rtol=1e-14)


def test_a_thousand_at_beta_099_as_in_the_multi_task_chapter():
    average = lrfind.ema(np.full(100, 1000.0), beta=0.99)
    assert [round(average[step - 1], 1) for step in (1, 2, 10)] == [10.0, 19.9, 95.6]
    assert round(average[99]) == 634


@given(losses, betas)
def test_ema_is_the_recursion(loss, beta):
    np.testing.assert_allclose(lrfind.ema(loss, beta), recursion(loss, beta), rtol=1e-9, atol=1e-6)


@given(losses, betas)
def test_debiased_ema_is_the_recursion_divided_by_one_minus_beta_to_the_t(loss, beta):
    factor = 1 - beta ** np.arange(1, loss.size + 1)
    expected = recursion(loss, beta) / factor
    np.testing.assert_allclose(lrfind.debiased_ema(loss, beta), expected, rtol=1e-8, atol=1e-4)


@given(losses, betas)
def test_debiased_ema_stays_within_the_range_of_the_losses_so_far(loss, beta):
    average = lrfind.debiased_ema(loss, beta)
    slack = 1e-9 * (1 + np.abs(loss).max())
    assert np.all(average >= np.minimum.accumulate(loss) - slack)
    assert np.all(average <= np.maximum.accumulate(loss) + slack)


@given(st.lists(st.floats(), min_size=1, max_size=50).map(np.array))
def test_beta_0_is_the_identity_even_for_infinite_and_nan_losses(loss):
    np.testing.assert_array_equal(lrfind.ema(loss, 0), loss)
    np.testing.assert_array_equal(lrfind.debiased_ema(loss, 0), loss)


def test_a_nan_poisons_what_follows_and_nothing_before():
    average = lrfind.ema([1.0, 2.0, np.nan, 3.0, 4.0], 0.5)
    assert np.isfinite(average[:2]).all()
    assert np.isnan(average[2:]).all()


def test_several_betas_at_once_are_rows():
    loss = np.random.default_rng(0).normal(size=100)
    together = lrfind.debiased_ema(loss, beta=[0.0, 0.9, 0.98])
    assert together.shape == (3, 100)
    for row, beta in zip(together, [0.0, 0.9, 0.98], strict=True):
        np.testing.assert_array_equal(row, lrfind.debiased_ema(loss, beta))


@pytest.mark.parametrize("beta", [1.0, 1.5, -0.1, float("nan"), [0.9, 1.0]])
@pytest.mark.parametrize("average", [lrfind.ema, lrfind.debiased_ema])
def test_beta_outside_0_to_1_is_refused_by_name(average, beta):
    with pytest.raises(ValueError, match=r"`beta` must be in \[0, 1\)"):
        average([1.0, 2.0], beta)


@pytest.mark.parametrize("average", [lrfind.ema, lrfind.debiased_ema])
def test_several_curves_are_averaged_row_by_row(average):
    curves = np.random.default_rng(0).normal(size=(3, 50))
    np.testing.assert_array_equal(average(curves, 0.9), [average(each, 0.9) for each in curves])


@pytest.mark.parametrize(("shape", "beta"), [((2, 1), (0.5, 0.9)), ((2, 1, 1), 0.9), ((), 0.9)])
def test_a_loss_of_another_shape_is_refused_by_name(shape, beta):
    with pytest.raises(ValueError, match="`loss` must be one-dimensional"):
        lrfind.ema(np.ones(shape), beta)


def test_an_empty_loss_gives_an_empty_average():
    assert lrfind.debiased_ema([]).shape == (0,)


def test_debias_factor_keeps_its_digits_close_to_1():
    # 1 - beta**1 by subtraction would lose every digit of 1e-15.
    assert debias_factor(1, 1 - 1e-15) == pytest.approx(9.992007e-16, rel=1e-6)


def test_beta_09_multiplies_the_first_value_by_ten():
    assert 1 / debias_factor(1, 0.9) == pytest.approx(10)


@pytest.mark.parametrize(
    ("beta", "steps"), [(0, 1), (0.1, 2), (0.5, 7), (0.9, 44), (0.98, 228), (0.99, 459)]
)
def test_the_start_is_gone_to_one_percent_after_that_many_steps(beta, steps):
    assert lrfind.debias_steps(beta) == steps


@given(st.floats(0.001, 0.999), st.floats(1e-6, 0.5))
def test_debias_steps_is_the_first_step_within_the_tolerance(beta, tolerance):
    steps = lrfind.debias_steps(beta, tolerance=tolerance)
    missing = beta ** np.arange(steps + 1)
    assert missing[steps] <= tolerance * (1 + 1e-9)
    assert steps == 1 or missing[steps - 1] > tolerance * (1 - 1e-9)


@pytest.mark.parametrize("power", [1, 2, 3, 10, 30])
def test_a_tolerance_that_is_met_exactly_needs_no_step_more(power):
    assert lrfind.debias_steps(0.5, tolerance=0.5**power) == power


@pytest.mark.parametrize(
    ("beta", "tolerance", "name"),
    [(1.0, 0.01, "beta"), (-0.1, 0.01, "beta"), (0.9, 0.0, "tolerance"), (0.9, 1.0, "tolerance")],
)
def test_debias_steps_refuses_by_name(beta, tolerance, name):
    with pytest.raises(ValueError, match=f"`{name}` must be in"):
        lrfind.debias_steps(beta, tolerance=tolerance)
