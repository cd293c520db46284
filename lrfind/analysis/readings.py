"""What one question gives on a sweep and on its parts, and how far such rates lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrfind.analysis.curves import label_of

STRIDES = (2, 3)
"""Of the sub-sweeps: every 2nd and every 3rd loss."""


@dataclass(frozen=True)
class Scatter:
    """How far some rates lie apart.

    Attributes:
        largest: Distance from the lowest to the highest, in decades.
        deviation: Their standard deviation in log10, in decades.
        count: How many there are, at least 1.
    """

    largest: float
    deviation: float
    count: int


@dataclass(frozen=True)
class Reading:
    """The answer to one question from one part of the record.

    Attributes:
        stride: 1 for the whole sweep; k for every k-th loss.
        phase: The first loss of the sub-sweep, 0 to `stride` - 1.
        lr: The suggested rate; None if there is none.
        reason: Why there is none; empty if there is one.
    """

    stride: int
    phase: int
    lr: float | None
    reason: str = ""


@dataclass(frozen=True)
class SensitivityRow:
    """One question, asked of the whole sweep and of every sub-sweep.

    Attributes:
        rule: Name of the rule.
        schedule: LR schedule asked for, for a calibrated rule; None if not known, or for another.
        curve: The curve that was read; None for a rule that weighs the whole sweep.
        beta: Beta of that curve; None for a curve that has none.
        readings: The whole sweep first, then the sub-sweeps.
    """

    rule: str
    schedule: str | None
    curve: str | None
    beta: float | None
    readings: tuple[Reading, ...]

    @property
    def lr(self) -> float | None:
        """The rate from the whole sweep; None if it gives none."""
        return self.readings[0].lr

    @property
    def reason(self) -> str:
        """Why the whole sweep gives none; empty if it does."""
        return self.readings[0].reason

    @property
    def label(self) -> str:
        """The question as a person reads it, such as `minimum, debiased EMA 0.98`."""
        of = self.schedule if self.curve is None else label_of(self.curve, self.beta)
        return f"{self.rule}, {of}" if of else self.rule

    @property
    def sub_sweeps(self) -> tuple[Reading, ...]:
        """The readings from the sub-sweeps."""
        return self.readings[1:]

    @property
    def over_sub_sweeps(self) -> Scatter | None:
        """How far the rates of the sweep and its sub-sweeps lie apart; None without two of them."""
        rates = [each.lr for each in self.readings]
        return scatter(rates) if sum(rate is not None for rate in rates) > 1 else None


def scatter(rates: Sequence[float | None]) -> Scatter | None:
    """How far rates lie apart; None if there are none. Those that are None are left out."""
    logs = np.log10([rate for rate in rates if rate is not None])
    if not logs.size:
        return None
    return Scatter(float(np.ptp(logs)), float(np.std(logs)), logs.size)
