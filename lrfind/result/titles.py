"""Words above a picture: what stands against its answer, as long as there is room for them."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from lrfind.analysis.suggestion import CannotTell, Suggestion
from lrfind.analysis.verdict import Verdict
from lrfind.result.report import SAID

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHARACTERS_PER_INCH = 15
"""Of a small title."""
MOST_LINES, LINE_INCHES, LABEL_INCHES = 4, 0.15, 0.25
"""Of a title, and the height of a line and of what lies between title and axes."""


def title_verdict(ax: Axes, answer: Suggestion | CannotTell) -> None:
    """What stands against the answer, above the picture; nothing does against a clear one."""
    if isinstance(answer, CannotTell):
        title(ax, f"No suggestion: {answer.reason}", f"No suggestion: {_cause(answer.reason)}")
        return
    said = [flag.value for flag in answer.flags if flag not in SAID]
    if answer.verdict is Verdict.CLEAR:
        if said:
            title(ax, "; ".join(said), *map(_cause, said[:1]))
        return
    name, reason = answer.verdict.name.lower().replace("_", " "), answer.verdict.value
    full = "; ".join([f"Verdict: {name} - {reason}", *said])
    title(ax, full, f"Verdict: {name} - {_cause(reason)}", f"Verdict: {name}")


def _cause(sentence: str) -> str:
    """A reason without its remedy."""
    return sentence.partition(": ")[0]


def title(ax: Axes, *texts: str) -> None:
    """Put a sentence above the picture: the first of them that has room there, else the last."""
    width = max(30, int(CHARACTERS_PER_INCH * inches(ax)))
    wrapped = [textwrap.fill(text, width=width) for text in texts]
    chosen = next((each for each in wrapped if _has_room(ax, each)), wrapped[-1])
    ax.set_title(chosen, fontsize="small")


def _has_room(ax: Axes, text: str) -> bool:
    """Whether a title ends below the figure's top; a layout engine makes room for a few lines."""
    lines = text.count("\n") + 1
    if ax.figure.get_layout_engine() is not None:
        return lines <= MOST_LINES
    above = float(ax.figure.bbox.y1 - ax.bbox.y1) / ax.figure.dpi
    return LABEL_INCHES + LINE_INCHES * lines <= above


def inches(ax: Axes) -> float:
    """Width of the axes."""
    return float(ax.bbox.width / ax.figure.dpi)
