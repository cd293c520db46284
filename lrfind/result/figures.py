"""The figure of a sweep: what its losses and their average say, and the rate to train with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.centred_line import BESIDE
from lrfind.analysis.curves import CENTRED, RAW, SweepCurves
from lrfind.analysis.defaults import BETA
from lrfind.analysis.flags import Flag
from lrfind.analysis.noise import running_median
from lrfind.analysis.smoothing import SMOOTHERS, USUAL, debias_steps, settled
from lrfind.comparison.compare import curve_rows
from lrfind.comparison.curve_rows import CurveRow
from lrfind.result.detail_figure import draw_detail
from lrfind.result.marks import (
    STYLES,
    TRIANGLE,
    band_name,
    line_colour,
    mark_minima,
    name_along,
    name_line,
    text_colour,
)
from lrfind.result.titles import title_answer
from lrfind.support import axes
from lrfind.support.arrays import Array
from lrfind.support.axes import BAND, SUGGESTED, font_size, rate_axes, title
from lrfind.support.labels import AROUND, BELOW, Labels
from lrfind.support.text import decades, rate, times

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

Points = tuple[Array, Array]
"""Learning rates and losses."""

OF_A_SUGGESTION = ("suggest", "suggest_lr", "show_lr")
"""What other finders' `plot` calls the choice of the rate to draw."""
AN_ANSWER = "an answer of `suggest`; without it the default one is drawn"
FOOT = 1.9, 4.0
"""Height of the arrow between two minima above the axis, in marks on it and in lines of text."""
LEAST_HEIGHT = 1e-12
"""Of the part of the loss axis that is shown, as a share of the losses: ticks have few digits."""
CLIMBED = 0.05
"""Share of its height that an average without a fall may still be missing when it is shown."""


def plot_curves(
    curves: SweepCurves,
    answer: Suggestion | CannotTell,
    probe: Points | None = None,
    ax: Axes | None = None,
    *,
    beta: float = BETA,
    shown: slice = slice(None),
    detail: bool = False,
    **raw_style: Any,
) -> Axes:
    """Draw the curves of a sweep; see `RangeTestResult.plot`."""
    ax = rate_axes(ax)
    axes.keep_to_floats(ax.xaxis, np.sort(np.hstack([curves.lr, *(probe or ())[:1]])), curves.unit)
    rows = {row.curve: row.drawn_in(curves.unit) for row in curve_rows(curves, (beta,))}
    ax.set_ylim(y_limits(curves))
    labels = Labels(ax)
    smoothed = Flag.SMOOTHED in curves.sweep_flags
    raw = _draw_raw(ax, labels, curves, shown, {"label": f"{rows[RAW].label} losses"} | raw_style)
    if detail:
        draw_detail(ax, labels, curves, rows, shown)
    low, high = ax.get_ylim()
    _make_room(ax, low, high, floor=0.0 if curves.loss.min() >= 0 else low)
    if isinstance(answer, Suggestion):
        _draw_rate(ax, labels, answer)
    # An average of averages is no curve to look at.
    compared = [rows[RAW], *([] if smoothed else [rows[USUAL]])]
    mark_minima(ax, labels, compared, [rows[CENTRED]] if detail else [])
    if not smoothed:
        _draw_shift(ax, labels, *compared)
        _draw_averages(ax, labels, curves, beta, shown)
    if probe is not None:
        probe = probe[0], probe[1] / curves.unit
        draw_probe(ax, *probe)
        name_line(ax, labels, "probe batch", *probe, color=axes.PROBE["color"])
    if isinstance(answer, Suggestion):
        _name_band(labels, answer)
    name = str(raw.get_label())
    name_along(ax, labels, name, curves.lr[shown], curves.loss[shown], color=text_colour(ax, RAW))
    title_answer(ax, answer)
    return ax


def plot_reason(reason: str, points: Points | None = None, ax: Axes | None = None) -> Axes:
    """Draw the raw losses of a sweep that has no curves, with the reason as title."""
    ax = rate_axes(ax)
    if points is not None:
        ax.plot(*points, **STYLES[RAW])
    title(ax, f"No rate: {reason}")
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
    # A single bad batch may leave the figure too, a hump before the descent may not.
    hump = float(running_median(before, BESIDE).max())
    highest = max(float(np.quantile(before, 0.95)), hump, curves.fit.level)
    height = max((highest - lowest) or 1.0, LEAST_HEIGHT * abs(lowest))
    return lowest - 0.25 * height, highest + 0.35 * height


def draw_probe(ax: Axes, rates: Array, losses: Array) -> None:
    """Draw the probe losses, each at the learning rate of the update before it."""
    ax.plot(rates, losses, label="probe batch", linewidth=1.2, zorder=1.5, **axes.PROBE)


def require_line_style(style: dict[str, Any]) -> None:
    """Raise if one of these is no property of matplotlib's lines."""
    from matplotlib.lines import Line2D

    for name in style:
        if name in OF_A_SUGGESTION:
            raise TypeError(f"`plot` has no argument `{name}`: pass `suggestion=`, {AN_ANSWER}.")
        if not hasattr(Line2D, f"set_{name}"):
            raise TypeError(f"`plot` has no argument `{name}`, nor have matplotlib's lines.")


def _draw_raw(
    ax: Axes, labels: Labels, curves: SweepCurves, shown: slice, raw_style: dict[str, Any]
) -> Line2D:
    from matplotlib import cbook
    from matplotlib.lines import Line2D

    style = {
        "markersize": 3,
        "alpha": 0.6,
        "zorder": 1,
        "markeredgewidth": 0,
    }
    style |= cbook.normalize_kwargs(raw_style, Line2D)
    (raw,) = ax.plot(curves.lr[shown], curves.loss[shown], **(STYLES[RAW] | style))
    labels.spare_points(curves.lr[shown], curves.loss[shown])
    return raw


def _draw_rate(ax: Axes, labels: Labels, answer: Suggestion) -> None:
    """The suggested learning rate as a line, with its interval as a band."""
    if answer.interval:
        ax.axvspan(*answer.interval, label=band_name(), **BAND)
    said = f"train at {rate(answer.lr)}"
    ax.axvline(answer.lr, color=SUGGESTED, linewidth=1.8, zorder=0.5, label=said)
    # At the bottom, where triangles mark the rates beside it, a label may lie across the line.
    labels.spare_line([answer.lr] * 2, [0.15, 1], on_axis=True)
    labels.add(
        said, answer.lr, np.linspace(1, 0.5, 12), on_axis=True, around=[(-1, -1), (1, -1)],
        color=SUGGESTED, weight="bold",
    )  # fmt: skip


def _name_band(labels: Labels, answer: Suggestion) -> None:
    """The name of the interval, in the band, at its top if there is room."""
    if answer.interval is None:
        return
    low, high = np.log10(answer.interval)
    places, heights = np.meshgrid(np.linspace(low, high, 9)[1:-1], np.linspace(1, 0.2, 17))
    # From the top down, and in each row from the middle outwards.
    order = np.lexsort([np.abs(places.ravel() - (low + high) / 2), -heights.ravel()])
    labels.add(
        band_name(), 10 ** places.ravel()[order], heights.ravel()[order], on_axis=True,
        around=[BELOW], color=SUGGESTED,
    )  # fmt: skip


def _draw_shift(ax: Axes, labels: Labels, raw: CurveRow, smoothed: CurveRow) -> None:
    """An arrow from below the raw minimum to below the smoothed one, with what it joins."""
    if smoothed.from_raw is None or smoothed.from_raw.steps == 0:
        return
    start, end = raw.minimum.lr, smoothed.minimum.lr
    color = STYLES[USUAL]["color"]
    low, high = ax.get_ylim()
    height = low + _foot(ax) * (high - low)
    for row in (raw, smoothed):
        ax.vlines(row.minimum.lr, height, row.minimum.loss, color=color, linewidth=0.8, alpha=0.6)
        labels.spare_line([row.minimum.lr] * 2, [height, row.minimum.loss])
    ax.annotate(
        "", (end, height), (start, height), zorder=3,
        arrowprops={"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0},
    )  # fmt: skip
    along = np.geomspace(start, end, 20)
    labels.keep_clear(along, height, 3)
    labels.add(
        f"raw to {SMOOTHERS[USUAL].label} minimum:\n"
        f"{times(smoothed.from_raw.decades)} ({decades(smoothed.from_raw.decades)} decades)",
        along[np.argsort(np.abs(np.arange(20) - 10), kind="stable")], height, size=3, color=color,
        around=(BELOW, *AROUND),
    )  # fmt: skip


def _make_room(ax: Axes, low: float, high: float, floor: float) -> None:
    """Room for labels below the losses; no ticks below `floor`, where no loss could lie."""
    from lrfind.support.ticks import TicksFrom

    ax.yaxis.set_major_locator(TicksFrom(floor))
    ax.set_ylim(low - _foot(ax) * (high - low), high)


def _foot(ax: Axes) -> float:
    """Height of the arrow between two minima, as a share of the height of the axes."""
    marks, lines = FOOT
    points = marks * TRIANGLE + lines * font_size(ax)
    return min(0.3, points * ax.figure.dpi / 72 / ax.bbox.height)


def _draw_averages(
    ax: Axes, labels: Labels, curves: SweepCurves, beta: float, shown: slice
) -> None:
    """The averages with their names; one that starts from 0 only after its climb.

    It then runs into the debiased one, so it is wide, pale and underneath.
    """
    for name, smoother in reversed(SMOOTHERS.items()):
        values = curves.curve(name, beta).copy()
        look: dict[str, Any] = {"linewidth": 2.0, "zorder": 2.2, "linestyle": "-"}
        if smoother.climbs:
            values[: climbed(curves, name, beta)] = math.nan
            look = {"linewidth": 5.0, "zorder": 2.0, "linestyle": "-", "alpha": 0.6}
        ax.plot(
            curves.lr[shown], values[shown], label=f"{smoother.label} {beta:g}",
            color=line_colour(ax, name), **look,
        )  # fmt: skip
        said = f"{smoother.label}, beta {beta:g}" if name == USUAL else f"plain {smoother.label}"
        name_line(
            ax, labels, said, curves.lr[shown], values[shown], color=text_colour(ax, name),
            width=look["linewidth"],
        )  # fmt: skip


def climbed(curves: SweepCurves, name: str, beta: float) -> int:
    """The step from which an average that starts from 0 is shown.

    Where its climb ends and its fall begins; without a fall, where `debias_steps` says.
    """
    if curves.minimum(name, beta).usable:
        return settled(name, curves.fit.curve, beta)
    return debias_steps(beta, tolerance=CLIMBED)
