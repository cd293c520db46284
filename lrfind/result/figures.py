"""The two figures of a sweep: its curves, and its minimum against beta."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.calibration import CONFIDENCE
from lrfind.analysis.comparison import CurveRow, compare
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.suggestion import Suggestion
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.report import decades
from lrfind.result.titles import inches, title, title_verdict
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's colours, told apart in every common colour blindness; the line styles and the
# different greys they turn into tell the curves apart without colour.
STYLES: dict[str, dict[str, Any]] = {
    "raw": {"color": "#9a9a9a", "marker": "o", "linestyle": "none"},
    "centred": {"color": "#000000", "marker": "o", "linestyle": "-"},
    "ema": {"color": "#56b4e9", "marker": "s", "linestyle": ":"},
    "debiased": {"color": "#d55e00", "marker": "D", "linestyle": "--"},
}
PROBE: dict[str, Any] = {"color": "#cc79a7", "linestyle": "-."}
SUGGESTED = "#009e73"
TEXT: dict[str, Any] = {
    "fontsize": "small",
    "bbox": {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
}
"""Of labels beside lines: on white, as raw losses may lie below them."""
BAND: dict[str, Any] = {"color": SUGGESTED, "alpha": 0.12, "linewidth": 0, "zorder": 0.2}
SMALL = 4.5
"""Inches of width, below which the legend shrinks."""
BETAS = 1 - np.geomspace(1, 0.01, 41)
"""From 0 to 0.99, evenly spaced in the logarithm of the window 1 / (1 - beta)."""


def plot_curves(
    result: RangeTestResult,
    ax: Axes | None = None,
    *,
    beta: float = 0.98,
    source: str = "train",
    **raw_style: Any,
) -> Axes:
    """Draw the curves of a sweep; see `RangeTestResult.plot`."""
    from matplotlib import cbook
    from matplotlib.lines import Line2D

    ax = new_axes() if ax is None else ax
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    curves = _curves_or_title(result, ax, source)
    if curves is None:
        ax.plot(result.lr, result.loss, **STYLES["raw"])
        return ax
    rows = {row.curve: row for row in compare(curves, (beta,)).rows}
    style = {"markersize": 3, "alpha": 0.6, "zorder": 1, "label": _label(rows["raw"])}
    style |= cbook.normalize_kwargs(raw_style, Line2D)
    ax.plot(curves.lr, curves.loss, **(STYLES["raw"] | style))
    if source == "train" and result.probe.size:
        draw_probe(ax, result)
    for row in (rows["ema"], rows["debiased"], rows["centred"]):
        drawn = curves.fit.smooth if row.curve == "centred" else curves.curve(row.curve, beta)
        line = {"color": STYLES[row.curve]["color"], "linestyle": STYLES[row.curve]["linestyle"]}
        ax.plot(curves.lr, drawn, linewidth=1.8, label=_label(row), **line)
        _mark_minimum(ax, row)
    _mark_minimum(ax, rows["raw"])
    low, high = y_limits(curves)
    ax.set_ylim(low, high)
    _draw_shift(ax, rows["raw"], rows["debiased"], low + 0.09 * (high - low))
    answer = result.suggest(source=source)
    if isinstance(answer, Suggestion):
        _draw_suggestion(ax, answer)
        _draw_uncertainty(ax, curves)
    title_verdict(ax, answer)
    _draw_legend(ax)
    return ax


def plot_betas(result: RangeTestResult, ax: Axes | None = None, *, source: str = "train") -> Axes:
    """Draw minimum and suggested rate against beta; see `RangeTestResult.plot_betas`."""
    ax = new_axes() if ax is None else ax
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("beta (spaced by the window 1 / (1 - beta))")
    ax.set_ylabel("learning rate")
    shown = np.array([0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99])
    ax.set_xticks(1 / (1 - shown), [f"{beta:g}" for beta in shown])
    ax.xaxis.minorticks_off()
    curves = _curves_or_title(result, ax, source)
    if curves is None:
        return ax
    if curves.sweep_flags:
        title(ax, curves.sweep_flags[0].value)
        return ax
    raw, centred = curves.minimum("raw").lr, curves.minimum("centred").lr
    answer = result.suggest(source=source)
    window = 1 / (1 - BETAS)
    ema, debiased = (minima_against_beta(curves, name) for name in ("ema", "debiased"))
    hollow: dict[str, Any] = STYLES["ema"] | {"markersize": 7, "fillstyle": "none"}
    ax.plot(window, ema, label="EMA minimum, after its burn-in", **hollow)
    ax.plot(window, debiased, label="debiased EMA minimum", markersize=3.5, **STYLES["debiased"])
    tenth: dict[str, Any] = {"color": STYLES["debiased"]["color"], "linewidth": 1.2}
    ax.plot(window, debiased / 10, label="one decade below the debiased minimum", **tenth)
    # Where smoothing moves the minimum by a decade, its tenth is no longer below the raw minimum.
    risky = debiased / 10 >= raw
    if risky.any():
        cross: dict[str, Any] = {"color": "black", "marker": "x", "linestyle": "none", "zorder": 4}
        ax.plot(window[risky], debiased[risky] / 10, label="not below the raw minimum", **cross)
    ax.axhline(centred, color="black", linewidth=1.2, label=f"centred minimum {centred:.2e}")
    if isinstance(answer, Suggestion):
        ax.axhline(answer.lr, color=SUGGESTED, label=f"suggested rate {answer.lr:.2e}")
        if answer.interval:
            ax.axhspan(*answer.interval, label=_band_label(answer), **BAND)
    title_verdict(ax, answer)
    ax.axhline(raw, color="0.5", linewidth=1.2, linestyle="-.", label=f"raw minimum {raw:.2e}")
    _draw_legend(ax)
    return ax


def minima_against_beta(curves: SweepCurves, name: str) -> Array:
    """The rate at the minimum of a curve for each of `BETAS`; NaN, a gap, where it has none."""
    minima = [curves.minimum(name, float(beta)) for beta in BETAS]
    return np.array([minimum.lr if minimum.usable else np.nan for minimum in minima])


def y_limits(curves: SweepCurves) -> tuple[float, float]:
    """Limits that show the descent: the blow-up may leave the picture.

    Args:
        curves: The sweep.

    Returns:
        Just below the lowest loss, and above the initial level by a third of the descent.
    """
    lowest = float(curves.loss.min())
    descended = curves.fit.descended
    before = curves.loss[: int(np.argmin(curves.fit.curve)) + 1] if descended else curves.loss
    highest = max(float(np.quantile(before, 0.98)), curves.fit.level)
    height = (highest - lowest) or 1.0
    return lowest - 0.25 * height, highest + 0.35 * height


def new_axes() -> Axes:
    """The axes of a new figure of usual size."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    return ax


def _curves_or_title(result: RangeTestResult, ax: Axes, source: str) -> SweepCurves | None:
    """The curves, or None and the reason as the title."""
    try:
        return result.curves(source)
    except CannotTellError as error:
        title(ax, str(error))
        return None


def _draw_legend(ax: Axes) -> None:
    """The legend, small enough to leave a small picture to its curves."""
    small: dict[str, Any] = {"fontsize": 5, "labelspacing": 0.25, "handlelength": 1.8}
    size = {"fontsize": "small"} if inches(ax) > SMALL else small
    ax.legend(loc="best", framealpha=0.9, **size)


def _label(row: CurveRow) -> str:
    where = f", minimum {row.minimum.lr:.2e}" if row.minimum.usable else ""
    return row.label + where


def _mark_minimum(ax: Axes, row: CurveRow) -> None:
    if row.minimum.usable:
        marker = {"color": STYLES[row.curve]["color"], "marker": STYLES[row.curve]["marker"]}
        # The EMA's minimum mostly lies under that of the debiased one; larger, it still shows.
        size = 12 if row.curve == "ema" else 8
        ax.plot(
            row.minimum.lr, row.minimum.loss, markersize=size, markeredgecolor="white", zorder=4,
            linestyle="none", **marker,
        )  # fmt: skip


def _draw_shift(ax: Axes, raw: CurveRow, smoothed: CurveRow, height: float) -> None:
    """An arrow along the bottom, from below the raw minimum to below the smoothed one."""
    if smoothed.from_raw is None:
        return
    start, end = raw.minimum.lr, smoothed.minimum.lr
    color = STYLES["debiased"]["color"]
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


def draw_probe(ax: Axes, result: RangeTestResult) -> None:
    """The losses on the probe batch, at the rates that moved them."""
    every = result.settings.probe_every
    rates, values = result.lr[every - 1 :: every], result.probe[every - 1 :: every]
    ax.plot(rates, values, label="probe batch", linewidth=1.2, zorder=1.5, **PROBE)


def _draw_suggestion(ax: Axes, answer: Suggestion) -> None:
    """The suggested rate as a line, in the band of its interval."""
    if answer.interval:
        ax.axvspan(*answer.interval, label=_band_label(answer), **BAND)
    ax.axvline(answer.lr, color=SUGGESTED, linewidth=1.5, zorder=0.5)
    # Above the axes nothing lies below it, and matplotlib keeps a title clear of an axis there.
    above = ax.secondary_xaxis("top")
    above.set_xticks([answer.lr], [f"suggested {answer.lr:.2e}"], fontsize="small", color=SUGGESTED)
    above.tick_params(length=0, pad=1)
    above.xaxis.minorticks_off()


def _draw_uncertainty(ax: Axes, curves: SweepCurves) -> None:
    """A bar at the height of the centred minimum, over where it lies on average over seeds.

    The tick in the middle is the expected minimum, that the suggestion is made of.
    """
    (low, high), height = curves.posterior.interval(), curves.minimum("centred").loss
    ax.plot(
        [low, curves.posterior.mean, high], [height] * 3,
        color=STYLES["centred"]["color"], linewidth=1.2, zorder=3.5,
        marker="|", markersize=9, markeredgewidth=1.2,
        label=f"minimum over seeds, {CONFIDENCE:.0%}",
    )  # fmt: skip


def _band_label(answer: Suggestion) -> str:
    verdict = answer.verdict.name.lower().replace("_", " ")
    return f"suggested, {CONFIDENCE:.0%} interval ({verdict})"
