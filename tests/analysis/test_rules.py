"""Each rule against the definition that was published, or one that is independent of it."""

import numpy as np
import pytest
from makers import curves_of, typical_loss

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.question import ask
from lrfind.analysis.suggestion import suggest as answer_to

LR = np.geomspace(1e-7, 10, 100)


def suggest(curves, *, group_scale=(1.0,), **question):
    return answer_to(curves, ask(**question), group_scale=group_scale)


def longest_valley(curve):
    """The published definition of `valley`, by the O(n**2) recurrence."""
    lengths = np.ones(curve.size, dtype=int)
    for i in range(curve.size):
        for j in range(i):
            if curve[i] < curve[j]:
                lengths[i] = max(lengths[i], lengths[j] + 1)
    end = int(lengths.argmax())
    third = lengths[end] / 3
    return max(0, end - lengths[end]) + int(third) + int(third / 2)


def walked_slide(curve):
    """The published definition of `slide`, walking left step by step."""
    slope, right = np.gradient(curve), curve.size - 1
    left = right - 15
    chosen = left
    while left >= 0 and abs(slope[right] - slope[left]) > 0.005:
        chosen, right, left = left, right - 1, left - 1
    return chosen


@pytest.mark.parametrize("size", [60, 100, 300])
@pytest.mark.parametrize("seed", range(5))
def test_valley_and_slide_are_the_published_rules(size, seed):
    curves = curves_of(typical_loss(seed, noise=0.1, size=size))
    inner = slice(size // 10, size - 5)
    loss = curves.curve("debiased")[inner]
    valley = suggest(curves, rule="valley", curve="debiased")
    slide = suggest(curves, rule="slide", curve="debiased")
    assert valley.lr == curves.lr[inner][longest_valley(loss)]
    assert slide.lr == curves.lr[inner][walked_slide(loss)]


def test_steepest_passes_over_the_start_of_an_average():
    # There the debiased EMA is the mean of a few losses, and falls fastest by chance.
    for seed in range(20):
        answer = suggest(curves_of(typical_loss(seed, 0.3, 300)), rule="steepest", curve="debiased")
        assert answer.lr > 1e-4


def test_steepest_is_the_steepest_per_decade():
    # Slope of 1/(1+exp(-k(u-u0))) is steepest at u0, here at step 60; per rate it would not be.
    loss = 3 - 2 / (1 + np.exp(-(np.arange(100) - 60) / 4))
    loss[80:] += np.arange(20)
    answer = suggest(curves_of(loss), rule="steepest", curve="raw")
    assert answer.lr == pytest.approx(LR[60], rel=0.25)


def test_steepest_is_per_decade_on_a_linear_sweep_too():
    lr = np.linspace(0.01, 2, 200)
    loss = 3 - 2 / (1 + np.exp(-8 * np.log10(lr / 0.2))) + (lr > 1.5) * 5 * (lr - 1.5)
    answer = suggest(SweepCurves(lr, loss), rule="steepest", curve="raw")
    assert answer.lr == pytest.approx(0.2, rel=0.1)


def test_steepest_looks_only_left_of_the_minimum():
    loss = typical_loss(noise=0)
    loss[-1] = -50.0 + loss[-2]  # a fall after the explosion, but not below the minimum
    loss[-1] = max(loss[-1], loss[:80].min() + 0.1)
    answer = suggest(curves_of(loss), rule="steepest", curve="raw")
    assert answer.lr < answer.minimum.lr


def test_slide_without_a_flat_window_cannot_tell():
    answer = suggest(curves_of(1000 * typical_loss()), rule="slide", curve="debiased")
    assert not answer
    assert "units of the loss" in answer.reason
