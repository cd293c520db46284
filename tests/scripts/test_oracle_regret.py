"""Regret by hand, at rates of the grid and between them, and choices without the family judged."""

import math

import numpy as np
import pytest
from oracle_families import FAMILY_OF
from oracle_regret import Case, best_rate, cases, documented_default, left_out_factors, regret
from oracle_table import Entry, Table

FIRST, SECOND = "condition 10, SGD", "petals linear, Adagrad"
RATES = np.array([1e-4, 1e-3, 1e-2, 1e-1])
CASE = Case(FIRST, "constant", 300)
VALIDATION, TRAINING = (2.0, 1.5, 1.0, 3.0), (1.0, 0.75, 0.25, 0.0)
"""Median final losses at each rate; before training they are 3 and 1."""


def entry(validation=VALIDATION, schedules=("constant",), horizons=(300,)):
    """A table entry of three seeds whose median is given: the others lie a half to either side."""
    medians = np.array([validation, TRAINING])[:, None, :]
    losses = np.stack([medians - 0.5, medians, medians + 0.5]).repeat(len(horizons), axis=2)
    initial = np.array([[3.0, 1.0]] * 3)
    return Entry(RATES, horizons, initial, dict.fromkeys(schedules, losses))


TABLE = Table({FIRST: entry(), SECOND: entry((2.0, 1.0, 2.0, 2.0))})


@pytest.mark.parametrize(("lr", "lost"), [(1e-4, 0.5), (1e-3, 0.25), (1e-2, 0.0), (1e-1, 1.0)])
def test_at_a_rate_of_the_grid_it_is_the_share_of_the_decrease_that_is_lost(lr, lost):
    # Of a decrease from 3 to 1.
    assert regret(TABLE, CASE, lr) == pytest.approx(lost)


@pytest.mark.parametrize("place", range(3))
def test_half_way_between_two_rates_it_is_half_way_between_their_regrets(place):
    one, two = RATES[place : place + 2]
    expected = (regret(TABLE, CASE, one) + regret(TABLE, CASE, two)) / 2
    assert regret(TABLE, CASE, math.sqrt(one * two)) == pytest.approx(expected)
    assert regret(TABLE, CASE, one**0.9 * two**0.1) == pytest.approx(
        0.9 * regret(TABLE, CASE, one) + 0.1 * regret(TABLE, CASE, two)
    )


def test_beyond_the_grid_it_is_that_of_its_end():
    assert regret(TABLE, CASE, 1e-9) == pytest.approx(0.5)
    assert regret(TABLE, CASE, 1e9) == pytest.approx(1.0)


def test_what_ends_above_its_start_or_blew_up_counts_as_no_training():
    worse = Table({FIRST: entry((2.0, 7.0, 1.0, np.inf))})
    assert [regret(worse, CASE, lr) for lr in RATES] == pytest.approx([0.5, 1.0, 0.0, 1.0])


def test_it_can_be_counted_in_the_training_loss():
    found = [regret(TABLE, CASE, lr, "training") for lr in RATES]
    assert found == pytest.approx([1.0, 0.75, 0.25, 0.0])
    assert best_rate(TABLE, CASE, "training") == 1e-1
    assert best_rate(TABLE, CASE) == 1e-2


def test_a_refusal_counts_as_the_documented_default():
    assert documented_default(FIRST) == 1e-3
    for lr in (math.nan, math.inf, 0.0, -1.0):
        assert regret(TABLE, CASE, lr) == regret(TABLE, CASE, 1e-3) == pytest.approx(0.25)
    assert documented_default(SECOND) == 1e-2
    other = Case(SECOND, "constant", 300)
    assert regret(TABLE, other, math.nan) == regret(TABLE, other, 1e-2) == pytest.approx(0.5)


def test_a_case_is_a_training_at_which_some_rate_learns():
    both = entry(schedules=("constant", "one_cycle"), horizons=(300, 1200))
    table = Table({FIRST: both, SECOND: entry((2.9, 2.8, 2.75, 2.9))})
    found = list(cases(table))
    assert found == [
        Case(FIRST, "constant", 300),
        Case(FIRST, "constant", 1200),
        Case(FIRST, "one_cycle", 300),
        Case(FIRST, "one_cycle", 1200),
    ]
    assert [each.family for each in found] == ["known curvature"] * 4
    assert list(cases(table, ("one_cycle",))) == found[2:]


def test_a_schedule_that_an_optimizer_does_not_take_is_no_case():
    assert [each.schedule for each in cases(TABLE)] == ["constant"] * 2
    assert [each.family for each in cases(TABLE)] == [FAMILY_OF[FIRST], FAMILY_OF[SECOND]]


FACTORS = np.array([1.0, 3.0, 10.0])


def test_a_factor_is_the_best_in_the_mean_over_the_other_families():
    families = ["a", "a", "b", "c"]
    regrets = np.array([[0.0, 0.6, 0.9], [0.0, 0.6, 0.9], [0.9, 0.1, 0.3], [0.9, 0.6, 0.0]])
    # Means without a: 0.9, 0.35, 0.15; without b: 0.3, 0.6, 0.6; without c: 0.3, 0.433, 0.7.
    found = left_out_factors(families, regrets, FACTORS)
    np.testing.assert_array_equal(found, [10.0, 10.0, 1.0, 1.0])
    # The first would have 1 too if its own family had a say.
    assert FACTORS[regrets.mean(axis=0).argmin()] == 1.0


def test_what_the_family_itself_loses_changes_none_of_its_factors():
    families = ["a", "b", "c", "b"]
    regrets = np.random.default_rng(0).uniform(size=(4, 3))
    before = left_out_factors(families, regrets, FACTORS)
    regrets[[1, 3]] = 1 - regrets[[1, 3]]
    after = left_out_factors(families, regrets, FACTORS)
    np.testing.assert_array_equal(after[[1, 3]], before[[1, 3]])


def test_a_refusal_has_no_part_in_a_factor():
    regrets = np.array([[0.1, 0.2, 0.3], [np.nan] * 3, [0.4, 0.3, 0.1], [0.2, 0.1, 0.4]])
    found = left_out_factors(["a", "b", "b", "c"], regrets, FACTORS)
    # Without a: 0.3, 0.2, 0.25; without b: 0.15, 0.15, 0.35, the first of equals; without c:
    # 0.25, 0.25, 0.2.
    np.testing.assert_array_equal(found, [3.0, 1.0, 1.0, 10.0])
