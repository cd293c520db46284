"""Where a sweep and its trials expect the least regret, by hand on costs that are made up."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.analysis.calibration import COST_AT
from lrfind.analysis.transfer import Transfer
from lrfind.checks.verification.decision import (
    FINENESS,
    TRAINED_WELL,
    WEIGHT,
    SweepSays,
    decide,
    highest_trained_well,
)

BOTTOM = COST_AT[6]
"""The distance, in decades below the minimum, of the least cost below."""
LEAST = 10**-BOTTOM
RATES = LEAST * 10.0 ** np.array([-1.0, -0.5, 0.0, 0.5])
NONE = np.zeros(4)


def straight(slope):
    """Costs that rise by so much a decade on either side of `BOTTOM`."""
    costs = tuple(slope * abs(at - BOTTOM) for at in COST_AT)
    return Transfer(below=BOTTOM, best=BOTTOM, deviation=0.3, cost=0.0, costs=costs)


def decided(regrets, slope=1.0, *, minimum=1.0, lr=None):
    return decide(RATES, np.array(regrets), SweepSays(minimum, 0.2, lr), straight(slope))


def test_the_numbers_that_the_decision_rests_on():
    assert (TRAINED_WELL, WEIGHT, FINENESS) == (0.5, 0.35, 0.01)
    # The costs below are known at all rates tried.
    assert COST_AT[0] <= BOTTOM - 0.5 < BOTTOM + 1 <= COST_AT[-1]


@pytest.mark.parametrize(
    ("regrets", "place"),
    [
        ((0.9, 0.2, 0.0, 0.4), 3),
        ((0.9, 0.2, 0.0, 0.4999), 3),
        ((0.9, 0.2, 0.0, 0.5), 2),
        ((0.9, 0.0, 0.6, 2.0), 1),
        ((0.0, 2.0, 2.0, 2.0), 0),
        ((0.9, 0.0, 2.0, 0.1), 3),  # whatever lies in between
    ],
)
def test_a_rate_trained_well_with_a_regret_below_a_half(regrets, place):
    assert highest_trained_well(RATES, np.array(regrets)) == RATES[place]


@pytest.mark.parametrize("minimum", [1.0, 0.5])
def test_where_all_trials_are_as_good_the_sweep_decides(minimum):
    answer = decided(NONE, minimum=minimum)
    assert math.log10(answer / (minimum * LEAST)) == pytest.approx(0, abs=FINENESS)


@pytest.mark.parametrize(
    ("regrets", "slope", "place"),
    [
        # The trials rise or fall by 0.1 a decade, which weighs 0.035.
        ((0.0, 0.05, 0.1, 0.15), 0.034, 0),
        ((0.0, 0.05, 0.1, 0.15), 0.036, 2),
        ((0.15, 0.1, 0.05, 0.0), 0.036, 2),
        ((0.15, 0.1, 0.05, 0.0), 0.034, 3),
        # 0.35 * 0.4 against half a decade more or less: 0.14 + 0.15 there, and 0.15 here.
        ((0.4, 0.4, 2.0, 0.0), 0.3, 3),
        ((0.0, 0.0, 2.0, 0.4), 0.3, 1),
    ],
)
def test_the_regrets_of_the_trials_weigh_a_third_and_a_bit(regrets, slope, place):
    answer = decided(regrets, slope)
    assert math.log10(answer / RATES[place]) == pytest.approx(0, abs=FINENESS)


def test_never_above_the_highest_that_trained_well():
    assert decided((0.0, 0.3, 0.6, 2.0)) == pytest.approx(RATES[1])
    assert decided((0.0, 0.6, 2.0, 2.0)) == pytest.approx(RATES[0])


@pytest.mark.parametrize("decades", [-0.01, -0.3, -0.9])
def test_never_above_the_suggestion_of_the_sweep(decades):
    lr = LEAST * 10**decades
    assert decided(NONE, lr=lr) == pytest.approx(lr)
    assert decided((0.9, 0.6, 0.3, 0.0), lr=lr) == pytest.approx(lr)


def test_a_suggestion_below_all_that_was_tried_is_the_answer():
    assert decided(NONE, lr=RATES[0] / 5) == pytest.approx(RATES[0] / 5)


def test_a_suggestion_above_limits_nothing():
    assert decided(NONE, lr=10.0) == decided(NONE)


@given(
    st.lists(st.floats(0, 2), min_size=4, max_size=4),
    st.floats(0, 2),
    st.floats(-3, 1),
    st.none() | st.floats(-4, 1),
)
def test_it_is_the_least_of_the_sum_within_its_limits(regrets, slope, minimum, limit):
    regrets = np.array(regrets) - min(regrets)
    lr = None if limit is None else 10.0**limit
    answer = decided(regrets, slope, minimum=10.0**minimum, lr=lr)
    high = min(highest_trained_well(RATES, regrets), math.inf if lr is None else lr)
    low = min(RATES[0], high)
    assert low * (1 - 1e-9) <= answer <= high * (1 + 1e-9)

    def cost(rate):
        expected = straight(slope).regret(10.0**minimum / rate)
        return expected + WEIGHT * np.interp(math.log10(rate), np.log10(RATES), regrets)

    steepest = slope + WEIGHT * np.abs(np.diff(regrets)).max()
    least = min(cost(rate) for rate in np.geomspace(low, high, 301))
    assert cost(answer) <= least + steepest * FINENESS + 1e-9
