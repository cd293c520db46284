"""The verdict on a suggestion: how far it can be trusted, and why."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from lrfind.analysis.posterior import MinimumPosterior
from lrfind.analysis.whittaker import SURE, CentredFit
from lrfind.support.names import NamedEnum
from lrfind.support.rates import all_decades_between, decades_between, middle_rate
from lrfind.support.text import rate

DEPTH, OPEN, SHALLOW = 3.0, 0.1, 1.5
"""NOISY is a descent of less than `SHALLOW` standard deviations of the batch-to-batch noise; of
less than `DEPTH` if the standard deviation of the minimum exceeds `OPEN` decades; or of less than
`DEPTH` times the drift on the plateau, since such drift continues beyond it."""

FLAT = 1.2
"""FLAT is a curve near its minimum, or a 90 % interval of the minimum, over more decades."""

NEAR = 0.05
"""A curve is near its minimum if it is higher by at most this share of the descent and one standard
error of the difference."""

CLIFF = 0.2
"""CLIFF is a minimum fewer decades than this below the point of divergence."""

EDGE = 0.3
"""AT_START and AT_END are a minimum fewer decades than this from that end of the sweep; AT_END is
also a curve that is lowest at its last step."""

EARLY = 1.0
"""AT_START is also a loss that diverges fewer decades than this above the start: the minimum would
lie 0.7 below that, and the rate to train with below the start."""

COARSE, FEWEST_CLEAR = 0.15, 30
"""TOO_SHORT is a sweep with more decades per step, or fewer losses."""

MOVED, MIDDLE = 0.3, 1.0
"""DISPUTED is an expected minimum more than `MOVED` decades from that of the losses alone, or more
than `MIDDLE` decades from the middle of the well at half its depth. Wells are seldom symmetric: a
slow fall and a steep wall put the middle below the minimum."""

OVERLAP = 0.2
"""Likewise if the two distributions of the minimum share less than this part."""

FAR = 1.0
"""A DISPUTED sweep whose losses alone put the minimum more decades from the expected one shows no
rate to train with. Chosen on the open tasks of the benchmark."""

DRAWS = 200
"""Number of curves drawn for the standard error of their height above the minimum."""


class Verdict(NamedEnum):
    """How far a suggestion can be trusted; the value says why, and names the remedy."""

    CLEAR = "the loss fell by more than its noise, rose again, and has a well-determined minimum"
    FLAT = (
        "the loss cannot be told from its minimum over more than a decade, so where exactly it is "
        "lowest is down to chance: verify a few learning rates, or raise `num_iter`"
    )
    DISPUTED = (
        "the losses, the point where they diverge and the middle of the well do not agree on the "
        "minimum: verify the suggestion, raise `num_iter`, use larger batches or a probe"
    )
    COLD_START = (
        "a training from scratch does not start; the sweep came there with weights that lower "
        "rates had trained. This is the highest rate tried that starts: warm the learning rate up "
        "for a higher one, or verify the suggestion"
    )
    DRIFT = (
        "most of the loss decrease is training time alone, at whatever learning rate, as the "
        "controls show: lower `start_lr`, or verify the suggestion"
    )
    AT_START = (
        "the loss is lowest where the sweep starts, so the learning rate to train with lies below "
        "the swept range: lower `start_lr`"
    )
    AT_END = (
        "the loss was still falling when the sweep ended, so the minimum lies at a higher learning "
        "rate: raise `end_lr`"
    )
    NO_DESCENT = (
        "the loss never fell by more than its noise: lower `start_lr`, raise `num_iter`, use "
        "larger batches or a probe, or check that the model can learn from this data"
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
    TOO_SHORT = (
        f"a minimum needs {FEWEST_CLEAR} finite losses and {1 / COARSE:.0f} per decade: raise "
        "`num_iter`, or lower `start_lr` if the loss diverged early"
    )


EARLY_WORDS = (
    "the loss diverged at {}, within a decade of where the sweep starts, so the learning rate "
    "to train with lies below the swept range: lower `start_lr`, or check that the loss does not "
    "jump by itself"
)
"""Why a sweep ended so early, in place of the value of AT_START."""


class Judgement(NamedTuple):
    """A verdict with its reason, in figures where there are any."""

    verdict: Verdict
    reason: str


def judge(fit: CentredFit, posterior: MinimumPosterior) -> Judgement:
    """The verdict on the minimum of a sweep.

    Args:
        fit: The centred fit.
        posterior: The posterior of its minimum.

    Returns:
        The first that holds of NO_DESCENT (AT_START if the loss rose from the start), AT_START,
        AT_END, TOO_SHORT, NOISY, FLAT, DISPUTED and CLIFF; else CLEAR. A sweep alone cannot tell
        DRIFT: that takes controls.
    """
    verdict = _verdict(fit, posterior)
    if verdict is Verdict.DISPUTED:
        return Judgement(verdict, _dispute(fit, posterior))
    if verdict is Verdict.AT_START and fit.descended and diverged_early(posterior):
        return Judgement(verdict, EARLY_WORDS.format(rate(posterior.blow_up or math.nan)))
    return Judgement(verdict, verdict.value)


def _verdict(fit: CentredFit, posterior: MinimumPosterior) -> Verdict:
    from_start, to_end, to_blow_up = _room(posterior)
    if not fit.descended:
        return Verdict.AT_START if starts_lowest(fit, posterior) else Verdict.NO_DESCENT
    if from_start < EDGE or diverged_early(posterior):
        return Verdict.AT_START
    falling = int(np.argmin(fit.curve)) == fit.curve.size - 1
    if posterior.blow_up is None and (falling or to_end < EDGE):
        return Verdict.AT_END
    if fit.curve.size < FEWEST_CLEAR or decades_per_loss(posterior) > COARSE:
        return Verdict.TOO_SHORT
    least = DEPTH if posterior.deviation > OPEN else SHALLOW
    if fit.depth < max(least * fit.noise, DEPTH * fit.wander):
        return Verdict.NOISY
    if max(near_optimal(fit, posterior), width(posterior)) > FLAT:
        return Verdict.FLAT
    if disputed(fit, posterior):
        return Verdict.DISPUTED
    return Verdict.CLIFF if to_blow_up < CLIFF else Verdict.CLEAR


def _room(posterior: MinimumPosterior) -> tuple[float, float, float]:
    """Decades from the start to the expected minimum, from there to the end and to the blow-up."""
    lr, mean, blow_up = posterior.lr, posterior.mean, posterior.blow_up or math.inf
    pairs = (lr[0], mean), (mean, lr[-1]), (mean, blow_up)
    from_start, to_end, to_blow_up = (decades_between(*pair) for pair in pairs)
    return from_start, to_end, to_blow_up


def diverged_early(posterior: MinimumPosterior) -> bool:
    """Whether the loss diverged within the first decade of the sweep."""
    blow_up = posterior.blow_up
    return blow_up is not None and decades_between(posterior.lr[0], blow_up) < EARLY


def far_apart(posterior: MinimumPosterior) -> bool:
    """Whether the losses alone put the minimum more than `FAR` decades from the expected one."""
    return abs(decades_between(posterior.unaided_mean, posterior.mean)) > FAR


def starts_lowest(fit: CentredFit, posterior: MinimumPosterior) -> bool:
    """Whether the loss is lowest at the start, and higher after a third of the sweep."""
    start, third = np.array([0]), np.array([fit.curve.size // 3])
    at_start = (
        posterior.unaided[all_decades_between(posterior.lr[0], posterior.lr) < EDGE].sum() > 0.5
    )
    return bool(at_start and fit.rise(start, third) > SURE)


def decades_per_loss(posterior: MinimumPosterior) -> float:
    """Mean distance of two losses."""
    return decades_between(posterior.lr[0], posterior.lr[-1]) / max(posterior.lr.size - 1, 1)


def near_optimal(fit: CentredFit, posterior: MinimumPosterior) -> float:
    """Decades from the first to the last point at which the curve may be near its minimum.

    With more noise the standard error grows and so does this width: noise makes no well narrower.
    """
    curve, lr = fit.curve[fit.at], posterior.lr[fit.at]
    lowest = int(np.argmin(curve))
    # In units of the depth, so that no square overflows; what is infinite in these is not near.
    with np.errstate(invalid="ignore", over="ignore"):
        draws = fit.draws(DRAWS) / fit.depth
        error = np.nan_to_num((draws - draws[lowest]).std(axis=1))
        near = (curve - curve[lowest]) / fit.depth <= NEAR + error
    first, *_, last = np.flatnonzero(near)[[0, -1]]
    return decades_between(lr[first], lr[last])


def width(posterior: MinimumPosterior) -> float:
    """Decades between the 5 % and 95 % quantiles of the minimum."""
    total = np.cumsum(posterior.chance)
    low, high = np.searchsorted(total, [0.05, 0.95])
    return decades_between(posterior.lr[low], posterior.lr[min(high, posterior.lr.size - 1)])


def middle(fit: CentredFit, lr: np.ndarray) -> float:
    """The middle in log10 of the well around the minimum at half its depth, as a learning rate."""
    lowest = int(np.argmin(fit.curve))
    above = np.flatnonzero(fit.curve > fit.curve[lowest] + fit.depth / 2)
    before, after = above[above < lowest], above[above > lowest]
    first = int(before[-1]) if before.size else 0
    last = int(after[0]) if after.size else lr.size - 1
    return middle_rate(lr[first], lr[last])


def disputed(fit: CentredFit, posterior: MinimumPosterior) -> bool:
    """Whether losses alone, blow-up and shape of the well disagree about the minimum."""
    moved = abs(decades_between(posterior.unaided_mean, posterior.mean)) > MOVED
    shared = float(np.minimum(posterior.chance, posterior.unaided).sum())
    aside = abs(decades_between(middle(fit, posterior.lr), posterior.mean)) > MIDDLE
    return moved or shared < OVERLAP or aside


def _dispute(fit: CentredFit, posterior: MinimumPosterior) -> str:
    """The disagreement in figures, with the remedy."""
    others = {
        "the losses alone put the minimum": posterior.unaided_mean,
        "the middle of the well at half its depth lies": middle(fit, posterior.lr),
    }
    limits = (MOVED, MIDDLE)
    said = [
        f"{words} at {rate:.1e}, {abs(decades_between(posterior.mean, rate)):.1f} decades "
        f"{'below' if rate < posterior.mean else 'above'}"
        for (words, rate), limit in zip(others.items(), limits, strict=True)
        if abs(decades_between(posterior.mean, rate)) > limit
    ]
    cause, _, remedy = Verdict.DISPUTED.value.partition(": ")
    figures = f", expected at {posterior.mean:.1e} ({'; '.join(said)})" if said else ""
    return f"{cause}{figures}: {remedy}"
