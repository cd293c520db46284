"""What one run recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lrfind.result.settings import StopReason
from lrfind.support.arrays import Array


@dataclass(frozen=True, eq=False)
class Recording:
    """The curves of one run up to the loss that ended it, and how it came about.

    Attributes:
        lr: Shape `(num_iter,)`: the planned rate of each step, also of those that were not made.
        loss: Shape `(n,)`, float64: the raw mini-batch loss before each step.
        probe: Shape `(n,)`: the probe loss after each step, NaN where it was not evaluated; empty
            without a probe.
        metric: The same for the metric.
        tasks: The loss of each task, shape `(n,)`, NaN where a step has none.
        skipped: How many steps the gradient scaler skipped before each recorded step, and after
            the last if there were any; empty without a scaler.
        group_scale: Rate of each parameter group as a multiple of `lr`.
        seed: torch's initial seed when the run began.
        stop_reason: Why it ended.
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
