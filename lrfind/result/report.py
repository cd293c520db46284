"""What a sweep says, in a few plain sentences."""

from __future__ import annotations

from lrfind.analysis.calibration import CONFIDENCE
from lrfind.analysis.comparison import CurveRow
from lrfind.analysis.curves import UNUSABLE, Flag
from lrfind.analysis.suggestion import CannotTell, Suggestion
from lrfind.checks.verification.record import Verification
from lrfind.result.range_test_result import RangeTestResult


def advice(result: RangeTestResult, schedule: str | None = None) -> str:
    """The rate to train with and why, or why none can be told.

    Args:
        result: The sweep.
        schedule: Schedule of the training to come; None if it is not known.

    Returns:
        One sentence, with a second one for what stands against it.
    """
    answer = result.suggest(schedule=schedule)
    if isinstance(answer, CannotTell):
        return f"No learning rate can be suggested: {answer.reason}."
    groups = ", ".join(f"{rate:.2e}" for rate in answer.group_lr)
    per_group = f" ({groups} for the parameter groups)" if len(answer.group_lr) > 1 else ""
    caution = "".join(f" But {flag.value}." for flag in answer.flags if flag not in SAID)
    return (
        f"Train at about {answer.lr:.2e}{per_group}{interval_words(answer)}, {answer.factor:g} "
        f"times below the expected minimum. {verdict_words(answer)}{caution}"
    )


SAID = frozenset({Flag.AT_END, Flag.NO_DESCENT, Flag.TOO_SHORT})
"""Flags whose sentence the verdict says already."""


def interval_words(answer: Suggestion | Verification) -> str:
    """The interval behind a rate, or nothing."""
    if answer.interval is None:
        return ""
    low, high = answer.interval
    return f" ({CONFIDENCE:.0%} interval {low:.1e} to {high:.1e})"


def verdict_words(answer: Suggestion | CannotTell) -> str:
    """The verdict as a sentence."""
    name = answer.verdict.name.lower().replace("_", " ")
    return f"Verdict: {name}, as {answer.verdict.value}."


def shift_sentence(row: CurveRow) -> str:
    """How far one smoothing moved the minimum from the raw one, and where that comes from.

    Args:
        row: A row with a beta.

    Returns:
        One sentence.
    """
    if row.from_raw is None or row.smoothing is None:
        reason = next(flag.value for flag in row.minimum.flags if flag in UNUSABLE)
        return f"The shift of the {row.label} cannot be told: {reason}."
    debiasing = "" if row.debiasing is None else f", debiasing {decades(row.debiasing)} of it"
    return (
        f"The {row.label} puts the minimum {decades(row.from_raw.decades)} decades from the raw "
        f"one: {decades(row.smoothing)} is the smoothing itself{debiasing}, "
        f"{decades(row.noise_from_raw)} is noise."
    )


def decades(value: float | None) -> str:
    """A distance in decades as people read it, signed; "?" if it cannot be told."""
    # Adding 0.0 turns the -0.00 of a rounded tiny value into +0.00.
    return "?" if value is None else f"{round(value, 2) + 0.0:+.2f}"


def ending(result: RangeTestResult) -> str:
    """How the sweep ended, as a sentence."""
    steps, last = result.lr.size, result.lr[-1] if result.lr.size else result.settings.start_lr
    return f"Ended after {steps} steps at lr {last:.2e}: {result.stop_reason.value}."
