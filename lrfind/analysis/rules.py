"""The rules that read a learning rate off a sweep: one function each, listed in `RULES`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError


class Seen(NamedTuple):
    """The input of a rule."""

    lr: Array
    """Shape `(n,)`: learning rate of the last update before each loss."""
    curve: Array
    """Shape `(n,)`: the curve to apply the rule to."""
    lowest: int
    """Step of its minimum."""
    expected: float
    """The expected minimum of the sweep, as a learning rate."""


class Rule(NamedTuple):
    """A rule and its properties."""

    rate: Callable[[Seen], float]
    """Returns the learning rate; raises `CannotTellError` if there is none on this curve."""
    reads_curve: bool = True
    """Whether it uses one curve, rather than the whole sweep."""
    uses_factor: bool = False
    """Whether it returns a minimum, to be divided by a factor."""
    calibrated: bool = False
    """Whether its factor and its interval were calibrated, for each schedule."""
    reads_raw: bool = False
    """Whether it can be applied to raw losses; a slope of raw losses would be noise."""
    skips_start: bool = False
    """Whether to leave out the first values of an average, which vary most."""


def expected(seen: Seen) -> float:
    """The expected minimum, estimated from the whole sweep."""
    return seen.expected


def minimum(seen: Seen) -> float:
    """The learning rate at the minimum of a curve."""
    return float(seen.lr[seen.lowest])


def steepest(seen: Seen) -> float:
    """Where the curve falls fastest per decade, left of its minimum.

    The slope is taken with respect to log10 of the learning rate; with respect to the learning rate
    itself it would carry a factor 1/lr and always favour the smallest values.
    """
    # The first two losses share a learning rate (see `producing_lr`); a slope needs distinct ones.
    falling = slice(1, seen.lowest + 1)
    if seen.lowest < 2:
        raise CannotTellError("the curve has fewer than two steps left of its minimum")
    place = np.log10(seen.lr[falling])
    if not np.diff(place).all():
        raise CannotTellError("the learning rates differ by less than their logarithms can tell")
    slope = np.gradient(seen.curve[falling], place)
    return float(seen.lr[falling][np.argmin(slope)])


def valley(seen: Seen) -> float:
    """Half-way along the longest valley (the default of fastai 2, by ESRI).

    The valley is the longest strictly decreasing subsequence of the curve without its first tenth
    and last five values. As in fastai it is treated as contiguous, and the result lies 1/3 + 1/6 of
    its length after its start.
    """
    inner = _without_ends(seen.curve)
    if not seen.curve[inner].size:
        raise CannotTellError("`valley` needs losses between the ends")
    lengths = _decreasing_lengths(seen.curve[inner])
    end = int(np.argmax(lengths))
    start, third = max(0, end - lengths[end]), lengths[end] / 3
    return float(seen.lr[inner][start + int(third) + int(third / 2)])


def slide(seen: Seen) -> float:
    """Just below the point where the loss diverges (fastai 2, by A. Chang of Novetta).

    From the right, the first window of 15 steps whose two ends have slopes (per step) no more than
    0.005 apart, on the curve without its first tenth and last five values. The threshold is in
    units of the loss, so the result changes if the loss is rescaled.
    """
    inner = _without_ends(seen.curve)
    if seen.curve[inner].size <= SLIDE_STEPS:
        raise CannotTellError(f"`slide` needs more than {SLIDE_STEPS} losses between the ends")
    slope = np.gradient(seen.curve[inner])
    flat = np.flatnonzero(np.abs(slope[SLIDE_STEPS:] - slope[:-SLIDE_STEPS]) <= SLIDE_THRESHOLD)
    if not flat.size:
        raise CannotTellError("`slide` finds no flat window: its threshold is in units of the loss")
    # The published loop keeps the left end of the last window that was not yet flat.
    return float(seen.lr[inner][min(int(flat[-1]) + 1, slope.size - SLIDE_STEPS - 1)])


SLIDE_STEPS = 15
SLIDE_THRESHOLD = 0.005

RULES: dict[str, Rule] = {
    "expected": Rule(expected, reads_curve=False, uses_factor=True, calibrated=True),
    "minimum": Rule(minimum, uses_factor=True, reads_raw=True),
    "steepest": Rule(steepest, skips_start=True),
    "valley": Rule(valley),
    "slide": Rule(slide),
}
"""Every rule, by the name that `rule` takes."""

DEFAULT, OF_A_CURVE = "expected", "minimum"
"""The default rules: without and with a `curve`."""


def _without_ends(curve: Array) -> slice:
    """The part that fastai's `lr_find` passes to its rules: `[n // 10 : -5]`."""
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
