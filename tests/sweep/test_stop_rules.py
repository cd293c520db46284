"""When a run ends: a stop rule is asked once with every loss, in order."""

import math

import numpy as np
import pytest
import torch

from lrfind import StopReason
from lrfind.sweep.recorder import Recorder
from lrfind.sweep.stop_rules import divergence, never, non_finite

BAD = [math.nan, math.inf, -math.inf]


def record(losses, stop_rule, num_iter=None):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    recorder = Recorder(optimizer, np.full(num_iter or len(losses), 0.1), stop_rule, name="a run")
    with recorder:
        for loss in losses:
            if not recorder.record(loss):
                break
    return recorder.recording()


@pytest.mark.parametrize("bad", BAD)
def test_a_non_finite_loss_ends_a_run_and_is_its_last(bad):
    for rule in (non_finite, divergence(4.0, 9), divergence(None, 9)):
        seen = record([3.0, 2.0, bad, 1.0], rule)
        np.testing.assert_array_equal(seen.loss, [3.0, 2.0, bad])
        assert seen.stop_reason is StopReason.NON_FINITE


@pytest.mark.parametrize("bad", BAD)
def test_a_run_that_never_stops_makes_all_its_steps(bad):
    seen = record([3.0, bad, 1e30, 1.0], never)
    assert (seen.loss.size, seen.stop_reason) == (4, StopReason.COMPLETED)


def test_only_divergence_minds_a_loss_that_rises():
    losses = [3.0] * 10 + [1.0] * 5 + [100.0] * 10
    seen = record(losses, divergence(4.0, len(losses)))
    assert (seen.loss.size, seen.stop_reason) == (18, StopReason.DIVERGED)
    for rule in (divergence(None, len(losses)), non_finite):
        assert record(losses, rule).stop_reason is StopReason.COMPLETED


def test_any_callable_is_a_rule():
    def below_two(loss):
        return StopReason.UNFINISHED if loss < 2 else None

    seen = record([3.0, 2.0, 1.0, 0.0], below_two, num_iter=9)
    assert seen.loss.tolist() == [3.0, 2.0, 1.0]
    assert seen.lr.size == 9
    assert seen.stop_reason is StopReason.UNFINISHED
