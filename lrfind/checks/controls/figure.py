"""The figure of a sweep and its controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.curves import CENTRED, SweepCurves
from lrfind.analysis.schedule import producing_lr
from lrfind.checks.controls.attribution import TimeShare
from lrfind.checks.controls.numbers import TIME, TIME_CORRECTED, ControlNumbers
from lrfind.checks.controls.text import percent
from lrfind.result.constant_run import ConstantRun
from lrfind.result.figures import draw_probe, y_limits
from lrfind.support.arrays import Array
from lrfind.support.axes import BLACK, BLUE, GREEN, ORANGE, RAW, RED, TEXT, rate_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LABEL = "learning rate of the sweep (controls are aligned by batch)"
DOTS: dict[str, Any] = RAW | {"markersize": 3, "alpha": 0.6, "zorder": 1}
CONSTANT: dict[str, Any] = {"color": ORANGE, "linewidth": 2.6}
SECOND: dict[str, Any] = {"color": GREEN, "linewidth": 1.2}
FROZEN: dict[str, Any] = {"color": BLUE, "linewidth": 0.8, "zorder": 2.1}
SWEEP: dict[str, Any] = {"color": BLACK, "linestyle": "-"}
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
    _draw_centred(ax, sweep, "sweep, centred", SWEEP)
    _draw_centred(ax, corrected, f"{TIME_CORRECTED}, centred", CORRECTED)
    # Show the descent both with and without the effect of training time.
    lows, highs = zip(y_limits(sweep), y_limits(corrected), strict=True)
    ax.set_ylim(min(lows), max(highs))
    _draw_share(ax, numbers.time, sweep.minimum(CENTRED).loss)
    # Above the axes: inside, this many entries would hide part of the curves.
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize="small", frameon=False)
    return ax


def _draw_run(ax: Axes, rates: Array, run: ConstantRun, style: dict[str, Any]) -> None:
    label = f"constant LR {run.lr:.2e}"
    ax.plot(rates[: run.loss.size], run.loss, label=label, zorder=2, alpha=0.8, **style)


def _draw_centred(ax: Axes, curves: SweepCurves, name: str, style: dict[str, Any]) -> None:
    """The centred curve up to where it diverges, and its minimum."""
    lowest = curves.minimum(CENTRED)
    where = f", minimum {lowest.lr:.2e}" if lowest.usable else ""
    blown_up = np.flatnonzero(np.isnan(curves.fit.smooth))
    part = slice(0, int(blown_up[0]) if blown_up.size else None)
    ax.plot(
        curves.lr[part], curves.fit.smooth[part], label=name + where, linewidth=1.8, zorder=3,
        **style,
    )  # fmt: skip
    if lowest.usable:
        ax.plot(
            lowest.lr, lowest.loss, marker="o", markersize=8, color=style["color"],
            markeredgecolor="white", linestyle="none", zorder=4,
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
        (0, -9), textcoords="offset points", ha="center", va="top", color=color, zorder=5, **TEXT,
    )  # fmt: skip
