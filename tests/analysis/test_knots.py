"""Long sweeps: the same answers from a few thousand knots as from every step."""

import math

import numpy as np
import pytest

from lrfind.analysis import knots
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.knots import MOST_KNOTS, Knots
from lrfind.analysis.suggestion import suggest
from lrfind.analysis.whittaker import fit_centred

SIZES = [MOST_KNOTS + 1, 2 * MOST_KNOTS, 2 * MOST_KNOTS + 1, 25 * MOST_KNOTS - 7]


def sweep(size, noise, seed=0, depth=2.0, low=-2.0):
    """A plateau, a descent and a blow-up, under noise."""
    decades = np.linspace(-7, 1, size)
    loss = 2.3 - depth / (1 + np.exp(-4 * (decades - low))) + np.exp(np.minimum(6 * decades, 20))
    return 10**decades, loss + noise * np.random.default_rng(seed).normal(size=size)


@pytest.mark.parametrize("size", [1, 2, 2000, MOST_KNOTS])
def test_a_sweep_of_up_to_so_many_steps_has_a_knot_at_each(size):
    values = np.random.default_rng(0).normal(size=size)
    every = Knots(size)
    assert every.steps.tolist() == list(range(size))
    assert every.means(values) is values
    assert every.at_steps(values) is values
    assert every.correlation(0.3) == 0.3


@pytest.mark.parametrize("size", SIZES)
def test_every_step_belongs_to_one_knot(size):
    few = Knots(size)
    held = few.holding(np.arange(size))
    assert MOST_KNOTS / 2 <= few.count <= MOST_KNOTS
    assert np.array_equal(np.unique(held), np.arange(few.count))
    assert np.array_equal(held[few.steps], np.arange(few.count))
    values = np.random.default_rng(0).normal(size=size)
    means = np.bincount(held, values) / np.bincount(held)
    np.testing.assert_allclose(few.means(values), means, atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
def test_a_straight_line_survives_the_way_there_and_back(size):
    line = 3.0 - 0.01 * np.arange(size)
    few = Knots(size)
    np.testing.assert_allclose(few.at_steps(few.means(line)), line, atol=1e-9 * size)


def test_the_correlation_of_means_is_that_of_their_covariance():
    size, single = 5 * MOST_KNOTS, 0.6
    cov = single ** np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    exact = cov[:5, 5:].sum() / cov[:5, :5].sum()
    assert Knots(size).correlation(single) == pytest.approx(exact, rel=1e-12)


def test_plausible_curves_have_the_spread_of_the_fit_and_end_in_the_losses():
    _, loss = sweep(3 * MOST_KNOTS, 0.1)
    curves = SweepCurves(*sweep(3 * MOST_KNOTS, 0.1))
    drawn, diverges = curves.plausible, np.isnan(curves.fit.smooth)
    assert drawn.shape == (64, loss.size)
    assert diverges.any()
    assert (drawn[:, diverges] == loss[diverges]).all()
    spread = drawn[:, : loss.size // 2].std(axis=0).mean()
    assert 0 < spread < 0.1 / 3


@pytest.mark.parametrize(
    ("size", "noise", "depth", "low"),
    [(5000, 0.0, 2, -2), (5000, 0.1, 2, -2), (10_000, 0.3, 2, -3), (20_000, 0.05, 0.5, -2.5)],
)
def test_the_answer_is_that_of_every_step(size, noise, depth, low, monkeypatch):
    lr, loss = sweep(size, noise, seed=size, depth=depth, low=low)
    # Both are means over random draws; with many, their own scatter does not count.
    monkeypatch.setattr("lrfind.analysis.posterior.DRAWS", 2000)
    short = SweepCurves(lr, loss)
    answers = [suggest(short)]
    monkeypatch.setattr(knots, "MOST_KNOTS", size)
    full = SweepCurves(lr, loss)
    answers.append(suggest(full))
    assert short.fit.factor.shape[1] < full.fit.factor.shape[1] == size
    assert answers[0].verdict == answers[1].verdict
    assert abs(math.log10(answers[0].lr / answers[1].lr)) < 0.01
    for ends in zip(answers[0].interval, answers[1].interval, strict=True):
        assert abs(math.log10(ends[0] / ends[1])) < 0.01


def test_a_long_fall_ends_at_the_last_step():
    falling = np.linspace(2, 1, 3 * MOST_KNOTS)
    assert fit_centred(falling).curve.argmin() == falling.size - 1
