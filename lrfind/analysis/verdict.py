"""How far a suggestion can be trusted, in one word with its reason."""

from __future__ import annotations

import enum
import math

import numpy as np

from lrfind.analysis.posterior import MinimumPosterior
from lrfind.analysis.whittaker import CentredFit

DEPTH, OPEN = 3.0, 0.1
"""A descent of fewer standard deviations of the batch noise is a noisy one, where that noise leaves
the minimum open by more than so many decades (its standard deviation); and one of so many times the
ups and downs of a plateau, which go on to the right of it."""

FLAT = 1.0
"""Decades over which a curve may be near its minimum, or its minimum may lie, before it is flat."""

NEAR = 0.05
"""Share of the descent within which a rate is near the minimum."""

CLIFF = 0.2
"""Decades from the minimum to the blow-up, within which they cannot be told apart safely."""

END = 0.3
"""Decades from the end of a sweep without a blow-up, within which its minimum is not passed."""


class Verdict(enum.Enum):
    """How far a suggestion can be trusted; the value says why, and names the remedy."""

    CLEAR = "the loss fell well below its noise, turned, and left little doubt where"
    FLAT = (
        "the loss is near its minimum over more than a decade, and where exactly it is lowest is "
        "chance: verify a few rates, or raise `num_iter`"
    )
    AT_END = (
        "the loss was still falling when the sweep ended, so the minimum lies further right: "
        "raise `end_lr`"
    )
    NO_DESCENT = (
        "the loss never fell below its initial level by more than its noise, so that only the "
        "blow-up tells anything: lower `start_lr`, raise `num_iter`, use larger batches or a probe"
    )
    NOISY = (
        "the loss fell by less than three times its batch-to-batch noise or its ups and downs "
        "before, which leaves its minimum open: shuffle the data, verify the suggestion, raise "
        "`num_iter`, use larger batches or a probe"
    )
    CLIFF = (
        "the loss blows up right beside its minimum, where a small step too far ruins the "
        "training: verify the suggestion, or take a lower rate"
    )
    TOO_SHORT = "too few finite losses were recorded: raise `num_iter` or lower `start_lr`"


def judge(fit: CentredFit, posterior: MinimumPosterior) -> Verdict:
    """The verdict on the minimum of a sweep with enough losses.

    Args:
        fit: The centred fit.
        posterior: Where its minimum may lie.

    Returns:
        The first that holds of no descent, at the end, noisy, flat, cliff; else clear.
    """
    if not fit.descended:
        return Verdict.NO_DESCENT
    if posterior.blow_up is None and math.log10(posterior.lr[-1] / posterior.mean) < END:
        return Verdict.AT_END
    noisy = fit.depth < DEPTH * fit.noise and posterior.deviation > OPEN
    if noisy or fit.depth < DEPTH * fit.wander:
        return Verdict.NOISY
    if max(near_optimal(fit, posterior), width(posterior)) > FLAT:
        return Verdict.FLAT
    if posterior.blow_up is not None and math.log10(posterior.blow_up / posterior.mean) < CLIFF:
        return Verdict.CLIFF
    return Verdict.CLEAR


def near_optimal(fit: CentredFit, posterior: MinimumPosterior) -> float:
    """Decades around the lowest point over which the curve stays within 5 % of its descent."""
    lowest = int(np.argmin(fit.curve))
    far = np.flatnonzero(fit.curve > fit.curve[lowest] + NEAR * fit.depth)
    before, after = far[far < lowest], far[far > lowest]
    first = int(before[-1]) + 1 if before.size else 0
    last = int(after[0]) - 1 if after.size else fit.curve.size - 1
    return math.log10(posterior.lr[last] / posterior.lr[first])


def width(posterior: MinimumPosterior) -> float:
    """Decades between the 5 % and the 95 % quantile of the minimum."""
    total = np.cumsum(posterior.chance)
    low, high = np.searchsorted(total, [0.05, 0.95])
    return math.log10(posterior.lr[min(high, posterior.lr.size - 1)] / posterior.lr[low])
