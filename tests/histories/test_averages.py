"""The averages of other finders, written down as they write them, and undone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.analysis.smoothing import debiased_ema, ema
from lrfind.histories.averages import Average

LOSSES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60).map(np.array)
AVERAGES = st.builds(Average, st.booleans(), st.none() | st.integers(1, 500))
BETAS = st.floats(0.0, 0.99)


def seeded(losses, beta):
    kept = [losses[0]]
    for loss in losses[1:]:
        kept.append((1 - beta) * loss + beta * kept[-1])
    return kept


def of_lightning(losses, beta):
    kept, average = [], 0.0
    for global_step, loss in enumerate(losses, 1):
        average = beta * average + (1 - beta) * loss
        kept.append(average / (1 - beta ** (global_step + 1)))
    return kept


@given(losses=LOSSES, beta=BETAS)
def test_each_is_what_a_loop_gives(losses, beta):
    close = {"rtol": 1e-9, "atol": 1e-9}
    np.testing.assert_allclose(Average(seeded=True).of(losses, beta), seeded(losses, beta), **close)
    np.testing.assert_allclose(
        Average(debias=2).of(losses, beta), of_lightning(losses, beta), **close
    )
    np.testing.assert_array_equal(Average().of(losses, beta), ema(losses, beta))
    np.testing.assert_array_equal(Average(debias=1).of(losses, beta), debiased_ema(losses, beta))


@given(losses=LOSSES, average=AVERAGES, beta=BETAS)
def test_undoing_an_average_gives_its_losses(losses, average, beta):
    found = average.undone(average.of(losses, beta), beta)
    np.testing.assert_allclose(found, losses, rtol=0, atol=1e-9 * (1 + np.abs(losses).max()))


@given(kept=LOSSES, average=AVERAGES, beta=BETAS)
def test_whatever_is_taken_for_an_average_comes_back_so_that_this_proves_no_beta(
    kept, average, beta
):
    again = average.of(average.undone(kept, beta), beta)
    np.testing.assert_allclose(again, kept, rtol=0, atol=1e-9 * (1 + np.abs(kept).max()))


def test_lightning_begins_at_about_half_the_loss():
    # A constant loss of 1: the exponent is one too high.
    kept = Average(debias=2).of(np.ones(4), 0.98)
    assert kept.tolist() == pytest.approx([1 / 1.98, 0.0396 / 0.058808, 0.7575, 0.8080], rel=1e-4)
    np.testing.assert_allclose(Average(debias=2).undone(kept, 0.98), 1.0)
