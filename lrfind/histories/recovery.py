"""Raw losses from smoothed ones, with the checks that show where that cannot be done."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from lrfind.histories.averages import Average
from lrfind.support.arrays import Array

SAME = 1e-9
"""Largest relative difference between an average and what its losses give when smoothed again."""

ROUNDED = 0.1
"""Largest error from the digits of a record, as a share of the typical step from loss to loss."""

BELOW_ZERO = 1e-6
"""Error of a record in single precision, relative; recovered losses have it many times over."""

ALTERNATING = -0.15
"""Below this serial correlation of their differences losses are raw: so are 97 % of the benchmark's
305 sweeps, 86 % with every third loss alone, and none of their EMAs of 0.95 and 0.98."""


def recovered(kept: Array, average: Average, beta: float) -> tuple[Array, str]:
    """The losses behind an average, and what speaks against them.

    Smoothing them again gives the average back whatever the beta is, so that this tells of rounding
    and overflow only. A beta that is too high shows in losses below zero.

    Args:
        kept: Shape `(n,)`, finite.
        average: What it is an average by.
        beta: Weight of the old value, in [0, 1).

    Returns:
        Shape `(n,)`, and why they are not to be used, in a few words; empty if nothing is against.
    """
    with np.errstate(all="ignore"):
        loss = average.undone(kept, beta)
        again = average.of(loss, beta)
        scale = np.maximum.accumulate(np.abs(kept))
        same = bool(np.all(np.abs(again - kept) <= SAME * scale))
    if not same:
        return loss, "numbers too large"
    if _rounding(kept) * (1 + beta) / (1 - beta) > ROUNDED * _roughness(loss, scale[-1]):
        return loss, "rounded"
    if kept.min() > 0 and np.any(loss < -BELOW_ZERO * scale / (1 - beta)):
        return loss, f"not of beta {beta:.3g}"
    return loss, ""


def alternates(loss: Array) -> bool:
    """Whether losses go up and down from batch to batch as raw ones do, and no average does.

    By the correlation of each difference with the next, in ranks: -1/2 for independent noise, about
    0 for its EMA, and up to 1 for a loss without noise.
    """
    if loss.size < 4:
        return False
    ranks = np.argsort(np.argsort(np.diff(loss), kind="stable"), kind="stable")
    centred = ranks - ranks.mean()
    return bool(np.sum(centred[1:] * centred[:-1]) < ALTERNATING * np.sum(centred**2))


def _rounding(kept: Array) -> float:
    """Half a unit of the last decimal place that a record was written with, at the median.

    The last place in a decade is that of the number with most decimals in it, since others may end
    in zeros. With a number of significant digits it differs from decade to decade.
    """
    last: dict[int, int] = {}
    decades = []
    for written in (Decimal(repr(value)).normalize() for value in kept.tolist() if value):
        decade = written.adjusted()
        decades.append(decade)
        last[decade] = min(int(written.as_tuple().exponent), last.get(decade, decade))
    return 0.5 * 10.0 ** float(np.median([last[each] for each in decades])) if decades else 0.0


def _roughness(loss: Array, scale: float) -> float:
    """The typical distance of one loss from the next."""
    return max(float(np.median(np.abs(np.diff(loss)))), SAME * scale)
