"""Raw, EMA, debiased EMA, centred and expected minima side by side, and the shifts between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from lrfind.analysis.curves import CENTRED, EXPECTED, RAW, SweepCurves
from lrfind.analysis.defaults import BETAS
from lrfind.analysis.flags import Flag
from lrfind.analysis.smoothing import SMOOTHERS
from lrfind.comparison.curve_rows import CurveRow, curve_row
from lrfind.comparison.figure import draw_minima, size_for
from lrfind.comparison.rate_shifts import RateShift, rate_shifts
from lrfind.comparison.table import comparison_table, rate_table
from lrfind.support.arguments import require_betas
from lrfind.support.html import record_html
from lrfind.support.text import notes_below, plain_text, uncut

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


@dataclass(frozen=True)
class Comparison:
    """The table that `compare` makes: `rows`, `str()`, `to_dict()`.

    Attributes:
        rows: Raw first, then centred and expected, then the EMA and the debiased EMA of each beta.
        rate_shifts: How far each beta moves the rate that each rule suggests.
    """

    rows: tuple[CurveRow, ...]
    rate_shifts: tuple[RateShift, ...] = ()

    def row(self, curve: str, beta: float | None = None) -> CurveRow:
        """The row of a curve and beta.

        Raises:
            KeyError: There is no such row.
        """
        for row in self.rows:
            if (row.curve, row.beta) == (curve, beta):
                return row
        raise KeyError(f"no row for curve {curve!r} with beta {beta!r}")

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each flag, naming the rows that carry it."""
        notes = []
        for flag in Flag:
            labels = [row.label for row in self.rows if flag in row.minimum.flags]
            if labels:
                where = "every curve" if len(labels) == len(self.rows) else ", ".join(labels)
                notes.append(f"{flag.name.lower()} ({where}): {flag.value}.")
        return tuple(notes)

    def to_dict(self) -> dict[str, object]:
        """The table as plain lists, dictionaries, numbers and strings, ready for JSON."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "rate_shifts": [row.to_dict() for row in self.rate_shifts],
            "notes": list(self.notes),
        }

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield uncut(comparison_table(self.rows))
        if self.rate_shifts:
            # The last beta is the one that people look at; all are in `rate_shifts`.
            last = [row.beta for row in self.rate_shifts if row.beta is not None][-1:]
            shown = [row for row in self.rate_shifts if row.beta in (None, *last)]
            yield ""
            yield uncut(rate_table(shown))
        yield from notes_below(self.notes)

    def __str__(self) -> str:
        return plain_text(self)

    def _repr_html_(self) -> str:
        draw, size = partial(draw_minima, rows=self.rows), size_for(self.rows)
        alt = "The minimum of each curve, and the learning rate one decade below it."
        return record_html(self, draw=draw, alt=alt, size=size)


def compare(curves: SweepCurves, betas: Sequence[float] = BETAS) -> Comparison:
    """Find the minimum of every curve, the shifts between them, and where each shift comes from.

    Args:
        curves: The sweep.
        betas: The betas to show, each in [0, 1); one that is repeated is shown once.

    Returns:
        The table.

    Raises:
        TypeError: A beta is not a number.
        ValueError: A beta outside [0, 1), or `betas` is no flat sequence.
    """
    checked = require_betas(betas)
    return Comparison(curve_rows(curves, checked), rate_shifts(curves, checked))


def curve_rows(curves: SweepCurves, betas: Sequence[float]) -> tuple[CurveRow, ...]:
    """The rows of `compare` for betas in [0, 1)."""
    rows = [curve_row(curves, name) for name in (RAW, CENTRED, EXPECTED)]
    for beta in betas:
        rows += [curve_row(curves, name, beta) for name in SMOOTHERS]
    return tuple(rows)
