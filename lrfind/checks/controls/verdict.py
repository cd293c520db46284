"""The verdict on a sweep once its controls have been run: time and data count as well."""

from __future__ import annotations

from lrfind.analysis.curves import CENTRED
from lrfind.analysis.verdict import MOVED, Judgement, Verdict
from lrfind.checks.controls.numbers import (
    DATA_CORRECTED,
    TIME_CORRECTED,
    ControlNumbers,
    MinimumRow,
)

MOST = 0.5
"""DRIFT is a loss decrease of which training time alone makes up a larger share."""

SETTLED = frozenset({Verdict.NO_DESCENT, Verdict.AT_START, Verdict.TOO_SHORT})
"""Verdicts that no control changes."""


def controlled(numbers: ControlNumbers) -> Judgement:
    """The verdict of the sweep, with its controls taken into account.

    Args:
        numbers: The sweep and its controls.

    Returns:
        DRIFT if most of the loss decrease is training time alone; for a verdict that was CLEAR,
        DISPUTED if the minimum vanishes once the effect of time or data is removed, or moves by
        more than `MOVED` decades and its interval; else the verdict of the sweep.
    """
    judged = numbers.result.curves().judgement
    if judged.verdict in SETTLED:
        return judged
    share = numbers.time.share
    if share is not None and share > MOST:
        cause, _, remedy = Verdict.DRIFT.value.partition(": ")
        return Judgement(Verdict.DRIFT, f"{cause} ({share:.0%} of it): {remedy}")
    if judged.verdict is Verdict.CLEAR:
        own = numbers.result.curves().minimum(CENTRED).lr
        for row in numbers.minima:
            if row.name in (TIME_CORRECTED, DATA_CORRECTED) and row.curve == CENTRED:
                said = _moved(row, own)
                if said:
                    return Judgement(Verdict.DISPUTED, said)
    return judged


def _moved(row: MinimumRow, own: float) -> str:
    """What happens to the minimum without the effect of time or data; empty if next to nothing."""
    remedy = Verdict.DISPUTED.value.partition(": ")[2]
    if row.shift is None or row.interval is None:
        return f"the {row.name} sweep has no minimum: {remedy}"
    low, high = row.interval
    # Where the batches explain nothing, taking their part off only adds noise.
    if abs(row.shift) <= MOVED or low <= own <= high:
        return ""
    side = "above" if row.shift > 0 else "below"
    where = f"at {row.minimum.lr:.1e}, {abs(row.shift):.1f} decades {side}"
    return f"the {row.name} minimum lies {where} that of the sweep: {remedy}"
