"""Predicted against measured rates: Student's interval in decades."""

import numpy as np
import pytest
from rate_error import RateError, rate_error
from scipy import stats


def test_it_is_the_interval_of_a_paired_t_test():
    rng = np.random.default_rng(0)
    predicted, measured = 10 ** rng.normal(size=8), 10 ** rng.normal(size=8)
    error = rate_error(predicted, measured)
    test = stats.ttest_rel(np.log10(measured), np.log10(predicted))
    interval = test.confidence_interval(0.95)
    assert (error.low, error.high) == pytest.approx((interval.low, interval.high))
    assert error.stands == (test.pvalue >= 0.05)
    assert error.count == 8


def test_the_sign_is_that_of_the_measured():
    error = rate_error([0.01, 0.02], [0.1, 0.2])
    assert error.decades == pytest.approx(1)
    assert not error.stands
    assert rate_error([0.1, 0.2], [0.01, 0.02]).decades == pytest.approx(-1)


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    stands = [rate_error(np.ones(5), 10 ** rng.normal(size=5)).stands for _ in range(2000)]
    assert np.mean(stands) == pytest.approx(0.95, abs=0.02)


def test_a_wider_level_holds_a_narrower_one():
    rates = [0.1, 0.2, 0.4]
    narrow, wide = (rate_error([0.1] * 3, rates, level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.decades < narrow.high < wide.high


def test_the_prediction_stands_at_the_very_ends():
    assert RateError(0.5, 0.0, 1.0, 3).stands
    assert RateError(-0.5, -1.0, 0.0, 3).stands


@pytest.mark.parametrize(
    ("predicted", "measured", "level", "says"),
    [
        ([0.1], [0.1], 0.95, "`predicted`"),
        ([0.1, 0.2], [0.1, 0.2, 0.3], 0.95, "pair up"),
        ([0.1, 0.0], [0.1, 0.2], 0.95, "`predicted`"),
        ([0.1, 0.2], [0.1, np.nan], 0.95, "`measured`"),
        ([0.1, 0.2], [0.1, 0.2], 1.0, "`level`"),
    ],
)
def test_what_cannot_be_compared_is_refused(predicted, measured, level, says):
    with pytest.raises(ValueError, match=says):
        rate_error(predicted, measured, level=level)
