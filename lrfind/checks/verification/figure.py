"""The figure of a verification: the loss that each trial reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.posterior import CONFIDENCE
from lrfind.analysis.verdict import Verdict
from lrfind.checks.verification.scores import TrialScores
from lrfind.checks.verification.trial import CARRIED_ON
from lrfind.support.arrays import Array
from lrfind.support.axes import (
    BAND,
    BLUE,
    GREY,
    RED,
    SKY,
    SUGGESTED,
    draw_legend,
    ink,
    rate_axes,
    title,
)
from lrfind.support.text import rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HALFWAY: dict[str, Any] = {"color": SKY, "marker": "s", "linestyle": ":"}
END: dict[str, Any] = {"color": BLUE, "marker": "o", "linestyle": "-"}
EXTRAPOLATED: dict[str, Any] = {"color": RED, "marker": "D", "linestyle": "--"}
LINE: dict[str, Any] = {"linewidth": 1.5, "zorder": 0.5}
MOST_TICKS = 6
"""With more trials than this the tick labels would overlap."""


def plot_verification(scores: TrialScores, ax: Axes | None = None) -> Axes:
    """Draw the loss of the trials against their learning rates; see `Verification.plot`."""
    ax = rate_axes(ax)
    rates, lines = scores.rates, _lines(scores)
    low, high = _limits(scores.level, [values for _, values, _ in lines])
    ax.set_ylim(low, high)
    if rates.size <= MOST_TICKS:
        ax.set_xticks(rates, [rate(each) for each in rates])
        ax.minorticks_off()
    for label, values, style in lines:
        ax.plot(rates, values, label=label, markersize=6, linewidth=1.8, **style)
        _mark_top(ax, rates[values > high], color=style["color"], marker="^")
    blown_up = rates[~np.isfinite(scores.scores)]
    named = ", ".join(rate(each) for each in blown_up)
    _mark_top(ax, blown_up, color=ink(ax), marker="X", label=f"diverged: {named}")
    if np.isfinite(scores.level):
        ax.axhline(scores.level, color=GREY, linewidth=1, label="before the first step")
    if not scores.all_blew_up:
        _draw_answer(ax, scores)
    if scores.suggested is not None and not scores.keeps_suggestion:
        label = f"suggestion {rate(scores.suggested)}"
        ax.axvline(scores.suggested, color=ink(ax), linestyle=":", label=label, **LINE)
    if scores.verdict is not Verdict.CLEAR:
        cause, _, _ = scores.reason.partition(": ")
        title(ax, scores.reason, cause)
    draw_legend(ax)
    return ax


def _lines(scores: TrialScores) -> list[tuple[str, Array, dict[str, Any]]]:
    """Label, losses and style of each line; a trial that diverged is a gap."""
    if scores.all_blew_up:
        return []
    lengths = {trial.run.loss.size for trial in scores.trials if trial.finite}
    steps = max(lengths)
    after = (f"after {steps // 2} steps", f"after {steps} steps")
    carried_on = f"extrapolated to {steps + round(CARRIED_ON * steps / 2)} steps"
    if len(lengths) > 1:
        after, carried_on = ("half-way", "at the end"), "extrapolated"
    values = np.array([(trial.halfway, trial.end) for trial in scores.trials])
    values = np.column_stack([values, scores.scores])
    values[~np.isfinite(scores.scores)] = np.nan
    halfway, end, extrapolated = values.T
    return [
        (after[0], halfway, HALFWAY),
        (after[1], end, END),
        (carried_on, extrapolated, EXTRAPOLATED),
    ]


def _limits(level: float, drawn: list[Array]) -> tuple[float, float]:
    """From below the lowest loss to above the initial level; higher losses are cut off."""
    values = np.concatenate([[level], *drawn])
    values = values[np.isfinite(values)]
    lowest, highest = (values.min(), values.max()) if values.size else (0.0, 1.0)
    if np.isfinite(level):
        highest = level
    height = (highest - lowest) or 1.0
    return float(lowest - 0.12 * height), float(highest + 0.2 * height)


def _mark_top(ax: Axes, rates: Array, **style: Any) -> None:
    """Mark the learning rates whose losses lie above the figure."""
    if rates.size:  # an empty unclipped line would widen the margins
        heights = np.full(rates.size, ax.get_ylim()[1])
        ax.plot(rates, heights, linestyle="none", markersize=9, clip_on=False, zorder=5, **style)


def _draw_answer(ax: Axes, scores: TrialScores) -> None:
    """The best trial, and the learning rate to train with and its interval."""
    lowest = scores.scores[np.argmin(scores.losses)]
    ax.plot(
        scores.best, lowest, marker="o", markersize=16, markerfacecolor="none",
        markeredgecolor=EXTRAPOLATED["color"], linestyle="none",
        label=f"best trial {rate(scores.best)}",
    )  # fmt: skip
    low, high = scores.interval
    ax.axvspan(low, high, label=f"{CONFIDENCE:.0%} interval {rate(low)} to {rate(high)}", **BAND)
    held = ", the suggestion" if scores.keeps_suggestion else ""
    ax.axvline(scores.lr, color=SUGGESTED, label=f"train at {rate(scores.lr)}{held}", **LINE)
