"""How far smoothing moves the suggested rates, on sweeps where it is known."""

import json

import numpy as np
import pytest
from makers import curves_of

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.rules import RULES
from lrfind.analysis.suggestion import ask, suggest
from lrfind.comparison.compare import compare
from lrfind.comparison.rate_shifts import rate_shifts

SIZE = 801
LR = np.geomspace(1e-7, 10, SIZE)
PLACE = np.log10(LR)
CLEAN = 3 - 2 / (1 + np.exp(-(PLACE + 2.5) * 3)) + np.exp(np.minimum(PLACE * 5, 4))


def noisy(scale=0.02, seed=0):
    return SweepCurves(LR, CLEAN + scale * np.random.default_rng(seed).normal(size=SIZE))


def by_rule(curves, beta=0.98):
    return {row.rule: row for row in rate_shifts(curves, (beta,))}


def test_every_rule_has_a_row_for_every_beta_and_one_if_it_reads_no_average():
    rows = rate_shifts(noisy(), (0.5, 0.9))
    expected = [(name, beta) for name, rule in RULES.items() if rule.reads_curve
                for beta in (0.5, 0.9)]  # fmt: skip
    assert [(row.rule, row.beta) for row in rows] == [*expected, ("expected", None)]
    assert (rows[-1].decades, rows[-1].smoothing, rows[-1].error, rows[-1].noise) == (0, 0, 0, 0)


def test_without_noise_the_shift_is_all_smoothing():
    found = by_rule(SweepCurves(LR, CLEAN))
    for rule in ("minimum", "steepest"):
        assert found[rule].decades == pytest.approx(found[rule].smoothing, abs=0.02)


def test_the_rates_are_those_of_suggest_and_the_parts_add_up():
    curves = noisy()
    for name, row in by_rule(curves).items():
        if row.beta is None:
            continue
        assert row.lr == suggest(curves, ask(name, curve="debiased", beta=0.98)).lr
        assert row.centred_lr == suggest(curves, ask(name, curve="centred")).lr
        assert row.decades == pytest.approx(np.log10(row.lr / row.centred_lr))


@pytest.mark.parametrize("rule", ["minimum", "steepest"])
def test_the_shift_of_a_noisy_sweep_is_that_of_the_same_sweep_without_noise(rule):
    truth = by_rule(SweepCurves(LR, CLEAN))[rule].decades
    found = [by_rule(noisy(seed=seed))[rule] for seed in range(8)]
    bias = np.mean([row.smoothing for row in found]) - truth
    assert abs(bias) < max(0.05, np.mean([row.error for row in found]))


def test_a_rate_by_the_minimum_moves_as_the_minimum_does():
    curves = noisy()
    row = compare(curves, (0.98,)).row("debiased", 0.98)
    shift = by_rule(curves)["minimum"]
    assert shift.smoothing == pytest.approx(row.smoothing)
    assert shift.error == pytest.approx(row.error)
    assert shift.decades == pytest.approx(row.from_centred.decades)


def test_a_rule_without_a_rate_has_no_shift():
    flat = curves_of(2 + 0.1 * np.random.default_rng(0).normal(size=60))
    row = by_rule(flat)["minimum"]
    assert (row.lr, row.decades, row.noise) == (None, None, None)
    json.dumps([each.to_dict() for each in rate_shifts(flat, (0.9,))], allow_nan=False)
    assert "?" in str(compare(flat, (0.9,)))


@pytest.mark.parametrize("size", [2, 5, 8, 12])
def test_a_sweep_too_short_for_a_rule_has_no_rate_by_it(size):
    for row in rate_shifts(curves_of(np.linspace(3.0, 1.0, size)), (0.9,)):
        assert row.lr is None or size >= 10


@pytest.mark.parametrize("loss", [np.full(300, 2.0), np.array([2.0, 1.0])])
def test_without_a_minimum_there_is_no_shift(loss):
    table = compare(curves_of(loss), (0.9,))
    assert {row.smoothing for row in table.rate_shifts} == {None}
    assert {row.smoothing for row in table.rows if row.beta is not None} == {None}
