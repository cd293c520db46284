"""The verdict on a suggestion: how far it can be trusted, and why."""

from __future__ import annotations

import enum
import math

import numpy as np

from lrfind.analysis.posterior import MinimumPosterior
from lrfind.analysis.whittaker import CentredFit

DEPTH, OPEN = 3.0, 0.1
"""NOISY is a descent of less than `DEPTH` standard deviations of the batch-to-batch noise, if the
standard deviation of the minimum exceeds `OPEN` decades; or of less than `DEPTH` times the drift on
the plateau, since such drift continues beyond it."""

FLAT = 1.0
"""FLAT is a curve near its minimum, or a 90 % interval of the minimum, over more decades."""

NEAR = 0.05
"""A curve is near its minimum within this share of the descent."""

CLIFF = 0.2
"""CLIFF is a minimum fewer decades than this below the point of divergence."""

END = 0.3
"""AT_END is a minimum fewer decades than this below the end of a sweep that did not diverge."""


class Verdict(enum.Enum):
    """How far a suggestion can be trusted; the value says why, and names the remedy."""

    CLEAR = "the loss fell by more than its noise, rose again, and has a well-determined minimum"
    FLAT = (
        "the loss stays near its minimum over more than a decade, so where exactly it is lowest is "
        "down to chance: verify a few learning rates, or raise `num_iter`"
    )
    AT_END = (
        "the loss was still falling when the sweep ended, so the minimum lies at a higher learning "
        "rate: raise `end_lr`"
    )
    NO_DESCENT = (
        "the loss never fell below its initial level by more than its noise, so the only evidence "
        "is where it diverged: lower `start_lr`, raise `num_iter`, use larger batches or a probe"
    )
    NOISY = (
        "the loss fell by less than three times its batch-to-batch noise or its drift before the "
        "descent, so its minimum is uncertain: shuffle the data, verify the suggestion, raise "
        "`num_iter`, use larger batches or a probe"
    )
    CLIFF = (
        "the loss diverges just above its minimum, so a slightly higher learning rate ruins the "
        "training: verify the suggestion, or use a lower learning rate"
    )
    TOO_SHORT = "too few finite losses were recorded: raise `num_iter` or lower `start_lr`"


def judge(fit: CentredFit, posterior: MinimumPosterior) -> Verdict:
    """The verdict on the minimum of a sweep with enough losses.

    Args:
        fit: The centred fit.
        posterior: The posterior of its minimum.

    Returns:
        The first that holds of NO_DESCENT, AT_END, NOISY, FLAT and CLIFF; else CLEAR.
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
    """Decades around the minimum over which the curve stays within 5 % of the descent."""
    lowest = int(np.argmin(fit.curve))
    far = np.flatnonzero(fit.curve > fit.curve[lowest] + NEAR * fit.depth)
    before, after = far[far < lowest], far[far > lowest]
    first = int(before[-1]) + 1 if before.size else 0
    last = int(after[0]) - 1 if after.size else fit.curve.size - 1
    return math.log10(posterior.lr[last] / posterior.lr[first])


def width(posterior: MinimumPosterior) -> float:
    """Decades between the 5 % and 95 % quantiles of the minimum."""
    total = np.cumsum(posterior.chance)
    low, high = np.searchsorted(total, [0.05, 0.95])
    return math.log10(posterior.lr[min(high, posterior.lr.size - 1)] / posterior.lr[low])
