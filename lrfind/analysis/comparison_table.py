"""The comparison as a table."""

from __future__ import annotations

import io
from typing import TextIO

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from lrfind.analysis.comparison import Comparison, CurveRow, Shift
from lrfind.result.report import decades

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
TEXT_WIDTH = 114
"""Of the table with ordinary numbers, in characters; notes are wrapped to it."""


def comparison_table(comparison: Comparison) -> Table:
    """The rows of a comparison as a rich table."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for place, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    for row in comparison.rows:
        table.add_row(*_cells(row), style=None if row.minimum.usable else "dim")
    return table


def comparison_text(comparison: Comparison) -> str:
    """The same as plain text, of a fixed width and without colour."""
    out = io.StringIO()
    print_comparison(comparison, plain_console(out))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def plain_console(out: TextIO, width: int = TEXT_WIDTH) -> Console:
    """A console that writes plain text into `out`, also in a notebook.

    There rich would show the text as an output of the cell instead of writing it.
    """
    return Console(
        file=out, width=width, color_system=None, force_terminal=False, force_jupyter=False
    )


def plain_text(table: Table) -> str:
    """A table as plain text, of a fixed width and without colour."""
    out = io.StringIO()
    plain_console(out).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table and its notes; the console is widened rather than digits cut off."""
    table = comparison_table(comparison)
    unbounded = console.options.update(width=10_000)
    console.width = max(console.width, Measurement.get(console, unbounded, table).maximum)
    console.print(table)
    if comparison.notes:
        console.print()
    for note in comparison.notes:
        console.print(Text(f"! {note}", style="yellow"), width=TEXT_WIDTH)


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
        "" if row.curve == "centred" else _shift(row.from_centred),
        "" if row.curve == "raw" else _shift(row.from_raw),
        smoothing + debiasing,
        "" if row.curve == "raw" else decades(row.noise_from_raw),
        "" if row.lag is None else decades(row.lag),
    ]


def _shift(shift: Shift | None) -> str:
    return "?" if shift is None else f"{decades(shift.decades)} ({shift.steps:+d})"
