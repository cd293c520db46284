"""Shared by all figures: colours, line styles, axes, legends and titles."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's palette, distinguishable with all common forms of colour blindness; without colour,
# line styles and shades of grey still distinguish the curves.
BLACK, GREY, SKY, BLUE, RED = "#000000", "#9a9a9a", "#56b4e9", "#0072b2", "#d55e00"
GREEN, PINK, ORANGE = "#009e73", "#cc79a7", "#e69f00"

PALETTE = (BLUE, RED, GREEN, PINK, ORANGE, SKY)
"""Colours for many curves of one kind, darkest first, without yellow, too pale for a line."""
LINES = ("-", "--", "-.", ":")
"""Line styles to combine with it."""

RAW: dict[str, Any] = {"color": GREY, "marker": "o", "linestyle": "none"}
CENTRED: dict[str, Any] = {"color": BLACK, "marker": "o", "linestyle": "-"}
EXPECTED: dict[str, Any] = {"color": GREEN, "marker": "v", "linestyle": "none"}
PROBE: dict[str, Any] = {"color": PINK, "linestyle": "-."}
SUGGESTED = GREEN
TEXT: dict[str, Any] = {
    "fontsize": "small",
    "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
}
"""Style of text labels: on white, since raw losses may lie underneath."""
BAND: dict[str, Any] = {"color": SUGGESTED, "alpha": 0.12, "linewidth": 0, "zorder": 0.2}

SMALL = 4.5
"""Width of the axes in inches, below which the legend shrinks."""
CHARACTERS_PER_INCH = 15
"""Characters of a title per inch of width."""
MOST_LINES, LINE_INCHES, LABEL_INCHES = 4, 0.15, 0.25
"""Maximum lines of a title, height of a line, and space for labels between title and axes."""


def new_axes(height: float = 5.0) -> Axes:
    """The axes of a new figure, 8 inches wide."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(8, height), layout="constrained")
    return ax


def rate_axes(ax: Axes | None, label: str = "learning rate") -> Axes:
    """Axes for losses against a logarithmic learning rate; new ones if None."""
    ax = new_axes() if ax is None else ax
    ax.set_xscale("log")
    ax.set_xlabel(label)
    ax.set_ylabel("loss")
    return ax


def draw_legend(ax: Axes, heading: str | None = None) -> None:
    """Draw the legend, with an optional heading; smaller on small axes."""
    small: dict[str, Any] = {"fontsize": 5, "labelspacing": 0.25, "handlelength": 1.8}
    size = {"fontsize": "small"} if inches(ax) > SMALL else small
    ax.legend(loc="best", framealpha=0.9, title=heading, title_fontsize=size["fontsize"], **size)


def title(ax: Axes, *texts: str) -> None:
    """Set the title: the first of the texts for which there is room, else the last."""
    width = max(30, int(CHARACTERS_PER_INCH * inches(ax)))
    filled = [textwrap.fill(text, width=width) for text in texts]
    chosen = next((each for each in filled if _has_room(ax, each)), filled[-1])
    ax.set_title(chosen, fontsize="small")


def inches(ax: Axes) -> float:
    """Width of the axes in inches."""
    return float(ax.bbox.width / ax.figure.dpi)


def _has_room(ax: Axes, text: str) -> bool:
    """Whether a title fits below the figure's top; a layout engine makes room for a few lines."""
    lines = text.count("\n") + 1
    if ax.figure.get_layout_engine() is not None:
        return lines <= MOST_LINES
    above = float(ax.figure.bbox.y1 - ax.bbox.y1) / ax.figure.dpi
    return LABEL_INCHES + LINE_INCHES * lines <= above
