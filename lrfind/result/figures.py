"""The figure of a sweep: its curves, their minima and the suggested learning rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.curves import CENTRED, EXPECTED, RAW, SweepCurves
from lrfind.analysis.defaults import BETA
from lrfind.analysis.posterior import CONFIDENCE
from lrfind.analysis.smoothing import SMOOTHERS, USUAL
from lrfind.comparison.compare import curve_rows
from lrfind.comparison.curve_rows import CurveRow
from lrfind.result.titles import title_verdict
from lrfind.support import axes
from lrfind.support.arrays import Array
from lrfind.support.axes import BAND, SUGGESTED, TEXT, draw_legend, rate_axes, title
from lrfind.support.text import decades, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES: dict[str, dict[str, Any]] = {
    RAW: axes.RAW,
    CENTRED: axes.CENTRED,
    EXPECTED: axes.EXPECTED,
    **{name: smoother.style for name, smoother in SMOOTHERS.items()},
}
Points = tuple[Array, Array]
"""Learning rates and losses."""


def plot_curves(
    curves: SweepCurves,
    answer: Suggestion | CannotTell,
    probe: Points | None = None,
    ax: Axes | None = None,
    *,
    beta: float = BETA,
    shown: slice = slice(None),
    **raw_style: Any,
) -> Axes:
    """Draw the curves of a sweep; see `RangeTestResult.plot`."""
    from matplotlib import cbook
    from matplotlib.lines import Line2D

    ax = rate_axes(ax)
    rows = {row.curve: row for row in curve_rows(curves, (beta,))}
    style = {"markersize": 3, "alpha": 0.6, "zorder": 1, "label": _label(rows[RAW])}
    style |= cbook.normalize_kwargs(raw_style, Line2D)
    ax.plot(curves.lr[shown], curves.loss[shown], **(STYLES[RAW] | style))
    if probe is not None:
        draw_probe(ax, *probe)
    for name in (*SMOOTHERS, CENTRED):
        drawn = curves.fit.smooth if name == CENTRED else curves.curve(name, beta)
        line = {key: STYLES[name][key] for key in ("color", "linestyle")}
        label = _label(rows[name])
        ax.plot(curves.lr[shown], drawn[shown], linewidth=1.8, label=label, **line)
        _mark_minimum(ax, rows[name])
    _mark_minimum(ax, rows[RAW])
    _mark_decades_below(ax, [rows[name] for name in (RAW, *SMOOTHERS, CENTRED)])
    low, high = y_limits(curves)
    ax.set_ylim(low, high)
    _draw_shift(ax, rows[RAW], rows[USUAL], low + 0.09 * (high - low))
    if isinstance(answer, Suggestion):
        _draw_suggestion(ax, answer)
        _draw_expected(ax, curves, rows[EXPECTED])
    title_verdict(ax, answer)
    draw_legend(ax)
    return ax


def plot_reason(reason: str, points: Points | None = None, ax: Axes | None = None) -> Axes:
    """Draw the raw losses of a sweep that has no curves, with the reason as title."""
    ax = rate_axes(ax)
    if points is not None:
        ax.plot(*points, **STYLES[RAW])
    title(ax, reason)
    return ax


def y_limits(curves: SweepCurves) -> tuple[float, float]:
    """Limits that show the descent; the diverging loss may leave the figure at the top.

    Args:
        curves: The sweep.

    Returns:
        A quarter of the descent below the lowest loss, about a third of it above the initial level.
    """
    lowest = float(curves.loss.min())
    descended = curves.fit.descended
    before = curves.loss[: int(np.argmin(curves.fit.curve)) + 1] if descended else curves.loss
    highest = max(float(np.quantile(before, 0.98)), curves.fit.level)
    height = (highest - lowest) or 1.0
    return lowest - 0.25 * height, highest + 0.35 * height


def _label(row: CurveRow) -> str:
    where = f", minimum {row.minimum.lr:.2e}" if row.minimum.usable else ""
    return row.label + where


def _mark_minimum(ax: Axes, row: CurveRow) -> None:
    if row.minimum.usable:
        marker = {"color": STYLES[row.curve]["color"], "marker": STYLES[row.curve]["marker"]}
        # The plain EMA's marker mostly lies under the debiased one's; larger, it stays visible.
        size = 12 if SMOOTHERS.get(row.curve, SMOOTHERS[USUAL]).climbs else 8
        ax.plot(
            row.minimum.lr, row.minimum.loss, markersize=size, markeredgecolor="white", zorder=4,
            linestyle="none", **marker,
        )  # fmt: skip


def _mark_decades_below(ax: Axes, rows: Sequence[CurveRow]) -> None:
    """On the axis, the learning rate one decade below each minimum, in its curve's colour."""
    marked = [row for row in rows if row.minimum.usable]
    for row in marked:
        # Only one entry of the legend, for what they have in common.
        label = "one decade below each minimum" if row is marked[0] else None
        size = 10 if SMOOTHERS.get(row.curve, SMOOTHERS[USUAL]).climbs else 7
        ax.plot(
            row.decade_below, 0, marker="^", markersize=size, color=STYLES[row.curve]["color"],
            markeredgecolor="white", linestyle="none", clip_on=False, zorder=5, label=label,
            transform=ax.get_xaxis_transform(),
        )  # fmt: skip


def _draw_shift(ax: Axes, raw: CurveRow, smoothed: CurveRow, height: float) -> None:
    """An arrow along the bottom, from below the raw minimum to below the smoothed one."""
    if smoothed.from_raw is None:
        return
    start, end = raw.minimum.lr, smoothed.minimum.lr
    color = STYLES[USUAL]["color"]
    for row in (raw, smoothed):
        ax.vlines(row.minimum.lr, height, row.minimum.loss, color=color, linewidth=0.8, alpha=0.6)
    if smoothed.from_raw.steps == 0:
        return
    ax.annotate(
        "", (end, height), (start, height),
        arrowprops={"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    ax.annotate(
        f"{decades(smoothed.from_raw.decades)} decades", (np.sqrt(start * end), height), (0, -3),
        textcoords="offset points", ha="center", va="top", color=color, **TEXT,
    )  # fmt: skip


def draw_probe(ax: Axes, rates: Array, losses: Array) -> None:
    """Draw the probe losses, each at the learning rate of the update before it."""
    ax.plot(rates, losses, label="probe batch", linewidth=1.2, zorder=1.5, **axes.PROBE)


def _draw_suggestion(ax: Axes, answer: Suggestion) -> None:
    """The suggested learning rate as a line, with its interval as a band."""
    if answer.interval:
        ax.axvspan(*answer.interval, label=band_label(answer), **BAND)
    ax.axvline(answer.lr, color=SUGGESTED, linewidth=1.5, zorder=0.5)
    # Above the axes it hides nothing, and matplotlib places the title above a secondary axis.
    above = ax.secondary_xaxis("top")
    above.set_xticks([answer.lr], [f"suggested {answer.lr:.2e}"], fontsize="small", color=SUGGESTED)
    above.tick_params(length=0, pad=1)
    above.xaxis.minorticks_off()


def _draw_expected(ax: Axes, curves: SweepCurves, row: CurveRow) -> None:
    """The expected minimum, and a bar for the interval of the minimum averaged over seeds."""
    minimum, height = row.minimum, curves.minimum(CENTRED).loss
    ax.plot(
        minimum.lr, minimum.loss, label=f"{row.label} minimum {minimum.lr:.2e}", markersize=8,
        markeredgecolor="white", zorder=4.5, **STYLES[EXPECTED],
    )  # fmt: skip
    low, high = curves.posterior.interval()
    ax.plot(
        [low, minimum.lr, high], [height] * 3,
        color=STYLES[CENTRED]["color"], linewidth=1.2, zorder=3.5,
        marker="|", markersize=9, markeredgewidth=1.2,
        label=f"mean minimum over seeds, {CONFIDENCE:.0%} interval",
    )  # fmt: skip


def band_label(answer: Suggestion) -> str:
    """The legend's words for the interval."""
    return f"best rate, {CONFIDENCE:.0%} interval ({words(answer.verdict.name)})"
