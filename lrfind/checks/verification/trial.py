"""One short training run, and the loss that it is heading for."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lrfind.result.constant_run import ConstantRun

CARRIED_ON = 2.0
"""The loss decrease of a trial's second half is extrapolated over this many further halves."""


@dataclass(frozen=True)
class Trial:
    """One short training run, and the loss it reached.

    Attributes:
        run: The record of the run.
        halfway: Loss on the score batches half-way.
        end: The same at the end.
    """

    run: ConstantRun
    halfway: float
    end: float

    @property
    def finite(self) -> bool:
        """Whether the loss stayed finite; otherwise the trial counts as diverged."""
        return math.isfinite(self.halfway) and math.isfinite(self.end)

    def heading(self, *, straight: bool = False) -> float:
        """The extrapolated loss: `end * (end / halfway) ** 2` if it decreases, else `end`.

        Args:
            straight: Extrapolate along a straight line instead, `end + 2 * (end - halfway)`: for
                losses of 0 or below, where a ratio is meaningless.
        """
        if not self.finite:
            return math.inf
        fall = min(self.end - self.halfway, 0.0)
        if straight or not fall:
            return self.end + CARRIED_ON * fall
        return float(self.end * (1 + fall / self.halfway) ** CARRIED_ON)
