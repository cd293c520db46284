"""The minima of a comparison beside each other, as a picture of its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lrfind.comparison.curve_rows import CurveRow
from lrfind.support.axes import RED, draw_legend, ink

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LINE, FRAME = 0.3, 1.2
"""Height of a row and of what is around the rows, in inches."""


def draw_minima(ax: Axes, rows: Sequence[CurveRow]) -> None:
    """Draw a line for each curve, from one decade below its minimum up to it.

    Args:
        ax: Axes for nothing else, of the height of `size_for`.
        rows: Those of a comparison; of a curve without a usable minimum only the name is shown.
    """
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_yticks(range(len(rows)), [row.label for row in rows])
    ax.set_ylim(len(rows) - 0.5, -0.5)
    usable = [(place, row) for place, row in enumerate(rows) if row.minimum.usable]
    places = [place for place, _ in usable]
    below, lowest = [row.decade_below for _, row in usable], [row.minimum.lr for _, row in usable]
    dots: dict[str, Any] = {"linestyle": "none", "markersize": 7}
    ax.hlines(places, below, lowest, color=ink(ax), alpha=0.3, linewidth=1)
    ax.plot(below, places, marker="v", color=RED, label="one decade below", **dots)
    ax.plot(lowest, places, marker="o", color=ink(ax), label="minimum", **dots)
    draw_legend(ax)


def size_for(rows: Sequence[CurveRow]) -> tuple[float, float]:
    """Width and height of the picture, in inches."""
    return 8, FRAME + LINE * len(rows)
