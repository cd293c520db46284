"""The figures of a multi-task sweep: the curves of the tasks, and their scales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.centred_line import centred_line
from lrfind.analysis.curves import CENTRED, SweepCurves
from lrfind.analysis.defaults import NORMALIZER_BETA
from lrfind.analysis.smoothing import debiased_ema
from lrfind.multitask.disagreement import steps_with_task
from lrfind.support.arguments import require_beta
from lrfind.support.arrays import Array
from lrfind.support.axes import (
    BLACK,
    LINES,
    PALETTE,
    draw_legend,
    ink,
    new_figure,
    paper,
    rate_axes,
    shown_name,
)
from lrfind.support.text import rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = ("o", "s", "^", "D", "v", "P")
TOTAL: dict[str, Any] = {"color": BLACK, "marker": "*", "linestyle": "-"}


def plot_tasks(
    curves: Mapping[str, SweepCurves | str],
    answers: Mapping[str, Suggestion | CannotTell],
    ax: Axes | None = None,
) -> Axes:
    """Draw the curves of all tasks; see `RangeTestResult.plot_tasks`.

    Each curve has its own scale, since losses of 1000 and 1 do not fit on one: 0 is the minimum of
    its centred curve, 1 its initial level.

    Args:
        curves: Curves of the total first, then of each task, by name; or why there are none.
        answers: The suggestion from each of them.
        ax: Axes to draw on; a new figure if None.
    """
    ax = rate_axes(ax)
    ax.set_ylabel("loss, from its minimum (0) to its initial level (1)")
    for place, (name, drawn) in enumerate(curves.items()):
        style = _style(place - 1) if place else TOTAL | {"color": ink(ax)}
        label = shown_name(name)
        if isinstance(drawn, str):
            ax.plot([], [], label=f"{label}: {drawn}", **style)
        else:
            _draw_curve(ax, label, drawn, style, answers[name])
    ax.set_ylim(-0.45, 1.45)
    draw_legend(ax)
    return ax


def plot_task_scales(
    tasks: Mapping[str, Array],
    total: Array,
    axes: Sequence[Axes] | None = None,
    *,
    beta: float = NORMALIZER_BETA,
) -> tuple[Axes, Axes]:
    """Draw raw, average and normalised losses; see `RangeTestResult.plot_task_scales`."""
    beta = require_beta(beta)
    if axes is None:
        axes = new_figure(8, 6).subplots(2, 1, sharex=True)
    if len(axes) != 2:
        raise ValueError(f"`axes` must be two, got {len(axes)}.")
    upper, lower = axes
    upper.set_yscale("log")
    upper.set_ylabel("loss (dots) and its average")
    lower.set_ylabel("normalised loss")
    lower.set_xlabel("step of the sweep")
    lower.axhline(1, color="0.6", linewidth=0.8)
    for place, (name, steps, raw) in enumerate(_recorded(tasks, total)):
        style = _style(place)
        dots = {"marker": style["marker"], "linestyle": "none", "markersize": 3, "alpha": 0.5}
        average, label = debiased_ema(raw, beta), shown_name(name)
        upper.plot(steps, raw, color=style["color"], label=f"{label}, raw", **dots)
        line = {"color": style["color"], "linestyle": style["linestyle"], "linewidth": 1.8}
        upper.plot(steps, average, label=f"{label}, debiased EMA {beta:g}", **line)
        lower.plot(steps, raw / average, label=f"{label} / EMA", **(line | {"linewidth": 1.2}))
    for each in (upper, lower):
        each.legend(loc="best", fontsize="small", framealpha=0.9)
    return upper, lower


def scaled(curves: SweepCurves, values: Array) -> Array:
    """Rescale values so that 0 is the minimum of the centred curve and 1 its initial level."""
    lowest = float(curves.fit.curve.min())
    height = curves.fit.level - lowest if curves.fit.descended else float(np.ptp(curves.loss))
    scaled: Array = (values - lowest) / (height or 1.0)
    return scaled


def _recorded(tasks: Mapping[str, Array], total: Array) -> Iterator[tuple[str, Array, Array]]:
    """Name of each task, its steps with a finite loss, and those losses."""
    for name, losses in tasks.items():
        has_it = steps_with_task(losses, total) & np.isfinite(losses)
        yield name, np.flatnonzero(has_it).astype(np.float64), losses[has_it]


def _style(place: int) -> dict[str, Any]:
    return {
        "color": PALETTE[place % len(PALETTE)],
        "marker": MARKERS[place % len(MARKERS)],
        "linestyle": LINES[(place + 1) % len(LINES)],
    }


def _draw_curve(
    ax: Axes,
    label: str,
    curves: SweepCurves,
    style: dict[str, Any],
    answer: Suggestion | CannotTell,
) -> None:
    lowest = curves.minimum(CENTRED)
    label += f", minimum {rate(lowest.lr)}" if lowest.usable else ", no minimum"
    color, centred = style["color"], centred_line(curves)
    # The total is wide and underneath: a task that dominates it has nearly the same curve.
    is_total = style["marker"] == TOTAL["marker"]
    width, order = (3.5, 1.5) if is_total else (1.8, 2)
    line = {"color": color, "linestyle": style["linestyle"], "zorder": order}
    if isinstance(answer, Suggestion):
        label += f", train at {rate(answer.lr)}"
        ax.axvline(answer.lr, linewidth=0.7 * width, alpha=0.8, **line)
    dots: dict[str, Any] = {"marker": ".", "markersize": 2.5, "linestyle": "none", "alpha": 0.35}
    ax.plot(curves.lr, scaled(curves, curves.loss), color=color, zorder=1, **dots)
    ax.plot(curves.lr, scaled(curves, centred), label=label, linewidth=width, **line)
    if lowest.usable:
        # On the line, which runs beside the fitted minimum where a bad batch is next to it.
        size = 15 if is_total else 8
        height = scaled(curves, centred[[lowest.step]])
        ax.plot(
            [lowest.lr], height, color=color, marker=style["marker"], markersize=size,
            markeredgecolor=paper(ax), linestyle="none", zorder=3 if is_total else 4,
        )  # fmt: skip
