"""The figure of repeated runs: median curve, quantile band and minima."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lrfind.analysis.answers import CannotTell
from lrfind.analysis.centred_line import centred_line
from lrfind.analysis.curves import CENTRED, SweepCurves
from lrfind.repeats.agreement import RepeatSuggestion
from lrfind.repeats.rows import SettingRow, value_words
from lrfind.repeats.spread import COVERAGE, Band, Spread
from lrfind.result.figures import y_limits
from lrfind.result.titles import title_answer
from lrfind.support.arrays import Array
from lrfind.support.axes import (
    BAND,
    BLACK,
    PALETTE,
    SUGGESTED,
    draw_legend,
    rate_axes,
    shown_name,
    title,
)
from lrfind.support.text import rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = (*PALETTE, BLACK)
"""One for each setting."""

RUG = 0.035
"""Height of the ticks of one setting, as a share of the height of the axes."""


class SettingCurves(NamedTuple):
    """What to draw for the runs with one setting."""

    row: SettingRow
    """The setting, and the learning rate that its runs suggest."""
    curves: tuple[SweepCurves, ...]
    """Curves of the runs with at least two finite losses."""
    band: Band | None
    """Median and quantiles of these; None if there are none."""
    minima: Spread
    """The minima of the drawn curve."""


def plot_repeats(
    settings: Sequence[SettingCurves], ax: Axes | None = None, *, curve: str = CENTRED
) -> Axes:
    """Draw repeated runs; see `RepeatSet.plot`.

    Args:
        settings: One for each setting, at most as many as `COLORS`.
        ax: Axes to draw on; a new figure if None.
        curve: Name of the drawn curve.
    """
    ax = rate_axes(ax)
    alone = len(settings) == 1
    low, high = _limits(settings)
    for place, (drawn, color) in enumerate(zip(settings, COLORS, strict=False)):
        label = _median_label(drawn.row, curve) if alone else _rate_label(drawn.row)
        if alone:
            # With several settings their thin lines would hide each other.
            _draw_runs(ax, drawn.curves, curve, color, high)
        if drawn.band is not None:
            _draw_band(ax, drawn.band, color, high, label, alone=alone)
        _draw_rug(ax, drawn.minima, color, place)
    ax.set_ylim(low, high)
    ax.plot([], [], color="0.5", marker="|", linestyle="none", label="minimum of each run")
    draw_legend(ax, None if alone else "setting: suggested learning rate")
    if alone:
        _draw_answer(ax, settings[0].row.answer)
    return ax


def _limits(settings: Sequence[SettingCurves]) -> tuple[float, float]:
    """Limits that show every descent, with room at the bottom for a row of ticks per setting."""
    limits = [y_limits(curves) for drawn in settings for curves in drawn.curves]
    low = min((each[0] for each in limits), default=0.0)
    high = max((each[1] for each in limits), default=1.0)
    # `y_limits` already leaves some room.
    return low - (high - low) * max(0.0, 1.5 * RUG * len(settings) - 0.1), high


def _draw_runs(ax: Axes, runs: Sequence[SweepCurves], curve: str, color: str, top: float) -> None:
    for curves in runs:
        drawn = centred_line(curves) if curve == CENTRED else curves.curve(curve)
        values = until_it_leaves(drawn, top)
        ax.plot(curves.lr, values, color=color, linewidth=0.6, alpha=0.45)


def _draw_band(ax: Axes, band: Band, color: str, top: float, label: str, *, alone: bool) -> None:
    """The median, and the band around it."""
    median = until_it_leaves(band.median, top)
    # Where more than a tenth of the runs have diverged, the upper edge is infinite.
    height = top - float(np.nanmin(band.low))
    tail = 50 * (1 - COVERAGE)
    ax.fill_between(
        band.lr, band.low, np.minimum(band.high, top + height), where=np.isfinite(median),
        color=color, alpha=0.2 if alone else 0.15, linewidth=0,
        label=f"{tail:.0f} to {100 - tail:.0f} % of the runs" if alone else None,
    )  # fmt: skip
    ax.plot(band.lr, median, color=color, linewidth=2, label=label)


def until_it_leaves(values: Array, top: float) -> Array:
    """A curve up to where it first leaves the figure after its minimum; NaN from there on.

    Once a loss has diverged, dropping back into the figure by chance means nothing, and would
    clutter it.

    Args:
        values: Shape `(n,)`; may hold infinities and NaNs.
        top: Upper end of the figure.
    """
    finite = np.isfinite(values)
    if not finite.any():
        return np.full_like(values, np.nan)
    lowest = int(np.nanargmin(np.where(finite, values, np.nan)))
    outside = np.flatnonzero(~(values[lowest:] <= top))
    shown: Array = values.copy()
    if outside.size:
        first = lowest + int(outside[0])
        # The first value outside is kept, so that the line runs out of the figure.
        shown[first + 1 :] = np.nan
    shown[~finite] = np.nan
    return shown


def _draw_rug(ax: Axes, minima: Spread, color: str, place: int) -> None:
    """A tick along the bottom for the minimum of each run."""
    rates = [10**decade for decade in minima.decades]
    foot = 1.25 * RUG * place
    ax.vlines(
        rates, foot, foot + RUG, transform=ax.get_xaxis_transform(), color=color, linewidth=1.3
    )


def _median_label(row: SettingRow, curve: str) -> str:
    named = f", {_shown(row)}" if row.settings else ""
    return f"median of {row.total} {curve} curves{named}"


def _rate_label(row: SettingRow) -> str:
    return f"{_shown(row)}: {rate(row.answer.lr) if row.answer else 'no suggestion'}"


def _shown(row: SettingRow) -> str:
    """Its label, which is the user's, for a figure."""
    return ", ".join(
        shown_name(f"{name}={value_words(each)}") for name, each in row.settings.items()
    )


def _draw_answer(ax: Axes, answer: RepeatSuggestion | CannotTell) -> None:
    """The suggested learning rate and its interval, in the title too; or why there is none."""
    if isinstance(answer, CannotTell):
        title_answer(ax, answer)
        return
    low, high = answer.interval
    ax.axvspan(low, high, **BAND)
    ax.axvline(answer.lr, color=SUGGESTED, linewidth=1.5, zorder=0.5)
    said = f"Train at {rate(answer.lr)} ({rate(low)} to {rate(high)})"
    title(ax, f"{said}: {answer.reason}", said)
