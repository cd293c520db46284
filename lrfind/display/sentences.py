"""What a sweep says, in a few plain sentences."""

from __future__ import annotations

from lrfind.analysis.comparison import CurveRow
from lrfind.analysis.suggestion import CannotTell
from lrfind.result import RangeTestResult, StopReason


def advice(result: RangeTestResult) -> str:
    """The rate to train with and why, or why none can be told.

    Args:
        result: The sweep.

    Returns:
        One sentence, with a second one for what stands against it.
    """
    answer = result.suggest()
    if isinstance(answer, CannotTell):
        return f"No learning rate can be suggested: {answer.reason}."
    groups = ", ".join(f"{rate:.2e}" for rate in answer.group_lr)
    per_group = f" ({groups} for the parameter groups)" if len(answer.group_lr) > 1 else ""
    caution = "".join(f" But {flag.value}." for flag in answer.flags)
    return (
        f"Train at about {answer.lr:.2e}{per_group}, one decade below the minimum of the centred "
        f"curve at {answer.minimum.lr:.2e}.{caution}"
    )


def shift_sentence(row: CurveRow) -> str:
    """How far one smoothing moved the minimum from the raw one, and where that comes from.

    Args:
        row: A row with a beta.

    Returns:
        One sentence.
    """
    if row.from_raw is None or row.smoothing is None or row.noise_from_raw is None:
        return f"The {row.label} has no minimum of its own, so its shift cannot be told."
    debiasing = "" if row.debiasing is None else f", debiasing {row.debiasing + 0.0:+.2f} of it"
    return (
        f"The {row.label} puts the minimum {row.from_raw.decades:+.2f} decades from the raw one: "
        f"{row.smoothing:+.2f} is the smoothing itself{debiasing}, "
        f"{row.noise_from_raw:+.2f} is noise."
    )


def ending(result: RangeTestResult) -> str:
    """How the sweep ended, as a sentence."""
    steps, last = result.lr.size, result.lr[-1] if result.lr.size else result.settings.start_lr
    normal = result.stop_reason in (StopReason.COMPLETED, StopReason.DIVERGED)
    said = "Ended" if normal else "Ended early"
    return f"{said} after {steps} steps at lr {last:.2e}: {result.stop_reason.value}."
