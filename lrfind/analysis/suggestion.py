"""Which learning rate to train with: the rules, and the answer they give."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from lrfind._errors import CannotTellError, require_beta, require_choice, require_positive
from lrfind._types import Array
from lrfind.analysis.curves import AVERAGES, CURVES, UNUSABLE, Flag, Minimum, SweepCurves


@dataclass(frozen=True)
class Suggestion:
    """A learning rate to train with, and where it comes from.

    Attributes:
        lr: The rate; for several parameter groups, that of the group with the largest.
        rule: Name of the rule, a key of `RULES`.
        factor: What the rate at the minimum was divided by; 1 for a rule that does not.
        curve: Name of the curve it was read from.
        beta: Beta of that curve; None for a curve that has none.
        minimum: The minimum of that curve.
        flags: What to know before using it; empty when nothing stands against it.
        group_lr: The rate for each parameter group, in the optimizer's order.
    """

    lr: float
    rule: str
    factor: float
    curve: str
    beta: float | None
    minimum: Minimum
    flags: tuple[Flag, ...]
    group_lr: tuple[float, ...]

    def one_cycle(self, groups: slice = slice(None)) -> dict[str, list[float]]:
        """The argument for `torch.optim.lr_scheduler.OneCycleLR`: one peak rate per group.

        Args:
            groups: Which groups; with several optimizers, those of the one to schedule.
        """
        return {"max_lr": list(self.group_lr[groups])}

    def to_dict(self) -> dict[str, object]:
        """The answer as plain numbers and strings, ready for JSON."""
        return {
            "lr": self.lr,
            "rule": self.rule,
            "factor": self.factor,
            "curve": self.curve,
            "beta": self.beta,
            "minimum_lr": self.minimum.lr,
            "flags": [flag.name.lower() for flag in self.flags],
            "group_lr": list(self.group_lr),
        }


@dataclass(frozen=True)
class CannotTell:
    """The answer when a sweep supports no suggestion. It is false, and asking its `lr` raises.

    Attributes:
        reason: Why, with the remedy.
        rule: Name of the rule that was asked.
        flags: The flags behind the reason.
    """

    reason: str
    rule: str
    flags: tuple[Flag, ...] = ()

    def __bool__(self) -> bool:
        return False

    @property
    def lr(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    @property
    def group_lr(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    def one_cycle(self, groups: slice = slice(None)) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise CannotTellError(f"no learning rate can be suggested: {self.reason}.")

    def to_dict(self) -> dict[str, object]:
        """The answer as plain strings, ready for JSON; it has no `lr`."""
        return {
            "cannot_tell": self.reason,
            "rule": self.rule,
            "flags": [flag.name.lower() for flag in self.flags],
        }


def minimum(lr: Array, curve: Array, lowest: int, factor: float) -> float:
    """`lr / factor` at the minimum; with factor 10, one decade below it."""
    return float(lr[lowest] / factor)


def steepest(lr: Array, curve: Array, lowest: int, factor: float) -> float:
    """Where the curve falls fastest per decade, left of its minimum.

    The slope is taken in log10 of the rate: per rate it would be amplified by 1/lr and always
    favour the smallest rates.
    """
    # producing_lr gives the first two losses one rate, and a slope needs distinct ones.
    falling = slice(1, lowest + 1)
    if lowest < 2:
        raise CannotTellError("the curve has fewer than two steps left of its minimum")
    slope = np.gradient(curve[falling], np.log10(lr[falling]))
    return float(lr[falling][np.argmin(slope)])


def valley(lr: Array, curve: Array, lowest: int, factor: float) -> float:
    """Half-way along the longest valley (the default of fastai 2, by ESRI).

    The valley is the longest strictly decreasing subsequence of the curve without its first tenth
    and last five values; taken as if contiguous, the rate is 1/3 + 1/6 of its length after its
    start, as fastai computes it.
    """
    inner = _without_ends(curve)
    lengths = _decreasing_lengths(curve[inner])
    end = int(np.argmax(lengths))
    start, third = max(0, end - lengths[end]), lengths[end] / 3
    return float(lr[inner][start + int(third) + int(third / 2)])


def slide(lr: Array, curve: Array, lowest: int, factor: float) -> float:
    """Left edge of the blow-up (fastai 2, by A. Chang of Novetta).

    From the right, the first window of 15 steps whose two ends have slopes (per step) no more than
    0.005 apart; the curve is taken without its first tenth and last five values. The threshold is
    in units of the loss, so the rule is not the same for a rescaled loss.
    """
    inner = _without_ends(curve)
    slope = np.gradient(curve[inner])
    if slope.size <= SLIDE_STEPS:
        raise CannotTellError(f"`slide` needs more than {SLIDE_STEPS} losses between the ends")
    flat = np.flatnonzero(np.abs(slope[SLIDE_STEPS:] - slope[:-SLIDE_STEPS]) <= SLIDE_THRESHOLD)
    if not flat.size:
        raise CannotTellError("`slide` finds no flat window: its threshold is in units of the loss")
    # The published loop keeps the left end of the last window that was not yet flat.
    return float(lr[inner][min(int(flat[-1]) + 1, slope.size - SLIDE_STEPS - 1)])


SLIDE_STEPS = 15
SLIDE_THRESHOLD = 0.005

RULES: dict[str, Callable[[Array, Array, int, float], float]] = {
    "minimum": minimum,
    "steepest": steepest,
    "valley": valley,
    "slide": slide,
}
"""Every rule, as a function of (lr, curve, step of the curve's minimum, factor) to a rate."""


def suggest(
    curves: SweepCurves,
    *,
    rule: str = "minimum",
    curve: str = "centred",
    beta: float = 0.98,
    factor: float = 10.0,
    group_scale: Sequence[float] = (1.0,),
) -> Suggestion | CannotTell:
    """Apply a rule to a curve of a sweep.

    Args:
        curves: The sweep.
        rule: A key of `RULES`.
        curve: One of `CURVES`.
        beta: Weight of the old value in [0, 1), used by "ema" and "debiased".
        factor: What the rule "minimum" divides by, above 0.
        group_scale: Rate of each parameter group as a multiple of the largest.

    Returns:
        A `Suggestion`, or a `CannotTell` with the reason.

    Raises:
        ValueError: An unknown rule or curve, `beta` outside [0, 1) or `factor` not above 0.
    """
    factor = check_question(rule, curve, beta, factor)
    lowest = curves.minimum(curve, beta)
    if not lowest.usable:
        reasons = [flag.value for flag in lowest.flags if flag in UNUSABLE]
        return CannotTell("; ".join(reasons), rule, lowest.flags)
    try:
        lr = RULES[rule](curves.lr, curves.curve(curve, beta), lowest.step, factor)
    except CannotTellError as error:
        return CannotTell(str(error), rule, lowest.flags)
    flags = lowest.flags + ((Flag.BELOW_START,) if lr < curves.lr[0] else ())
    return Suggestion(
        lr=lr,
        rule=rule,
        factor=factor if rule == "minimum" else 1.0,
        curve=curve,
        beta=float(beta) if curve in AVERAGES else None,
        minimum=lowest,
        flags=flags,
        group_lr=tuple(lr * scale for scale in group_scale),
    )


def check_question(rule: str, curve: str, beta: float, factor: float) -> float:
    """Refuse what `suggest` cannot be asked; the factor as a float.

    Raises:
        TypeError: `beta` or `factor` is no number.
        ValueError: An unknown rule or curve, `beta` outside [0, 1) or `factor` not above 0.
    """
    require_choice("rule", rule, RULES)
    require_choice("curve", curve, CURVES)
    require_beta(beta)
    return require_positive("factor", factor)


def _without_ends(curve: Array) -> slice:
    """The part fastai's `lr_find` hands to its rules: `[n // 10 : -5]`."""
    return slice(curve.size // 10, curve.size - 5)


def _decreasing_lengths(values: Array) -> list[int]:
    """Length of the longest strictly decreasing subsequence that ends at each value."""
    tails: list[float] = []
    lengths = []
    for value in (-values).tolist():
        place = bisect_left(tails, value)
        tails[place : place + 1] = [value]
        lengths.append(place + 1)
    return lengths
