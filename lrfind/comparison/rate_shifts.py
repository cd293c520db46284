"""How far smoothing moves the learning rate that a rule suggests: the one people train with.

The rules "valley" and "slide" react to the finest wiggle of a curve, which smoothing removes and
which no fit can know: their parts are those between plausible curves, not those of a curve without
any wiggle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrfind.analysis.answers import CannotTell
from lrfind.analysis.curves import CENTRED, SweepCurves
from lrfind.analysis.estimate import Estimate, estimate
from lrfind.analysis.question import ask
from lrfind.analysis.rules import RULES, Rule, Seen
from lrfind.analysis.smoothing import SMOOTHERS, USUAL, settled
from lrfind.analysis.suggestion import suggest
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError
from lrfind.support.rates import all_decades_between, decades_between


@dataclass(frozen=True)
class RateShift:
    """The suggested learning rate on the debiased EMA, against that of the same rule without it.

    Attributes:
        rule: Name of the rule; "minimum" divides by ten.
        beta: Beta of the average; None for a rule that reads none.
        lr: The rate that the rule suggests on the average; None if it has none.
        centred_lr: The rate that it suggests on the centred curve, likewise.
        smoothing: Decades by which the smoothing moves the rate; 0 for a rule that reads no
            average, None if it cannot be told.
        error: Standard error of `smoothing`.
    """

    rule: str
    beta: float | None
    lr: float | None
    centred_lr: float | None
    smoothing: float | None
    error: float | None

    @property
    def decades(self) -> float | None:
        """How far `lr` lies above `centred_lr`, in decades."""
        if self.lr is None or self.centred_lr is None:
            return None
        return decades_between(self.centred_lr, self.lr)

    @property
    def noise(self) -> float | None:
        """Noise and fit error: the part of `decades` that `smoothing` does not explain."""
        whole = self.decades
        return None if whole is None or self.smoothing is None else whole - self.smoothing

    def to_dict(self) -> dict[str, object]:
        """The row as plain numbers and strings, ready for JSON."""
        return vars(self) | {"decades": self.decades, "noise": self.noise}


def rate_shifts(curves: SweepCurves, betas: Sequence[float]) -> tuple[RateShift, ...]:
    """How far each beta moves the rate of each rule.

    Args:
        curves: The sweep.
        betas: The betas, each in [0, 1).

    Returns:
        The rules that read a curve, each with every beta; then those that read none.
    """
    rows = []
    for name, rule in RULES.items():
        if rule.reads_curve:
            without = _rates(curves, rule, None)
            rows += [_row(curves, name, beta, without) for beta in betas]
    for name, rule in RULES.items():
        if not rule.reads_curve:
            lr = _suggested(curves, name)
            moved = None if lr is None else 0.0
            rows.append(RateShift(name, None, lr, lr, moved, moved))
    return tuple(rows)


def _row(curves: SweepCurves, name: str, beta: float, without: Array) -> RateShift:
    moved: Estimate | None = None
    if not curves.sweep_flags:
        smoothed = _rates(curves, RULES[name], beta)
        moved = estimate(all_decades_between(without, smoothed), curves.resolution)
    return RateShift(
        name,
        beta,
        _suggested(curves, name, curve=USUAL, beta=beta),
        _suggested(curves, name, curve=CENTRED),
        moved and moved.decades,
        moved and moved.error,
    )


def _suggested(curves: SweepCurves, name: str, **question: object) -> float | None:
    answer = suggest(curves, ask(name, **question))  # type: ignore[arg-type]
    return None if isinstance(answer, CannotTell) else answer.lr


def _rates(curves: SweepCurves, rule: Rule, beta: float | None) -> Array:
    """The rate by a rule on each plausible curve, smoothed or not; NaN where it finds none."""
    drawn, start = curves.plausible, 0
    if beta is not None:
        start = settled(USUAL, curves.fit.curve, beta)
        drawn = SMOOTHERS[USUAL].average(drawn, beta)
    lowest = start + np.argmin(drawn[:, start:], axis=1)
    first = start if rule.skips_start else 0
    return np.array(
        [
            _rate(rule, Seen(curves.lr[first:], curve[first:], int(step) - first, math.nan))
            for curve, step in zip(drawn, lowest, strict=True)
        ]
    )


def _rate(rule: Rule, seen: Seen) -> float:
    try:
        return rule.rate(seen)
    except CannotTellError:
        return math.nan
