"""The figure of a verification: what each rate that was tried came to."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.calibration import CONFIDENCE
from lrfind.analysis.verdict import Verdict
from lrfind.checks.verification.record import Verification
from lrfind.support.arrays import Array
from lrfind.support.axes import SUGGESTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HALFWAY: dict[str, Any] = {"color": "#56b4e9", "marker": "s", "linestyle": ":"}
END: dict[str, Any] = {"color": "#0072b2", "marker": "o", "linestyle": "-"}
HEADING: dict[str, Any] = {"color": "#d55e00", "marker": "D", "linestyle": "--"}
LINE: dict[str, Any] = {"linewidth": 1.5, "zorder": 0.5}
MOST_TICKS = 6
"""Beyond so many rates, their labels would run into each other."""


def plot_verification(verification: Verification, ax: Axes | None = None) -> Axes:
    """Draw the loss of the trials against their rates; see `Verification.plot`."""
    ax = _new_axes() if ax is None else ax
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    if verification.rates.size <= MOST_TICKS:
        ax.set_xticks(verification.rates, [f"{rate:.1e}" for rate in verification.rates])
        ax.minorticks_off()
    if verification.verdict is not Verdict.CLEAR:
        ax.set_title(textwrap.fill(verification.reason, width=95), fontsize="small")
    rates, lines = verification.rates, _lines(verification)
    blown_up = ~np.isfinite(verification.scores)
    low, high = _limits(verification, lines)
    for label, (values, style) in lines.items():
        ax.plot(rates, values, label=label, markersize=6, linewidth=1.8, **style)
        above = np.isfinite(values) & (values > high)
        if above.any():  # no empty line: unclipped, it would widen the margins
            ax.plot(rates[above], np.full(above.sum(), high), **_at_the_top(style["color"], "^"))
    if blown_up.any():
        label = f"blew up: {', '.join(f'{rate:.2e}' for rate in rates[blown_up])}"
        ax.plot(
            rates[blown_up], np.full(blown_up.sum(), high), label=label, **_at_the_top("k", "X")
        )
    if np.isfinite(verification.level):
        ax.axhline(verification.level, color="0.5", linewidth=1, label="before the first step")
    if not blown_up.all():
        _mark_best(ax, verification)
        _draw_answer(ax, verification)
    if verification.suggested is not None:
        label = f"put to the test {verification.suggested:.2e}"
        ax.axvline(verification.suggested, color="0.3", linestyle=":", label=label, **LINE)
    ax.set_ylim(low, high)
    ax.legend(loc="best", fontsize="small", framealpha=0.9)
    return ax


def _lines(verification: Verification) -> dict[str, tuple[Array, dict[str, Any]]]:
    """What is drawn: loss at each rate, with its style; a trial that blew up is a gap."""
    blown_up = ~np.isfinite(verification.scores)
    if blown_up.all():
        return {}
    steps = max(trial.run.loss.size for trial in verification.trials)
    halfway = np.array([trial.halfway for trial in verification.trials])
    end = np.array([trial.end for trial in verification.trials])
    return {
        f"after {steps // 2} steps": (np.where(blown_up, np.nan, halfway), HALFWAY),
        f"after {steps} steps": (np.where(blown_up, np.nan, end), END),
        "where that is heading": (np.where(blown_up, np.nan, verification.scores), HEADING),
    }


def _limits(
    verification: Verification, lines: dict[str, tuple[Array, dict[str, Any]]]
) -> tuple[float, float]:
    """From below the lowest loss to above the level before: what rose further leaves the top."""
    drawn = np.array([values for values, _ in lines.values()])
    drawn = drawn[np.isfinite(drawn)]
    level = verification.level
    if not np.isfinite(level):
        level = float(drawn.max()) if drawn.size else 1.0
    lowest = min(float(drawn.min()), level) if drawn.size else level - 1
    height = (level - lowest) or 1.0
    return lowest - 0.12 * height, level + 0.2 * height


def _at_the_top(color: str, marker: str) -> dict[str, Any]:
    return {
        "color": color, "marker": marker, "linestyle": "none", "markersize": 9, "clip_on": False,
        "zorder": 5,
    }  # fmt: skip


def _mark_best(ax: Axes, verification: Verification) -> None:
    best = int(np.argmin(verification.losses))
    ax.plot(
        verification.rates[best], verification.scores[best], marker="o", markersize=16,
        markerfacecolor="none", markeredgecolor=HEADING["color"], linestyle="none",
        label=f"best of those tried {verification.best:.2e}",
    )  # fmt: skip


def _draw_answer(ax: Axes, verification: Verification) -> None:
    low, high = verification.interval
    ax.axvspan(
        low, high, color=SUGGESTED, alpha=0.12, linewidth=0, zorder=0,
        label=f"{CONFIDENCE:.0%} interval {low:.1e} to {high:.1e}",
    )  # fmt: skip
    ax.axvline(verification.lr, color=SUGGESTED, label=f"train at {verification.lr:.2e}", **LINE)


def _new_axes() -> Axes:
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    return ax
