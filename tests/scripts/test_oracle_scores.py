"""Scores are the means of regrets that can be reckoned by hand."""

import math

import numpy as np
import pytest
from oracle_finders import Answer
from oracle_regret import Case, documented_default, regret
from oracle_scores import (
    best_factors,
    chosen_before,
    left_out,
    regrets,
    score,
    table_of,
)
from oracle_table import Entry, Table

FIRST, SECOND, THIRD = "condition 10, SGD", "petals linear, Adagrad", "ratings factors, Adagrad"
"""Of three families that are not locked."""
RATES = 10.0 ** np.arange(-5, 3)
CONSTANT, CYCLE = ("constant", 300), ("one_cycle", 300)


def entry(best, schedules=("constant",)):
    """A loss of 0 at the best rate, 0.25 more a decade away from it, up to that before training."""
    losses = np.minimum(0.25 * np.abs(np.log10(RATES / best)), 1.0)
    shaped = np.broadcast_to(losses, (3, 2, 1, RATES.size))
    return Entry(RATES, (300,), np.ones((3, 2)), dict.fromkeys(schedules, shaped))


def table(*bests):
    return Table({name: entry(best) for name, best in zip((FIRST, SECOND, THIRD), bests,
                                                          strict=False)})  # fmt: skip


def same(lr):
    """The same answer on every task, with two seeds."""
    return {
        (name, seed): Answer(lr, 100 + 50 * seed)
        for name in (FIRST, SECOND, THIRD)
        for seed in (0, 1)
    }


def test_many_regrets_are_so_many_single_ones():
    rates = np.array([[1e-7, 3e-4, 0.02], [math.nan, 500.0, 0.0]])
    case = Case(FIRST, "constant", 300)
    expected = [[regret(table(0.1), case, lr) for lr in row] for row in rates]
    np.testing.assert_allclose(regrets(table(0.1), case, rates), expected, rtol=1e-12)
    assert regrets(table(0.1), case, np.array(0.01)) == pytest.approx(0.25)
    # SGD's documented default lies two decades below.
    assert documented_default(FIRST) == 1e-3
    assert regrets(table(0.1), case, np.array(math.nan)) == pytest.approx(0.5)


def test_a_score_is_the_mean_over_tasks_and_seeds():
    answers = {
        (FIRST, 0): Answer(0.1, 100), (FIRST, 1): Answer(0.01, 120),
        (SECOND, 0): Answer(math.nan, 40), (SECOND, 1): Answer(1e-5, 100),
    }  # fmt: skip
    found = score("x", answers, table(0.1, 1.0))
    # Adagrad's documented default is 0.01, two decades below the best; 1e-5 is five.
    assert found.regrets == {CONSTANT: pytest.approx((0 + 0.25 + 0.5 + 1) / 4)}
    assert (found.failed, found.without, found.steps) == (0.25, 0.25, 90)
    assert found.mean("constant") == found.regrets[CONSTANT]
    assert math.isnan(found.mean("one_cycle"))


def test_answers_by_case_are_judged_each_in_its_own_column():
    both = Table({FIRST: entry(0.1, ("constant", "one_cycle"))})
    answers = {(FIRST, 0): Answer({"constant 300": 0.01, "one_cycle 300": 0.1}, 300)}
    assert score("x", answers, both).regrets == {CONSTANT: pytest.approx(0.25), CYCLE: 0}


def test_a_missing_answer_is_an_error():
    with pytest.raises(KeyError, match=SECOND):
        score("x", {(FIRST, 0): Answer(0.1, 1)}, table(0.1, 1.0))


def test_a_factor_is_chosen_without_the_family_that_it_is_judged_on():
    # Ten, a hundred and a hundred times too low: only the first is led astray by the others.
    found = score("x", same(0.01), table(0.1, 1.0, 1.0), choose=left_out)
    assert found.fitted
    # On the first, 1 / 100 overshoots by a decade. On the second, the first and third agree on
    # any factor from 1 / 10 to 1 / 100; the smallest of the equals is taken. So on the third.
    assert found.regrets[CONSTANT] == pytest.approx((0.25 + 0 + 0) / 3)


def test_a_refusal_is_not_scaled():
    found = score("x", same(math.nan), table(0.1, 1.0, 1.0), choose=left_out)
    assert found.regrets[CONSTANT] == pytest.approx((0.5 + 0.5 + 0.5) / 3)
    assert found.without == 1


def test_a_factor_can_come_from_other_tasks():
    factors = best_factors(same(0.01), table(0.1, 0.1, 0.1))
    assert factors == {CONSTANT: pytest.approx(0.1)}
    found = score("x", same(0.01), table(1.0, 0.1, 0.1), choose=chosen_before(factors))
    assert found.regrets[CONSTANT] == pytest.approx((0.25 + 0 + 0) / 3)


def test_the_table_has_a_line_for_each_score():
    scores = [
        score("x", same(0.01), table(0.1, 1.0, 1.0)),
        score("x", same(0.01), table(0.1, 0.1, 0.1), choose=left_out),
    ]
    head, rule, first, second = table_of(scores).splitlines()
    assert head.startswith("| finder | constant 300 | constant 1,200 |")
    assert rule == "|" + " --- |" * head.count(" | ") + " --- |"
    assert first == "| x | 0.417 |  |  |  |  |  | 0% | 0% | 125 |"
    assert second == "| x, factor fitted | 0.000 |  |  |  |  |  | 0% | 0% | 125 |"
