"""The components of an interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot


@dataclass(frozen=True)
class Uncertainty:
    """The standard deviations that make up an interval, in decades.

    Attributes:
        within: Of the minimum within this sweep, due to noise.
        between: Of the minimum between runs, over seeds and data orders.
        transfer: Of the best learning rate around where it is expected, between tasks.
    """

    within: float
    between: float
    transfer: float

    @property
    def total(self) -> float:
        """Standard deviation of the three together."""
        return hypot(self.within, self.between, self.transfer)
