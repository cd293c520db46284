"""The comparison as a printed table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lrfind.analysis.curve_rows import CurveRow, Shift
from lrfind.analysis.curves import CENTRED, EXPECTED, RAW
from lrfind.support.text import decades, new_table

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "curve",
    "minimum\nat lr",
    "\nstep",
    "\nloss",
    "one decade\nbelow",
    "from centred\ndec (steps)",
    "from raw\ndec (steps)",
    "= smoothing\n(debiasing)",
    "\n+ noise",
    "\nlag",
)


def comparison_table(rows: Sequence[CurveRow]) -> Table:
    """The rows of a comparison as a rich table."""
    table = new_table(COLUMNS)
    for row in rows:
        table.add_row(*_cells(row), style=None if row.minimum.usable else "dim")
    return table


def _cells(row: CurveRow) -> list[str]:
    flagged = "*" if row.minimum.flags else ""
    smoothing = decades(row.smoothing) if row.beta is not None else ""
    debiasing = "" if row.debiasing is None else f" ({decades(row.debiasing)})"
    return [
        row.label + flagged,
        f"{row.minimum.lr:.2e}",
        str(row.minimum.step),
        f"{row.minimum.loss:.3g}",
        f"{row.decade_below:.2e}",
        "" if row.curve == CENTRED else _shift(row.from_centred),
        "" if row.curve == RAW else _shift(row.from_raw),
        smoothing + debiasing,
        "" if row.curve in (RAW, EXPECTED) else decades(row.noise_from_raw),
        "" if row.lag is None else decades(row.lag),
    ]


def _shift(shift: Shift | None) -> str:
    return "?" if shift is None else f"{decades(shift.decades)} ({shift.steps:+d})"
