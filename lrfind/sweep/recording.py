"""The record of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lrfind.result.settings import StopReason
from lrfind.support.arrays import Array


@dataclass(frozen=True, eq=False)
class Recording:
    """What one run recorded, up to the loss that ended it.

    Attributes:
        lr: Shape `(num_iter,)`: planned learning rate of each step, including those not made.
        loss: Shape `(n,)`, float64: the raw mini-batch loss before each step.
        probe: Shape `(n,)`: the probe loss after each step, NaN where it was not evaluated; empty
            without a probe.
        metric: The same for the metric.
        tasks: The loss of each task, shape `(n,)`, NaN where the task is missing from a step.
        skipped: How many steps the gradient scaler skipped before each recorded step, and after
            the last if there were any; empty without a scaler.
        group_scale: Learning rate of each parameter group as a multiple of `lr`.
        seed: torch's initial seed when the run began.
        stop_reason: Why the run ended.
    """

    lr: Array
    loss: Array
    probe: Array
    metric: Array
    tasks: Mapping[str, Array]
    skipped: tuple[int, ...]
    group_scale: tuple[float, ...]
    seed: int
    stop_reason: StopReason
