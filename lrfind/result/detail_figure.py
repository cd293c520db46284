"""What the figure of a sweep shows in detail: the centred curve, and how sure its minimum is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lrfind.analysis.centred_line import centred_line
from lrfind.analysis.curves import CENTRED, EXPECTED, SweepCurves
from lrfind.analysis.flags import Flag
from lrfind.analysis.posterior import CONFIDENCE
from lrfind.analysis.smoothing import USUAL
from lrfind.comparison.curve_rows import CurveRow
from lrfind.comparison.table import with_error
from lrfind.result.marks import MARK, draw_minimum, line_colour, name_of
from lrfind.support.axes import font_size, legend_columns
from lrfind.support.labels import Labels
from lrfind.support.text import decades

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


def draw_detail(
    ax: Axes, labels: Labels, curves: SweepCurves, rows: Mapping[str, CurveRow], shown: slice
) -> None:
    """Add the centred curve, its minimum, the expected minimum and the interval around it.

    Args:
        ax: The axes.
        labels: Its labels.
        curves: The sweep.
        rows: The rows of its comparison, by curve.
        shown: The losses that are drawn.
    """
    line, centred, expected = centred_line(curves), rows[CENTRED], rows[EXPECTED]
    rates = curves.lr[shown]
    handles = ax.plot(
        rates, line[shown], label="centred curve", linewidth=1.5, linestyle="--", zorder=2.4,
        color=line_colour(ax, CENTRED),
    )  # fmt: skip
    labels.spare_line(rates, line[shown])
    if centred.minimum.usable:
        # On the line, which runs beside the fitted minimum where a bad batch is next to it.
        height, there = (float(line[row.minimum.step]) for row in (centred, expected))
        handles.append(draw_minimum(ax, labels, centred, height))
        if Flag.SMOOTHED not in curves.sweep_flags:
            there = height if math.isnan(there) else there
            handles.append(draw_minimum(ax, labels, expected, there))
            handles.append(_draw_interval(ax, labels, curves, height))
    _draw_legend(ax, labels, handles, split_words(rows[USUAL]))


def _draw_interval(ax: Axes, labels: Labels, curves: SweepCurves, height: float) -> Line2D:
    """The interval of the minimum averaged over seeds, as a bar through the centred minimum."""
    ends = list(curves.posterior.interval())
    (bar,) = ax.plot(
        ends, [height] * 2, linewidth=1.2, zorder=3.5, marker="|", markersize=MARK,
        markeredgewidth=1.2, color=line_colour(ax, CENTRED),
        label=f"mean minimum over seeds, {CONFIDENCE:.0%} interval",
    )  # fmt: skip
    labels.spare_line(ends, [height] * 2)
    return bar


def _draw_legend(ax: Axes, labels: Labels, handles: list[Line2D], split: str | None) -> None:
    """The legend, in room that is added for it above all losses that are shown."""
    size, columns = font_size(ax), legend_columns(ax)
    legend = ax.legend(
        handles=handles, title=split, loc="upper left", ncols=columns, fontsize=size,
        title_fontsize=size, alignment="left", framealpha=0.9,
    )  # fmt: skip
    labels.keep_clear_of(legend)
    low, high = ax.get_ylim()
    share = legend.get_window_extent().height / ax.bbox.height
    ax.set_ylim(low, high + (high - low) * share)


def split_words(row: CurveRow) -> str | None:
    """The parts of the shift of a smoothed minimum from the raw one; None if they are not known."""
    if row.from_raw is None or row.smoothing is None:
        return None
    return (
        f"raw to {name_of(row)} minimum, {decades(row.from_raw.decades)} decades: "
        f"{with_error(row.smoothing, row.error)} by\nsmoothing, "
        f"{decades(row.noise_from_raw)} by noise and fit error"
    )
