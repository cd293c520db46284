"""The figure of repeated runs: their median with a band, and where their minima lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lrfind.analysis.curves import SweepCurves
from lrfind.repeats.agreement import RepeatSuggestion
from lrfind.repeats.repeat_set import RepeatSet
from lrfind.result.figures import y_limits
from lrfind.support.arrays import Array
from lrfind.support.axes import SUGGESTED, TEXT
from lrfind.support.errors import CannotTellError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe & Ito's, the darkest first; yellow is too pale for a line."""

RUG = 0.035
"""Height of the ticks of one setting, as a share of the picture's."""


def plot_repeats(runs: RepeatSet, ax: Axes | None = None, *, curve: str = "centred") -> Axes:
    """Draw repeated runs; see `RepeatSet.plot`."""
    import matplotlib.pyplot as plt

    groups = runs.by_setting()
    if len(groups) > len(COLORS):
        raise ValueError(
            f"the runs have {len(groups)} settings, and a picture holds {len(COLORS)}: `select` "
            "some."
        )
    if ax is None:
        _, ax = plt.subplots(figsize=(8, 5), layout="constrained")
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_ylabel("loss")
    limits = [y_limits(curves) for group in groups for curves in _curves(group)]
    low = min((each[0] for each in limits), default=0.0)
    high = max((each[1] for each in limits), default=1.0)
    # Room at the bottom for the ticks, a row for each setting; some is there already.
    low -= (high - low) * max(0.0, 1.5 * RUG * len(groups) - 0.1)
    for place, (group, color) in enumerate(zip(groups, COLORS, strict=False)):
        _draw_group(ax, group, color, curve, high, alone=len(groups) == 1)
        _draw_rug(ax, group, color, curve, place)
    ax.set_ylim(low, high)
    if len(groups) == 1:
        _draw_suggestion(ax, groups[0])
    ax.plot([], [], color="0.5", marker="|", linestyle="none", label="minimum of each run")
    title = None if len(groups) == 1 else "setting: suggested rate"
    ax.legend(loc="best", fontsize="small", framealpha=0.9, title=title, title_fontsize="small")
    return ax


def _curves(runs: RepeatSet) -> list[SweepCurves]:
    found = []
    for run in runs.runs:
        try:
            found.append(run.result.curves())
        except CannotTellError:
            continue
    return found


def _draw_group(
    ax: Axes, runs: RepeatSet, color: str, curve: str, top: float, *, alone: bool
) -> None:
    """The single runs, thin, and the median with its band."""
    try:
        band = runs.band(curve)
    except CannotTellError:
        return
    # With several settings their thin lines would hide each other.
    if alone:
        for curves in _curves(runs):
            values = until_it_leaves(curves.curve(curve), top)
            ax.plot(curves.lr, values, color=color, linewidth=0.6, alpha=0.45)
    median = until_it_leaves(band.median, top)
    # Where more than a tenth of the runs have blown up, the upper edge is above the picture.
    height = top - float(np.nanmin(band.low))
    ax.fill_between(
        band.lr, band.low, np.minimum(band.high, top + height), where=np.isfinite(median),
        color=color, alpha=0.2 if alone else 0.15, linewidth=0,
        label="10 to 90 % of the runs" if alone else None,
    )  # fmt: skip
    ax.plot(band.lr, median, color=color, linewidth=2, label=_label(runs, curve, alone))


def until_it_leaves(values: Array, top: float) -> Array:
    """A curve up to where it first leaves the picture after its minimum; NaN from there on.

    What comes back from a blow-up by chance says nothing, and would fill the picture.

    Args:
        values: Shape `(n,)`; may hold infinities and NaNs.
        top: Upper end of the picture.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.full_like(values, np.nan)
    lowest = int(np.nanargmin(np.where(finite, values, np.nan)))
    outside = np.flatnonzero(~(values[lowest:] <= top))
    shown: Array = values.copy()
    if outside.size:
        first = lowest + int(outside[0])
        # Its first value outside is kept, so that the line leads out of the picture.
        shown[first + 1 :] = np.nan
    shown[~finite] = np.nan
    return shown


def _draw_rug(ax: Axes, runs: RepeatSet, color: str, curve: str, place: int) -> None:
    """A tick along the bottom for the minimum of each run."""
    rates = [10**decade for decade in runs.minima(curve).decades]
    foot = 1.25 * RUG * place
    ax.vlines(
        rates, foot, foot + RUG, transform=ax.get_xaxis_transform(), color=color, linewidth=1.3
    )


def _label(runs: RepeatSet, curve: str, alone: bool) -> str:
    named = ", ".join(f"{name}={value}" for name, value in runs.settings.items())
    if alone:
        return f"median of {len(runs)} {curve} curves" + (f", {named}" if named else "")
    answer = runs.suggest()
    rate = f": {answer.lr:.1e}" if isinstance(answer, RepeatSuggestion) else ": no suggestion"
    return named + rate


def _draw_suggestion(ax: Axes, runs: RepeatSet) -> None:
    answer = runs.suggest()
    if not isinstance(answer, RepeatSuggestion):
        ax.set_title(f"No suggestion: {answer.reason}", fontsize="small", wrap=True)
        return
    ax.axvspan(*answer.interval, color=SUGGESTED, alpha=0.15, linewidth=0, zorder=0.4)
    ax.axvline(answer.lr, color=SUGGESTED, linewidth=1.5, zorder=0.5)
    ax.annotate(
        f"suggested {answer.lr:.2e}\n({answer.interval[0]:.1e} to {answer.interval[1]:.1e})",
        (answer.lr, 1), (0, 2), xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="center", va="bottom", color=SUGGESTED, **TEXT,
    )  # fmt: skip
