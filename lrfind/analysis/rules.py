"""The rules that read a learning rate off a curve; each is a function, and one table names them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable

import numpy as np

from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError


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
"""Every rule on one curve, as a function of (lr, curve, step of its minimum, factor) to a rate."""


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
