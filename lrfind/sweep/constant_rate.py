"""A short training at one rate."""

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
) -> Recorder:
    """What records a training at one rate.

    Args:
        optimizer: One optimizer or several; parameter groups keep the ratios of their rates.
        lr: The largest of their rates, above 0.
        num_iter: Number of steps, at least 1.
        stop_rule: What ends it early; by default a loss that is not finite, and no rising one.
        probe_every: After how many steps each a probe loss is given, if any is.
        scaler: The gradient scaler of the loop, if it has one.
        all_ranks: Whether the losses are averaged over the ranks of the process group.

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
    )


def constant_run(recording: Recording) -> ConstantRun:
    """The public record of a training at one rate."""
    return ConstantRun(float(recording.lr[0]), recording.loss, recording.probe)
