"""Suggestions of a sweep and its sub-sweeps for one question, and their spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrfind.analysis.smoothing import label_of

STRIDES = (2, 3)
"""The strides of the sub-sweeps: every 2nd and every 3rd loss."""


@dataclass(frozen=True)
class Scatter:
    """The spread of several learning rates.

    Attributes:
        largest: Distance from the lowest to the highest, in decades.
        deviation: Standard deviation, in decades.
        count: Number of learning rates, at least 1.
    """

    largest: float
    deviation: float
    count: int


@dataclass(frozen=True)
class Reading:
    """The suggestion of one sub-sweep for one question.

    Attributes:
        stride: 1 for the whole sweep; k for every k-th loss.
        phase: Index of the first loss of the sub-sweep, 0 to `stride` - 1.
        lr: The suggested learning rate; None if there is none.
        reason: Why there is none; empty if there is one.
    """

    stride: int
    phase: int
    lr: float | None
    reason: str = ""


@dataclass(frozen=True)
class SensitivityRow:
    """The suggestions for one question, from the whole sweep and from every sub-sweep.

    Attributes:
        rule: Name of the rule.
        schedule: LR schedule, for a calibrated rule; None if not known, and for other rules.
        curve: The curve the rule was applied to; None for a rule that uses the whole sweep.
        beta: Beta of that curve; None for a curve without one.
        readings: The whole sweep first, then the sub-sweeps.
    """

    rule: str
    schedule: str | None
    curve: str | None
    beta: float | None
    readings: tuple[Reading, ...]

    @property
    def lr(self) -> float | None:
        """The suggestion of the whole sweep; None if there is none."""
        return self.readings[0].lr

    @property
    def reason(self) -> str:
        """Why the whole sweep has no suggestion; empty if it has one."""
        return self.readings[0].reason

    @property
    def label(self) -> str:
        """The question for display, such as `minimum, debiased EMA 0.98`."""
        of = self.schedule if self.curve is None else label_of(self.curve, self.beta)
        return f"{self.rule}, {of}" if of else self.rule

    @property
    def sub_sweeps(self) -> tuple[Reading, ...]:
        """The suggestions of the sub-sweeps."""
        return self.readings[1:]

    @property
    def over_sub_sweeps(self) -> Scatter | None:
        """The spread over the sweep and its sub-sweeps; None for fewer than two suggestions."""
        rates = [each.lr for each in self.readings]
        return scatter(rates) if sum(rate is not None for rate in rates) > 1 else None


def scatter(rates: Sequence[float | None]) -> Scatter | None:
    """The spread of learning rates, ignoring None; None if there are none."""
    logs = np.log10([rate for rate in rates if rate is not None])
    if not logs.size:
        return None
    return Scatter(float(np.ptp(logs)), float(np.std(logs)), logs.size)
