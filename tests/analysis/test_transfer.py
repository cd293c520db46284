"""The way from the minimum to the rate: as measured, and a power of the length in between."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import half_of

from lrfind.analysis.calibration import (
    COST_AT,
    FEW_EPOCHS,
    HORIZONS,
    TRANSFERS,
    WITHOUT_OVERFITTING,
)
from lrfind.analysis.defaults import SCHEDULES
from lrfind.analysis.transfer import MANY_EPOCHS, Transfer, judged_by, transfer

TABLES = {None: TRANSFERS, FEW_EPOCHS: WITHOUT_OVERFITTING}
"""By the number of epochs that asks for them."""
ASKED = (None, *SCHEDULES)
each_schedule = pytest.mark.parametrize("schedule", ASKED)
each_table = pytest.mark.parametrize("epochs", TABLES)


def numbers(way):
    return [way.below, way.best, way.deviation, way.cost, *way.costs]


def test_every_schedule_and_length_has_a_row_of_its_own():
    for table in TABLES.values():
        assert set(table) == set(product(ASKED, (None, *HORIZONS)))
        assert {len(costs) for *_, costs in table.values()} == {len(COST_AT)}
    assert list(HORIZONS) == sorted(HORIZONS)
    assert list(COST_AT) == sorted(COST_AT)
    assert SCHEDULES == ("constant", "one_cycle")


@each_table
@each_schedule
def test_at_a_length_that_was_measured_the_way_is_that_row(schedule, epochs):
    for steps in HORIZONS:
        row = Transfer(*TABLES[epochs][schedule, steps])
        assert numbers(transfer(schedule, steps, epochs)) == pytest.approx(numbers(row), rel=1e-12)


@each_table
@each_schedule
def test_without_a_length_it_is_the_row_that_has_none(schedule, epochs):
    assert transfer(schedule, None, epochs) == Transfer(*TABLES[epochs][schedule, None])
    assert transfer() == Transfer(*TRANSFERS[None, None])


@each_table
@each_schedule
def test_beyond_the_lengths_that_were_measured_nothing_changes(schedule, epochs):
    shortest, longest = (Transfer(*TABLES[epochs][schedule, HORIZONS[k]]) for k in (0, -1))
    for steps in (1, 299, 300):
        assert transfer(schedule, steps, epochs) == shortest
    for steps in (4800, 4801, 10**9):
        assert transfer(schedule, steps, epochs) == longest


@each_table
@each_schedule
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_in_between_all_numbers_are_linear_in_the_logarithm(schedule, epochs, place, share):
    short, long = HORIZONS[place : place + 2]
    one, two = (np.array(numbers(transfer(schedule, each, epochs))) for each in (short, long))
    found = transfer(schedule, short ** (1 - share) * long**share, epochs)
    assert numbers(found) == pytest.approx((1 - share) * one + share * two, rel=1e-9)


@each_table
@each_schedule
def test_the_rate_falls_as_one_power_of_the_length(schedule, epochs):
    first, *_, last = HORIZONS

    def power(one, two):
        ways = transfer(schedule, two, epochs).below - transfer(schedule, one, epochs).below
        return ways / math.log10(two / one)

    whole = power(first, last)
    assert whole == pytest.approx(round(whole, 1), abs=1e-3)  # chosen in tenths
    # The numbers in the file are rounded to a thousandth of a decade.
    for one, two in ((300, 600), (400, 800), (1200, 2400), (2400, 4800), (700, 3000)):
        assert power(one, two) == pytest.approx(whole, abs=0.001 / math.log10(two / one))


@each_schedule
def test_without_overfitting_the_rate_hardly_depends_on_the_length(schedule):
    few, many = (
        transfer(schedule, 4800, epochs).below - transfer(schedule, 300, epochs).below
        for epochs in (FEW_EPOCHS, None)
    )
    assert 0 <= few < many / 4


@pytest.mark.parametrize(
    ("epochs", "loss"),
    [(0.1, "training"), (FEW_EPOCHS, "training"), (FEW_EPOCHS + 0.01, "training and validation"),
     (MANY_EPOCHS - 0.01, "training and validation"), (MANY_EPOCHS, "validation"),
     (100, "validation"), (None, "validation")],
)  # fmt: skip
def test_a_few_epochs_are_judged_by_the_training_loss_and_many_by_that_held_out(epochs, loss):
    assert judged_by(epochs) == loss


@pytest.mark.parametrize("epochs", [0.1, FEW_EPOCHS])
def test_up_to_a_few_epochs_the_numbers_are_those_without_overfitting(epochs):
    assert transfer("constant", 300, epochs) == Transfer(*WITHOUT_OVERFITTING["constant", 300])


@pytest.mark.parametrize("epochs", [MANY_EPOCHS, 100, None])
def test_from_many_epochs_on_they_are_those_with_it(epochs):
    assert transfer("constant", 300, epochs) == Transfer(*TRANSFERS["constant", 300])


@each_schedule
@pytest.mark.parametrize("steps", [None, 300, 700, 4800])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_in_between_all_numbers_are_linear_in_the_logarithm_of_the_epochs(schedule, steps, share):
    few, many = (np.array(numbers(transfer(schedule, steps, each))) for each in (FEW_EPOCHS, None))
    epochs = FEW_EPOCHS ** (1 - share) * MANY_EPOCHS**share
    found = numbers(transfer(schedule, steps, epochs))
    assert found == pytest.approx((1 - share) * few + share * many, rel=1e-9)


@each_schedule
def test_one_epoch_more_never_changes_the_rate_by_a_leap(schedule):
    epochs = np.geomspace(1, 100, 2001)
    below = [transfer(schedule, 4800, each).below for each in epochs]
    few, many = below[0], below[-1]
    assert np.all(np.diff(below) >= -1e-12)
    assert np.diff(below).max() < (many - few) / 100


def test_the_factor_has_two_digits():
    tried = (0.0, 0.7, 1.05, 1.7, -0.5)
    ways = {below: Transfer(below, 0.0, 0.0, 0.0, ()).factor for below in tried}
    assert ways == {0.0: 1.0, 0.7: 5.0, 1.05: 11.0, 1.7: 50.0, -0.5: 0.32}


@given(st.sampled_from(ASKED), st.integers(1, 10**6), st.sampled_from([None, 1, 7, 50]))
def test_the_factor_is_that_power_of_ten_to_two_digits(schedule, steps, epochs):
    way = transfer(schedule, steps, epochs)
    assert way.factor == pytest.approx(10**way.below, rel=0.05)
    assert way.factor == float(f"{way.factor:.2g}")
    assert transfer(schedule, steps + 1, epochs).factor >= way.factor


MADE_UP = Transfer(0.5, 0.5, 0.5, 0.07, tuple((np.array(COST_AT) - 0.5) ** 2))


@pytest.mark.parametrize("place", range(len(COST_AT)))
def test_a_cost_is_that_of_its_distance(place):
    at, cost = COST_AT[place], MADE_UP.costs[place]
    assert MADE_UP.regret(10**at) == pytest.approx(cost, abs=1e-12)
    if place:
        before, lower = COST_AT[place - 1], MADE_UP.costs[place - 1]
        for share in (0.3, 0.5):
            factor = 10 ** (before + share * (at - before))
            assert MADE_UP.regret(factor) == pytest.approx(lower + share * (cost - lower))


def test_beyond_the_distances_the_cost_stays():
    assert MADE_UP.regret(10 ** (COST_AT[0] - 1)) == MADE_UP.costs[0]
    assert MADE_UP.regret(10 ** (COST_AT[-1] + 1)) == MADE_UP.costs[-1]
    # Where the distance is between two, the cost is between theirs.
    assert MADE_UP.regret(10**0.625) == pytest.approx((0.0 + 0.25**2) / 2)


def test_costs_of_several_factors_are_told_at_once():
    factors = 10.0 ** np.array([[-1.0, 0.0], [0.625, 9.0]])
    found = MADE_UP.regret(factors)
    assert found.tolist() == [[MADE_UP.regret(each) for each in row] for row in factors]


def test_the_regret_told_of_the_factor_itself_is_the_one_left_out():
    assert MADE_UP.factor == 3.2
    assert MADE_UP.told_regret(3.2) == 0.07
    assert MADE_UP.told_regret(3.3) == MADE_UP.regret(3.3) < 0.07


def test_no_regret_is_told_where_none_was_measured():
    low, high = COST_AT[0], COST_AT[-1]
    assert MADE_UP.told_regret(10**low * 1.001) == pytest.approx(MADE_UP.costs[0], abs=1e-3)
    assert MADE_UP.told_regret(10**high * 0.999) == pytest.approx(MADE_UP.costs[-1], abs=2e-3)
    assert MADE_UP.told_regret(10**low * 0.999) is None
    assert MADE_UP.told_regret(10**high * 1.001) is None


@each_table
@each_schedule
@pytest.mark.parametrize("steps", [None, *HORIZONS])
def test_the_way_down_leads_to_where_the_cost_is_lowest(schedule, steps, epochs):
    way = transfer(schedule, steps, epochs)
    # A straight line has to pass through three lengths, so it may miss each by a little more.
    missed = 0.01 if steps is None else 0.02
    assert min(way.costs) <= way.regret(10**way.below) <= min(way.costs) + missed
    assert way.regret(way.factor) <= min(way.costs) + missed
    assert all(0 <= cost <= 1 for cost in way.costs)


@each_table
@each_schedule
@pytest.mark.parametrize("steps", [None, *HORIZONS])
def test_an_interval_around_the_best_reaches_over_the_minimum(schedule, steps, epochs):
    # So that what is left of it within a sweep is never empty.
    way = transfer(schedule, steps, epochs)
    assert half_of(way.deviation) > abs(way.best)
