"""The record of a short training run at a constant learning rate, to compare a sweep with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lrfind.support.arrays import Array
from lrfind.support.records import freeze, same_fields


@dataclass(frozen=True, eq=False)
class ConstantRun:
    """A short training run at a constant learning rate, on a sweep's initial state and batches.

    Attributes:
        lr: The learning rate; with several parameter groups, that of the group with the largest.
        loss: Shape `(n,)`, float64, read-only: the raw mini-batch loss before each step. A
            non-finite loss ends the run, so only the last may be non-finite.
        probe: Shape `(n,)`: the loss on the probe batch after each step; empty without a probe.
    """

    lr: float
    loss: Array
    probe: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        freeze(self, "loss", "probe")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConstantRun):
            return NotImplemented
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]
