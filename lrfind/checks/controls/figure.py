"""The figure of a sweep and its controls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.schedule import producing_lr
from lrfind.checks.controls.record import Controls
from lrfind.checks.controls.text import percent
from lrfind.result.figures import STYLES, draw_probe, y_limits
from lrfind.support.axes import SUGGESTED, TEXT, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lrfind.result.constant_run import ConstantRun

CONSTANT: dict[str, Any] = {"color": "#e69f00", "linestyle": "-", "linewidth": 2.6}
FROZEN: dict[str, Any] = {"color": "#0072b2", "linestyle": "-", "linewidth": 0.8}
ADJUSTED: dict[str, Any] = {"color": "#d55e00", "linestyle": "--"}
SECOND: dict[str, Any] = {"color": SUGGESTED, "linestyle": "-", "linewidth": 1.2}


def plot_controls(controls: Controls, ax: Axes | None = None) -> Axes:
    """Draw a sweep, its controls and the sweep with time taken off; see `Controls.plot`."""
    ax = new_axes() if ax is None else ax
    ax.set_xscale("log")
    ax.set_xlabel("learning rate of the sweep (the controls: same batch at the same place)")
    ax.set_ylabel("loss")
    sweep, without = controls.result.curves(), controls.curves("time")
    dots = STYLES["raw"] | {"markersize": 3, "alpha": 0.6, "zorder": 1}
    ax.plot(sweep.lr, sweep.loss, label="sweep", **dots)
    _draw_run(ax, controls, controls.constant, CONSTANT)
    if controls.suggested is not None:
        _draw_run(ax, controls, controls.suggested, SECOND)
    if controls.frozen.size:
        count = sweep.loss.size
        ax.plot(sweep.lr, controls.frozen[:count], label="weights left alone", zorder=2.1, **FROZEN)
    if controls.result.probe.size:
        draw_probe(ax, controls.result)
    _draw_centred(ax, sweep, "sweep, centred", {"color": "black", "linestyle": "-"})
    _draw_centred(ax, without, "time taken off, centred", ADJUSTED)
    ax.set_ylim(*_limits(controls))
    _say_share(ax, controls)
    # So many entries hide something wherever they are put inside.
    ax.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize="small", frameon=False
    )  # fmt: skip
    return ax


def _draw_run(ax: Axes, controls: Controls, run: ConstantRun, style: dict[str, Any]) -> None:
    rates = producing_lr(controls.result.lr)[: run.loss.size]
    ax.plot(rates, run.loss, label=f"constant {run.lr:.2e}", zorder=2, alpha=0.8, **style)


def _draw_centred(ax: Axes, curves: SweepCurves, name: str, style: dict[str, Any]) -> None:
    """The centred curve up to its blow-up, and its minimum."""
    lowest = curves.minimum("centred")
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


def _limits(controls: Controls) -> tuple[float, float]:
    """Limits that show the descent of the sweep, with and without time."""
    low, high = y_limits(controls.result.curves())
    other_low, other_high = y_limits(controls.curves("time"))
    return min(low, other_low), max(high, other_high)


def _say_share(ax: Axes, controls: Controls) -> None:
    """At the minimum, how much of the fall is time: from the adjusted curve down to the sweep."""
    time = controls.time
    if time.share is None or time.time_fall <= 0:
        return
    low = controls.result.curves().minimum("centred").loss
    ax.vlines(time.lr, low, low + time.time_fall, color=ADJUSTED["color"], linewidth=1.2, zorder=2)
    ax.annotate(
        f"{percent(time.share)} of the fall is time", (time.lr, low), (0, -9),
        textcoords="offset points", ha="center", va="top", color=ADJUSTED["color"], zorder=5,
        **TEXT,
    )  # fmt: skip
