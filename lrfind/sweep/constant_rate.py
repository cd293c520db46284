"""A short training run at a constant learning rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind.result.constant_run import ConstantRun
from lrfind.support.arguments import require_count, require_positive
from lrfind.sweep.recorder import Recorder
from lrfind.sweep.recording import Recording
from lrfind.sweep.stop_rules import StopRule, non_finite


def constant_rate(
    optimizer: Optimizer | Sequence[Optimizer],
    lr: float,
    num_iter: int,
    *,
    stop_rule: StopRule = non_finite,
    probe_every: int = 1,
    scaler: torch.amp.GradScaler | None = None,
    all_ranks: bool = True,
    group_scale: Sequence[float] | None = None,
) -> Recorder:
    """A recorder for a training run at a constant learning rate.

    Args:
        optimizer: One optimizer or several; parameter groups keep the ratios of their learning
            rates.
        lr: The learning rate of the group with the largest, above 0.
        num_iter: Number of steps, at least 1.
        stop_rule: Ends the run early; by default at a non-finite loss, but not at a rising one.
        probe_every: A probe loss, if there is one, is recorded every this many steps.
        scaler: The gradient scaler of the loop, if it has one.
        all_ranks: Whether the losses are averaged over the ranks of the process group.
        group_scale: Learning rate of each parameter group as a multiple of the largest; None keeps
            the ratios that the groups have.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range; the message names it.
    """
    lr = require_positive("lr", lr)
    num_iter = require_count("num_iter", num_iter, least=1)
    return Recorder(
        optimizer,
        np.full(num_iter, lr),
        stop_rule,
        name="short training",
        probe_every=probe_every,
        scaler=scaler,
        all_ranks=all_ranks,
        group_scale=group_scale,
    )


def constant_run(recording: Recording) -> ConstantRun:
    """The public record of a training run at a constant learning rate."""
    return ConstantRun(float(recording.lr[0]), recording.loss, recording.probe)
