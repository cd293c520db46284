"""The spread over runs: exact cases, and Monte-Carlo against known truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind import CannotTellError
from lrfind.repeats.spread import RunCurve, Spread, between_run_sd, median_band


def test_without_noise_within_the_sweeps_it_is_the_sample_standard_deviation():
    minima = [-2.0, -1.2, -1.1, -0.4]
    assert between_run_sd(minima) == pytest.approx(np.std(minima, ddof=1))


def test_the_mean_within_variance_is_taken_off():
    minima = [-1.0, 0.0, 1.0]
    assert between_run_sd(minima, 0.6) == pytest.approx(0.8)
    assert between_run_sd(minima, [0.0, 0.6, 0.6 * math.sqrt(2)]) == pytest.approx(0.8)


def test_scatter_that_noise_explains_leaves_nothing():
    assert between_run_sd([-1.0, -1.1, -0.9], 0.5) == 0.0


@pytest.mark.parametrize(("between", "within"), [(0.3, 0.1), (0.2, 0.15)])
def test_its_square_is_unbiased(between, within):
    rng = np.random.default_rng(0)
    trials, k = 4000, 30
    truth = rng.normal(scale=between, size=(trials, k))
    minima = truth + rng.normal(scale=within, size=(trials, k))
    squares = np.array([between_run_sd(row, within) ** 2 for row in minima])
    assert np.mean(squares == 0) < 0.01  # else clipping at 0 would bias it
    # The sample variance of normal values scatters by sqrt(2 / (k - 1)) of itself.
    error = math.sqrt(2 / (k - 1) / trials) * (between**2 + within**2)
    assert squares.mean() == pytest.approx(between**2, abs=4 * error)


def test_with_many_runs_it_finds_a_small_part_under_much_noise():
    rng = np.random.default_rng(0)
    within = rng.uniform(0.1, 0.5, size=100_000)
    minima = rng.normal(scale=0.1, size=within.size) + rng.normal(scale=within)
    assert between_run_sd(minima, within) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("k", [3, 5, 10, 20])
def test_the_interval_covers_the_true_median_at_least_as_often_as_it_says(k):
    draws = np.random.default_rng(1).normal(-2, 0.3, size=(4000, k))
    hits = [low < 1e-2 < high for low, high in (Spread(tuple(row)).interval(0.9) for row in draws)]
    assert 0.89 < np.mean(hits) < 0.94


def test_the_interval_is_no_narrower_than_a_step():
    low, high = Spread((-2.0, -2.0, -2.0)).interval(least=0.1)
    assert (low, high) == pytest.approx((10**-2.1, 10**-1.9))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_runs_cannot_tell(count):
    minima = tuple(float(i) for i in range(count))
    for ask in (lambda: between_run_sd(minima), lambda: Spread(minima).interval()):
        with pytest.raises(CannotTellError, match=f"at least 3 runs .* got {count}: add seeds"):
            ask()


def test_a_spread_of_too_few_says_nan():
    assert math.isnan(Spread(()).median_lr)
    assert math.isnan(Spread((-1.0,)).sd)
    assert Spread((-3.0, -1.0)).median_lr == pytest.approx(1e-2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, math.nan, 1.0],), "`minima`"),
        (([[0.0, 1.0, 2.0]],), "`minima`"),
        (([0.0, 1.0, 2.0], -1), "`within_sd` must be finite"),
        (([0.0, 1.0, 2.0], [1.0]), "`within_sd` must be a number"),
    ],
)
def test_wrong_numbers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        between_run_sd(*arguments)


LR = np.geomspace(1e-3, 1, 31)


def curve(values, lr=LR, blew_up=False):
    return RunCurve(lr[: len(values)], np.asarray(values, float), blew_up)


@given(st.integers(1, 7), st.floats(0.01, 0.99))
def test_over_the_same_rates_it_is_numpys_quantile(count, coverage):
    table = np.random.default_rng(count).normal(size=(count, LR.size))
    band = median_band([curve(row) for row in table], coverage)
    np.testing.assert_array_equal(band.lr, LR)
    tail = (1 - coverage) / 2
    for drawn, share in [(band.median, 0.5), (band.low, tail), (band.high, 1 - tail)]:
        np.testing.assert_allclose(drawn, np.quantile(table, share, axis=0), atol=1e-12)
    assert (band.count == count).all()


def test_runs_that_blew_up_count_as_above_all_others():
    """Of three runs one blows up after 10 steps, the second after 20."""
    runs = [curve(np.full(10, 1.0), blew_up=True), curve(np.full(20, 2.0), blew_up=True),
            curve(np.full(31, 3.0))]  # fmt: skip
    band = median_band(runs)
    assert band.median.tolist() == [2.0] * 10 + [3.0] * 10 + [math.inf] * 11
    assert band.count.tolist() == [3] * 10 + [2] * 10 + [1] * 11
    assert not np.isnan(band.low).any()


def test_runs_that_merely_ended_are_left_out_beyond_their_end():
    runs = [curve(np.full(10, 1.0)), curve(np.full(20, 2.0)), curve(np.full(31, 3.0))]
    band = median_band(runs)
    assert band.median[:20].tolist() == [2.0] * 10 + [2.5] * 10
    assert np.isnan(band.median[20:]).all()  # one of three tells nothing of the others


def test_other_rates_are_interpolated_in_the_logarithm():
    """Curves linear in log10 of the rate stay what they are, whatever the grids."""
    grids = [np.geomspace(1e-3, 1, 31), np.geomspace(1e-3, 1, 47), np.geomspace(1e-4, 1e-1, 20)]
    band = median_band([curve(np.log10(lr) + 5, lr) for lr in grids])
    assert (band.lr[0], band.lr[-1], band.lr.size) == (1e-4, 1, 47)
    told = band.count >= 2
    np.testing.assert_allclose(band.median[told], np.log10(band.lr[told]) + 5)
    assert np.isnan(band.median[~told]).all()


def test_the_later_of_two_losses_at_one_rate_is_what_it_did():
    doubled = np.append(LR[0], LR)
    band = median_band([curve(np.append(9.0, np.ones(31)), doubled), curve(np.ones(20), LR[:20])])
    assert band.median[0] == 1.0


def test_a_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`coverage`"):
        median_band([curve([1.0, 2.0])], 1.0)
    with pytest.raises(ValueError, match="`confidence`"):
        Spread((1.0, 2.0, 3.0)).interval(0)
