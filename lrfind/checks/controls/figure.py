"""The figure of a sweep and its controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrfind.analysis.centred_line import centred_line
from lrfind.analysis.curves import CENTRED, SweepCurves
from lrfind.analysis.schedule import producing_lr
from lrfind.checks.controls.attribution import TimeShare
from lrfind.checks.controls.numbers import TIME, TIME_CORRECTED, ControlNumbers
from lrfind.checks.controls.text import percent
from lrfind.result.constant_run import ConstantRun
from lrfind.result.figures import draw_probe, y_limits
from lrfind.support.arrays import Array
from lrfind.support.axes import (
    BLUE,
    GREEN,
    ORANGE,
    RAW,
    RED,
    draw_legend,
    ink,
    paper,
    rate_axes,
    text_style,
)
from lrfind.support.text import rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABEL = "learning rate of the sweep (controls are aligned by batch)"
DOTS: dict[str, Any] = RAW | {"markersize": 3, "alpha": 0.6, "zorder": 1}
CONSTANT: dict[str, Any] = {"color": ORANGE, "linewidth": 2.6}
SECOND: dict[str, Any] = {"color": GREEN, "linewidth": 1.2}
FROZEN: dict[str, Any] = {"color": BLUE, "linewidth": 0.8, "zorder": 2.1}
SWEEP: dict[str, Any] = {"linestyle": "-"}
CORRECTED: dict[str, Any] = {"color": RED, "linestyle": "--"}


def plot_controls(numbers: ControlNumbers, ax: Axes | None = None) -> Axes:
    """Draw a sweep, its controls and the time-corrected sweep; see `Controls.plot`."""
    ax = rate_axes(ax, LABEL)
    result, sweep, corrected = numbers.result, numbers.result.curves(), numbers.curves(TIME)
    rates = producing_lr(result.lr)
    ax.plot(sweep.lr, sweep.loss, label="sweep", **DOTS)
    _draw_run(ax, rates, numbers.constant, CONSTANT)
    if numbers.suggested is not None:
        _draw_run(ax, rates, numbers.suggested, SECOND)
    if numbers.frozen.size:
        frozen = numbers.frozen[: sweep.loss.size]
        ax.plot(sweep.lr, frozen, label="frozen-weights control", **FROZEN)
    if result.probe.size:
        draw_probe(ax, *result.probe_points)
    _draw_centred(ax, sweep, "sweep, centred", SWEEP | {"color": ink(ax)})
    _draw_centred(ax, corrected, f"{TIME_CORRECTED}, centred", CORRECTED)
    # Show the descent both with and without the effect of training time.
    lows, highs = zip(y_limits(sweep), y_limits(corrected), strict=True)
    ax.set_ylim(min(lows), max(highs))
    _draw_share(ax, numbers.time, sweep.minimum(CENTRED).loss)
    draw_legend(ax)
    return ax


def _draw_run(ax: Axes, rates: Array, run: ConstantRun, style: dict[str, Any]) -> None:
    label = f"constant LR {rate(run.lr)}"
    ax.plot(rates[: run.loss.size], run.loss, label=label, zorder=2, alpha=0.8, **style)


def _draw_centred(ax: Axes, curves: SweepCurves, name: str, style: dict[str, Any]) -> None:
    """The centred curve and its minimum."""
    lowest, line = curves.minimum(CENTRED), centred_line(curves)
    where = f", minimum {rate(lowest.lr)}" if lowest.usable else ""
    ax.plot(curves.lr, line, label=name + where, linewidth=1.8, zorder=3, **style)
    if lowest.usable:
        ax.plot(
            lowest.lr, line[lowest.step], marker="o", markersize=8, color=style["color"],
            markeredgecolor=paper(ax), linestyle="none", zorder=4,
        )  # fmt: skip


def _draw_share(ax: Axes, time: TimeShare, low: float) -> None:
    """The part of the decrease due to training time, as a line up from the sweep's minimum."""
    if time.share is None or time.time_fall <= 0:
        return
    color = CORRECTED["color"]
    cut = f"\nof the first {time.time_step} steps" if time.time_step < time.step else ""
    ax.vlines(time.lr, low, low + time.time_fall, color=color, linewidth=1.2, zorder=2)
    ax.annotate(
        f"{percent(time.share)} of the loss decrease\nis training time alone{cut}", (time.lr, low),
        (0, -9), textcoords="offset points", ha="center", va="top", color=color, zorder=5,
        **text_style(ax),
    )  # fmt: skip
