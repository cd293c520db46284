"""Figure titles: the caveats of an answer, shortened to the room there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.verdict import Verdict
from lrfind.support.axes import title
from lrfind.support.text import words

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def title_verdict(ax: Axes, answer: Suggestion | CannotTell) -> None:
    """Put an answer's verdict and flags in the title; a clear answer without flags gets none."""
    if isinstance(answer, CannotTell):
        title(ax, f"No suggestion: {answer.reason}", f"No suggestion: {_cause(answer.reason)}")
        return
    said = [flag.value for flag in answer.cautions]
    if answer.verdict is Verdict.CLEAR:
        if said:
            title(ax, "; ".join(said), *map(_cause, said[:1]))
        return
    name, reason = words(answer.verdict.name), answer.reason
    full = "; ".join([f"Verdict: {name} - {reason}", *said])
    title(ax, full, f"Verdict: {name} - {_cause(reason)}", f"Verdict: {name}")


def _cause(sentence: str) -> str:
    """The reason without the remedy after its colon."""
    return sentence.partition(": ")[0]
