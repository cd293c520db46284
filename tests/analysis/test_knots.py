import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.analysis import knots, posterior
from lrfind.analysis.banded import precision_times
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.knots import (
    MOST_KNOTS,
    between_knots,
    block_means,
    block_starts,
    block_sums,
    knot_noise,
    lengths,
    middles,
)
from lrfind.analysis.smoother import smoother
from lrfind.analysis.suggestion import suggest


def sweep(size, shape, noise, correlation=0.0):
    """A sweep of 8 decades with AR(1) noise."""
    place = np.linspace(-7, 1, size)
    wall = np.exp(np.minimum(6 * place, 20))
    loss = {
        "sigmoid": 2.3 - 2 / (1 + np.exp(-4 * (place + 2))) + wall,
        "kink": np.abs(place + 2) + wall,
        "parabola": 0.1 * (place + 2.5) ** 2,
    }[shape]
    each = np.random.default_rng(0).normal(size=size) * math.sqrt(1 - correlation**2)
    for step in range(1, size):
        each[step] += correlation * each[step - 1]
    return SweepCurves(10**place, loss + noise * each)


@pytest.mark.parametrize(
    ("size", "shape", "noise", "correlation"),
    [
        (3000, "sigmoid", 0.01, 0.0),
        (3000, "kink", 0.3, 0.0),
        (3000, "parabola", 0.01, 0.0),
        (8000, "sigmoid", 0.05, 0.0),
        (8000, "kink", 0.1, 0.6),
        (20_000, "kink", 0.05, 0.0),
        (20_000, "sigmoid", 0.05, 0.0),
    ],
)
def test_the_answer_is_that_of_the_full_computation(monkeypatch, size, shape, noise, correlation):
    # With 400 draws each, chance alone parts the two by a tenth of a standard deviation at most.
    short = sweep(size, shape, noise, correlation)
    assert short.fit.starts.size <= MOST_KNOTS
    assert suggest(short)
    monkeypatch.setattr(knots, "MOST_KNOTS", size)
    full = sweep(size, shape, noise, correlation)
    assert full.fit.starts is None
    assert suggest(short).verdict is suggest(full).verdict
    assert math.log10(suggest(short).lr / suggest(full).lr) == pytest.approx(0, abs=0.01)
    for one, other in zip(suggest(short).interval, suggest(full).interval, strict=True):
        assert math.log10(one / other) == pytest.approx(0, abs=0.02)
    np.testing.assert_allclose(short.fit.significance, full.fit.significance, rtol=0.05)
    assert short.resolution == pytest.approx(full.resolution, rel=0.3)
    assert short.plausible.shape == full.plausible.shape


@pytest.mark.parametrize(("noise", "correlation"), [(0.3, 0.0), (0.1, 0.6)])
def test_so_it_is_under_noise_with_enough_draws(monkeypatch, noise, correlation):
    monkeypatch.setattr(posterior, "DRAWS", 4000)
    short = sweep(3000, "sigmoid", noise, correlation).posterior
    monkeypatch.setattr(knots, "MOST_KNOTS", 3000)
    full = sweep(3000, "sigmoid", noise, correlation).posterior
    assert math.log10(short.mean / full.mean) == pytest.approx(0, abs=0.01)
    assert short.deviation == pytest.approx(full.deviation, rel=0.05)


@given(st.integers(MOST_KNOTS + 1, 10**7))
def test_blocks_are_of_equal_length_or_one_step_more(size):
    starts = block_starts(size)
    assert MOST_KNOTS / 2 <= starts.size <= MOST_KNOTS
    shortest = size // starts.size
    assert set(lengths(starts, size).tolist()) <= {shortest, shortest + 1}
    assert np.all(starts <= middles(starts, size))


@given(st.integers(1, MOST_KNOTS))
def test_a_sweep_that_is_not_long_has_no_blocks(size):
    assert block_starts(size) is None
    assert block_sums(np.arange(size), None).tolist() == list(range(size))


def test_means_of_blocks_lie_on_a_line_as_their_losses_do():
    line, starts = np.arange(9.0), np.array([0, 3, 6])
    assert block_means(line, starts).tolist() == [1, 4, 7] == middles(starts, 9).tolist()
    assert block_sums(line, starts).tolist() == [3, 12, 21]
    assert between_knots(np.array([1.0, 4, 7]), starts, 9)[1:8].tolist() == line[1:8].tolist()


@given(st.integers(1, 8), st.floats(0, 0.9))
def test_the_precision_of_means_is_that_of_curves_that_are_constant_in_each_block(
    length, correlation
):
    spread = np.kron(np.eye(6), np.ones((length, 1)))
    rows = [precision_times(column, correlation) for column in spread.T.copy()]
    wanted = spread.T @ np.array(rows).T
    weight, beside = knot_noise(length, correlation)
    found = weight * np.array([precision_times(row, beside) for row in np.eye(6)])
    np.testing.assert_allclose(found[1:-1], wanted[1:-1], rtol=1e-6, atol=1e-9)


def test_in_the_longest_sweeps_the_means_of_blocks_are_the_curve():
    # A block of theirs is longer than the stiffest smoother rounds off.
    values = np.repeat([1.0, 0.0, 2.0], 1_400_000)
    size = values.size
    starts = block_starts(size)
    found = smoother(values)
    means = between_knots(block_means(values, starts), starts, size)
    np.testing.assert_allclose(found.curve, means, atol=0.01)
