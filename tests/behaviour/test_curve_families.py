"""What the analysis says of made-up curves of which the minimum is known."""

import math

import pytest
from curve_families import FAMILIES, NOISE, SEEDS

from lrfind import Verdict
from lrfind.analysis.curves import SweepCurves

WRONG = 0.5
"""Decades by which a `clear` minimum is wrong."""

MOST_WRONG = 0.02
"""Share of the sweeps of a family that may be `clear` and wrong."""

LEAST_CLEAR = 0.7
"""Share of the sweeps that must be `clear` in a family that deserves it."""


@pytest.mark.parametrize("name", FAMILIES)
def test_clear_is_seldom_wrong_and_given_where_it_is_deserved(name):
    family, truth = FAMILIES[name], FAMILIES[name].truth
    wrong = clear = 0
    for scale in NOISE:
        for seed in range(SEEDS):
            curves = SweepCurves(*family.sweep(scale, seed))
            if curves.verdict is Verdict.CLEAR:
                clear += 1
                error = abs(math.log10(curves.posterior.mean) - truth)
                wrong += not family.has_minimum or error > WRONG
    runs = len(NOISE) * SEEDS
    assert wrong <= (MOST_WRONG if family.has_minimum else family.mistaken) * runs
    if family.deserves:
        assert clear >= LEAST_CLEAR * runs


@pytest.mark.parametrize("name", ["flat well, 2 decades", "flat well, 3 decades", "wells alike"])
def test_more_noise_never_makes_a_flat_well_clear(name):
    for scale in (*NOISE, 0.2, 0.4):
        verdicts = [SweepCurves(*FAMILIES[name].sweep(scale, seed)).verdict for seed in range(20)]
        assert verdicts.count(Verdict.CLEAR) <= 1
