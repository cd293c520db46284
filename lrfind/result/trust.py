"""Verdicts in a newcomer's words: how far to trust a suggestion, and what to do next."""

from __future__ import annotations

from typing import NamedTuple

from lrfind.analysis.answers import Suggestion
from lrfind.analysis.flags import Flag
from lrfind.analysis.verdict import Verdict


class Trust(NamedTuple):
    """What a verdict means for someone who wants to train."""

    level: str
    """ "good", "fair" or "poor"."""
    why: str
    """What was seen, as the end of a sentence."""
    remedy: str
    """What to do about it, as the end of a sentence."""
    short: str = ""
    """What was seen, as short as a title must be; empty where the verdict's name says it."""


VERIFY = "try it: lrfind.verify"

TRUST = {
    Verdict.CLEAR: Trust(
        "good", "the loss falls, turns, has one clear minimum", "unsure? lrfind.verify"
    ),
    Verdict.FLAT: Trust(
        "fair",
        "around its minimum the loss is flat over a decade",
        VERIFY,
        "the minimum is wide",
    ),
    Verdict.DISPUTED: Trust(
        "fair",
        "the losses and their divergence disagree on the minimum",
        VERIFY,
        "the signs disagree",
    ),
    Verdict.COLD_START: Trust(
        "fair",
        "higher rates do not start from scratch; this one does",
        "warm up to go higher, or " + VERIFY,
        "the highest that starts",
    ),
    Verdict.DRIFT: Trust(
        "poor",
        "most of the fall is training time, at whatever rate",
        "lower start_lr, or " + VERIFY,
        "mostly training time",
    ),
    Verdict.AT_START: Trust(
        "poor",
        "the loss is lowest where the sweep starts",
        "lower start_lr (--start-lr)",
        "lowest at the start",
    ),
    Verdict.AT_END: Trust(
        "poor",
        "the loss was still falling when the sweep ended",
        "raise end_lr (--end-lr)",
        "the loss still falls",
    ),
    Verdict.NO_DESCENT: Trust(
        "poor",
        "the loss never fell by more than its noise",
        "more steps, larger batches, lower start_lr; not for RL, GANs",
        "the loss never fell",
    ),
    Verdict.NOISY: Trust(
        "poor",
        "the fall is hardly larger than the noise",
        "more steps (num_iter), larger batches or a probe",
        "hardly above the noise",
    ),
    Verdict.CLIFF: Trust(
        "fair",
        "the loss diverges just above its minimum",
        "take a lower rate, or " + VERIFY,
        "diverges just above",
    ),
    Verdict.TOO_SHORT: Trust(
        "poor",
        "too few losses to tell a minimum from noise",
        "more steps (num_iter), say 300",
        "too few losses",
    ),
}
"""By verdict; `Verdict` itself gives the reason in full."""

SMOOTHED = Trust(
    "poor", "smoothing moved the minimum up, by how much cannot be told", "better: sweep again"
)
"""Likewise, on losses that were smoothed before they were kept."""

UNFINISHED = Trust("poor", "the sweep was cut short", "let it run to its end")
"""Whatever the verdict on the part that was swept."""


def trust_of(answer: Suggestion, *, cut_short: bool) -> Trust:
    """How far to trust a suggestion.

    Args:
        answer: The suggestion.
        cut_short: Whether the sweep was cut short, which weighs more than the verdict.
    """
    if cut_short:
        return UNFINISHED
    return SMOOTHED if Flag.SMOOTHED in answer.flags else TRUST[answer.verdict]
