"""The figures of a sweep over several tasks: one curve each, and their scales."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.smoothing import debiased_ema
from lrfind.analysis.suggestion import CannotTell, Suggestion
from lrfind.multitask.disagreement import steps_with_task
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.arguments import require_beta
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's again; black is the total's.
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")
LINES = ("-", "--", "-.", ":")
TOTAL: dict[str, Any] = {"color": "black", "marker": "*", "linestyle": "-"}


def plot_tasks(result: RangeTestResult, ax: Axes | None = None) -> Axes:
    """Draw the curves of all tasks; see `RangeTestResult.plot_tasks`.

    Each is drawn on a scale of its own, as losses of 1000 and 1 share none: 0 is the lowest of its
    centred curve, 1 its initial level.
    """
    _require_tasks(result)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss, from its lowest (0) to its initial level (1)")
    names = {"total": "train", **{name: name for name in result.tasks}}
    for place, (label, source) in enumerate(names.items()):
        style = TOTAL if source == "train" else _style(place - 1)
        try:
            curves = result.curves(source)
        except CannotTellError as error:
            ax.plot([], [], label=f"{label}: {error}", **style)
            continue
        _draw_curve(ax, label, curves, style, result.suggest(source=source))
    ax.set_ylim(-0.45, 1.45)
    ax.legend(loc="lower left", fontsize="small", framealpha=0.9)
    return ax


def plot_task_scales(
    result: RangeTestResult, axes: Sequence[Axes] | None = None, *, beta: float = 0.99
) -> tuple[Axes, Axes]:
    """Draw raw, average and normalised losses; see `RangeTestResult.plot_task_scales`."""
    _require_tasks(result)
    beta = require_beta(beta)
    if axes is None:
        import matplotlib.pyplot as plt

        _, axes = plt.subplots(2, 1, sharex=True, figsize=(8, 6), layout="constrained")
    if len(axes) != 2:
        raise ValueError(f"`axes` must be two, got {len(axes)}.")
    upper, lower = axes
    upper.set_yscale("log")
    upper.set_ylabel("loss (dots) and its average")
    lower.set_ylabel("normalised loss")
    lower.set_xlabel("step of the sweep")
    lower.axhline(1, color="0.6", linewidth=0.8)
    for place, (name, steps, raw) in enumerate(_recorded(result)):
        style = _style(place)
        dots = {"marker": style["marker"], "linestyle": "none", "markersize": 3, "alpha": 0.5}
        average = debiased_ema(raw, beta)
        upper.plot(steps, raw, color=style["color"], label=f"{name}, raw", **dots)
        label = f"{name}, debiased EMA {beta:g}"
        line = {"color": style["color"], "linestyle": style["linestyle"], "linewidth": 1.8}
        upper.plot(steps, average, label=label, **line)
        lower.plot(steps, raw / average, label=f"{name} / EMA", **(line | {"linewidth": 1.2}))
    for each in (upper, lower):
        each.legend(loc="best", fontsize="small", framealpha=0.9)
    return upper, lower


def scaled(curves: SweepCurves, values: Array) -> Array:
    """Values on the scale of a sweep on which 0 is its lowest and 1 its initial level."""
    lowest = float(curves.fit.curve.min())
    height = curves.fit.level - lowest if curves.fit.descended else float(np.ptp(curves.loss))
    scaled: Array = (values - lowest) / (height or 1.0)
    return scaled


def _require_tasks(result: RangeTestResult) -> None:
    if not result.tasks:
        raise CannotTellError("no tasks were recorded: return a dictionary of losses")


def _recorded(result: RangeTestResult) -> Iterator[tuple[str, Array, Array]]:
    """Of each task its name, the steps that have it with a finite loss, and those losses."""
    for name, losses in result.tasks.items():
        has_it = steps_with_task(losses, result.loss) & np.isfinite(losses)
        yield name, np.flatnonzero(has_it).astype(np.float64), losses[has_it]


def _style(place: int) -> dict[str, Any]:
    return {
        "color": COLORS[place % len(COLORS)],
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
    lowest = curves.minimum("centred")
    label += f", minimum {lowest.lr:.2e}" if lowest.usable else ", no minimum"
    color = style["color"]
    # Wide and below the others: a task that makes up the total would hide it, or be hidden.
    is_total = style["marker"] == TOTAL["marker"]
    width, order = (3.5, 1.5) if is_total else (1.8, 2)
    line = {"color": color, "linestyle": style["linestyle"], "zorder": order}
    if isinstance(answer, Suggestion):
        label += f", suggested {answer.lr:.2e}"
        ax.axvline(answer.lr, linewidth=0.7 * width, alpha=0.8, **line)
    dots: dict[str, Any] = {"marker": ".", "markersize": 2.5, "linestyle": "none", "alpha": 0.35}
    ax.plot(curves.lr, scaled(curves, curves.loss), color=color, zorder=1, **dots)
    ax.plot(curves.lr, scaled(curves, curves.fit.smooth), label=label, linewidth=width, **line)
    if lowest.usable:
        size = 15 if is_total else 8
        height = scaled(curves, np.array([lowest.loss]))
        ax.plot(
            [lowest.lr], height, color=color, marker=style["marker"], markersize=size,
            markeredgecolor="white", linestyle="none", zorder=3 if is_total else 4,
        )  # fmt: skip
