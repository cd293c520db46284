"""The minimum of a sweep, and the rate one decade below it, plotted against beta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.curves import CENTRED, EXPECTED, RAW, SweepCurves
from lrfind.analysis.defaults import BETA, FACTOR
from lrfind.analysis.posterior import FARTHEST
from lrfind.analysis.smoothing import SMOOTHERS, USUAL
from lrfind.comparison.curve_rows import curve_row
from lrfind.comparison.table import with_error
from lrfind.result.marks import STYLES, band_name
from lrfind.result.titles import title_answer
from lrfind.support import axes
from lrfind.support.arrays import Array
from lrfind.support.axes import BAND, SUGGESTED, draw_legend, ink
from lrfind.support.labels import Labels
from lrfind.support.text import rate, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BETAS = 1 - np.geomspace(1, 0.01, 41)
"""From 0 to 0.99, evenly spaced in the logarithm of the window 1 / (1 - beta)."""

ARROW = 6.0
"""Width of an arrow's head, in points."""


def plot_betas(
    curves: SweepCurves, answer: Suggestion | CannotTell, ax: Axes | None = None
) -> Axes:
    """Draw minimum and suggested learning rate against beta; see `RangeTestResult.plot_betas`."""
    ax = beta_axes(ax)
    axes.keep_to_floats(ax.yaxis, curves.lr)
    if curves.sweep_flags:
        title_answer(ax, answer)
        return ax
    raw, window = curves.minimum(RAW).lr, 1 / (1 - BETAS)
    minima = {name: minima_against_beta(curves, name) for name in SMOOTHERS}
    for name, smoother in SMOOTHERS.items():
        # Hollow and larger: at most betas these lie underneath those of the debiased average.
        size = {"markersize": 7, "fillstyle": "none"} if smoother.climbs else {"markersize": 3.5}
        after = ", after its burn-in" if smoother.climbs else ""
        label = f"{smoother.label} minimum{after}"
        ax.plot(window, minima[name], label=label, **(STYLES[name] | size))
    tenth: dict[str, Any] = {"color": STYLES[USUAL]["color"], "linewidth": 1.2}
    below, usual = minima[USUAL] / FACTOR, words(USUAL)
    ax.plot(window, below, label=f"one decade below the {usual} minimum", **tenth)
    # Where smoothing moves the minimum by a decade, a tenth of it is not below the raw minimum.
    risky = below >= raw
    if risky.any():
        cross: dict[str, Any] = {"color": ink(ax), "marker": "x", "linestyle": "none", "zorder": 4}
        ax.plot(window[risky], below[risky], label="not below the raw minimum", **cross)
    _draw_shift(ax, curves, [*minima.values(), below])
    _draw_rates(ax, curves, answer)
    title_answer(ax, answer)
    draw_legend(ax)
    return ax


def _draw_shift(ax: Axes, curves: SweepCurves, drawn: Sequence[Array]) -> None:
    """How far smoothing with the usual beta moves the rate one decade below, as an arrow."""
    row = curve_row(curves, USUAL, BETA)
    if row.smoothing is None or not row.minimum.usable:
        return
    window, end = 1 / (1 - BETA), row.decade_below
    start = float(10 ** np.clip(np.log10(end) - row.smoothing, -FARTHEST, FARTHEST))
    color = STYLES[USUAL]["color"]
    arrow = {"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (window, end), (window, start), arrowprops=arrow, zorder=4)
    labels = Labels(ax)
    for line in drawn:
        labels.spare_line(1 / (1 - BETAS), line)
    heights = np.geomspace(start, end, 9)
    labels.keep_clear(window, heights, ARROW)
    labels.add(
        f"{with_error(row.smoothing, row.error)} decades by smoothing", window, heights,
        size=ARROW, color=color,
    )  # fmt: skip


def beta_axes(ax: Axes | None = None) -> Axes:
    """Axes for learning rates against beta; new ones if None."""
    ax = axes.new_axes() if ax is None else ax
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("beta (spaced by the window 1 / (1 - beta))")
    ax.set_ylabel("learning rate")
    shown = np.array([0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99])
    ax.set_xticks(1 / (1 - shown), [f"{beta:g}" for beta in shown])
    ax.xaxis.minorticks_off()
    return ax


def _draw_rates(ax: Axes, curves: SweepCurves, answer: Suggestion | CannotTell) -> None:
    """The learning rates that do not depend on beta, as horizontal lines."""
    rates = {name: curves.minimum(name).lr for name in (CENTRED, RAW)}
    styles: dict[str, Any] = {
        CENTRED: {"color": ink(ax)},
        RAW: {"color": "0.5", "linestyle": "-."},
        EXPECTED: {"color": SUGGESTED, "linestyle": ":"},
    }
    if isinstance(answer, Suggestion):
        rates[EXPECTED] = curves.posterior.mean
        ax.axhline(answer.lr, color=SUGGESTED, label=f"train at {rate(answer.lr)}")
        if answer.interval:
            ax.axhspan(*answer.interval, label=band_name(), **BAND)
    for name, lr in rates.items():
        ax.axhline(lr, linewidth=1.2, label=f"{name} minimum {rate(lr)}", **styles[name])


def minima_against_beta(curves: SweepCurves, name: str) -> Array:
    """Learning rate at the minimum of a curve for each of `BETAS`; NaN where it is unusable."""
    minima = [curves.minimum(name, float(beta)) for beta in BETAS]
    return np.array([minimum.lr if minimum.usable else np.nan for minimum in minima])
