"""The comparison as a printed table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lrfind.analysis.curves import CENTRED, EXPECTED, RAW
from lrfind.analysis.defaults import FACTOR
from lrfind.comparison.curve_rows import CurveRow, Shift
from lrfind.comparison.rate_shifts import RateShift
from lrfind.support.text import decades, new_table

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "curve",
    "minimum\nat lr",
    "\nstep",
    "\nloss",
    "a decade\nbelow",
    "from centred\ndec (steps)",
    "from raw\ndec (steps)",
    "= smoothing\n(debiasing)",
    "+ noise\nand fit",
    "\nlag",
)
RATE_COLUMNS = (
    "rate to train with, by rule",
    "on the\ndebiased EMA",
    "on the\ncentred curve",
    "\nshift",
    "\n= smoothing",
    "+ noise\nand fit",
)


def comparison_table(rows: Sequence[CurveRow]) -> Table:
    """The rows of a comparison as a rich table."""
    table = new_table(COLUMNS)
    for row in rows:
        table.add_row(*_cells(row), style=None if row.minimum.usable else "dim")
    return table


def rate_table(rows: Sequence[RateShift]) -> Table:
    """How far smoothing moves the suggested rates, as a rich table."""
    table = new_table(RATE_COLUMNS)
    for row in rows:
        name = f"{row.rule} / {FACTOR:g}" if row.rule == "minimum" else row.rule
        table.add_row(
            f"{name}, beta {row.beta:g}" if row.beta is not None else f"{name}, reads no average",
            _rate(row.lr),
            _rate(row.centred_lr),
            decades(row.decades),
            with_error(row.smoothing, row.error),
            decades(row.noise),
        )
    return table


def with_error(value: float | None, error: float | None) -> str:
    """A number of decades with its standard error, as `+0.68 ±0.10`."""
    return decades(value) if value is None or error is None else f"{decades(value)} ±{error:.2f}"


def _rate(lr: float | None) -> str:
    return "?" if lr is None else f"{lr:.2e}"


def _cells(row: CurveRow) -> list[str]:
    flagged = "*" if row.minimum.flags else ""
    smoothing = with_error(row.smoothing, row.error) if row.beta is not None else ""
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
