"""The marks and names that the figures of a sweep share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.curves import CENTRED, EXPECTED, RAW
from lrfind.analysis.posterior import CONFIDENCE
from lrfind.analysis.smoothing import SMOOTHERS, USUAL
from lrfind.comparison.curve_rows import CurveRow
from lrfind.support import axes
from lrfind.support.arrays import Array
from lrfind.support.axes import ink, paper
from lrfind.support.labels import ABOVE, BELOW, Labels
from lrfind.support.text import rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

STYLES: dict[str, dict[str, Any]] = {
    RAW: axes.RAW,
    CENTRED: axes.CENTRED,
    EXPECTED: axes.EXPECTED,
    **{name: smoother.style for name, smoother in SMOOTHERS.items()},
}
MARK, TRIANGLE = 8.0, 9.0
"""Sizes of the marks of a minimum, and of a learning rate on the axis, in points."""
ON_AXIS = [(across, 1) for across in (-1, 1, -0.8, 0.8, -0.6, 0.6, -0.4, 0.4, -0.2, 0.2, 0)]
"""Directions from a mark on the axis, the better first."""
ANCHORS = 25
"""Number of places along a curve at which its name may stand."""


def band_name() -> str:
    """The name of the interval of a suggestion."""
    return f"best rate, {CONFIDENCE:.0%} interval"


def line_colour(ax: Axes, curve: str) -> Any:
    """The colour of a curve; what is black is white in a dark style."""
    colour = STYLES[curve]["color"]
    return ink(ax) if colour == axes.BLACK else colour


def text_colour(ax: Axes, curve: str) -> Any:
    """The colour of a curve's name; grey and pale blue are too pale for text."""
    return line_colour(ax, curve) if curve == USUAL else ink(ax)


def name_of(row: CurveRow) -> str:
    """The name of a curve without its beta."""
    return SMOOTHERS[row.curve].label if row.curve in SMOOTHERS else row.label


def draw_minimum(ax: Axes, labels: Labels, row: CurveRow, height: float) -> Line2D:
    """The mark of a minimum, which no label may cover."""
    (mark,) = ax.plot(
        row.minimum.lr, height, markersize=MARK, markeredgecolor=paper(ax), zorder=4,
        color=line_colour(ax, row.curve), marker=STYLES[row.curve]["marker"], linestyle="none",
        label=f"{name_of(row)} minimum {rate(row.minimum.lr)}",
    )  # fmt: skip
    labels.keep_clear(row.minimum.lr, height, MARK)
    return mark


def name_minimum(ax: Axes, labels: Labels, row: CurveRow) -> None:
    """The mark of a minimum, and its name and learning rate beside it."""
    mark = draw_minimum(ax, labels, row, row.minimum.loss)
    labels.add(
        str(mark.get_label()), row.minimum.lr, row.minimum.loss, size=MARK, leader=True,
        color=text_colour(ax, row.curve),
    )  # fmt: skip


def mark_minima(
    ax: Axes, labels: Labels, rows: Sequence[CurveRow], also: Sequence[CurveRow]
) -> None:
    """The minima that can be told, and on the axis the rates one decade below them and others."""
    usable = [row for row in rows if row.minimum.usable]
    for row in usable:
        name_minimum(ax, labels, row)
    if usable:
        mark_decades_below(ax, labels, [*usable, *also])


def mark_decades_below(ax: Axes, labels: Labels, rows: Sequence[CurveRow]) -> None:
    """On the axis, the learning rate one decade below each minimum, in its curve's colour."""
    rates = [row.decade_below for row in rows]
    for row in rows:
        ax.plot(
            row.decade_below, 0, marker="^", markersize=TRIANGLE, zorder=5, linestyle="none",
            color=line_colour(ax, row.curve), markeredgecolor=paper(ax), clip_on=False,
            transform=ax.get_xaxis_transform(),
        )  # fmt: skip
    labels.keep_clear(rates, 0, TRIANGLE, on_axis=True)
    named = ", ".join(f"{name_of(row)} {rate(row.decade_below)}" for row in rows)
    labels.add(
        f"one decade below: {named}", sorted(rates), 0, on_axis=True, size=TRIANGLE,
        around=ON_AXIS, color=ink(ax),
    )  # fmt: skip


def name_line(
    ax: Axes, labels: Labels, text: str, x: Array, y: Array, *, color: Any, width: float = 1.5
) -> None:
    """The name of a line, which other labels rather do not cover."""
    labels.spare_line(x, y)
    name_along(ax, labels, text, x, y, color=color, width=width)


def name_along(
    ax: Axes, labels: Labels, text: str, x: Array, y: Array, *, color: Any, width: float = 1.5
) -> None:
    """A name beside a line or points wherever there is room, the earlier the better."""
    low, high = ax.get_ylim()
    inside = np.flatnonzero((y > low) & (y < high))
    if inside.size:
        at = inside[np.linspace(0, inside.size - 1, ANCHORS).astype(int)]
        beside = [(1, 1), (-1, -1), ABOVE, BELOW, (-1, 1), (1, -1)]
        labels.add(text, x[at], y[at], around=beside, size=width, color=color)
