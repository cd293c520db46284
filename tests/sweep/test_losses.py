"""Losses are looked at in order, until one of them ends the run."""

import math

import torch

from lrfind.result.settings import StopReason
from lrfind.sweep.losses import Losses
from lrfind.sweep.stop_rules import never, non_finite


def test_a_run_is_completed_by_its_last_loss():
    losses = Losses(never, 3, 1)
    for loss in (1.0, torch.tensor(2.0)):
        losses.put(loss)
        assert losses.stop_reason is None
    losses.put(math.nan)
    assert losses.known[:2] == [1.0, 2.0]
    assert losses.stop_reason is StopReason.COMPLETED


def test_the_rule_ends_it_before():
    losses = Losses(non_finite, 3, 1)
    losses.put(1.0)
    losses.look_at(math.inf)
    assert losses.stop_reason is StopReason.NON_FINITE
    losses.wait()
    assert losses.known == [1.0, math.inf]
