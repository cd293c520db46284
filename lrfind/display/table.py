"""The comparison as a table."""

from __future__ import annotations

import io

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from lrfind.analysis.comparison import Comparison, CurveRow, Shift

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


def comparison_table(comparison: Comparison) -> Group:
    """The table and its notes, for a rich console.

    Args:
        comparison: What `RangeTestResult.compare` returned.

    Returns:
        A rich renderable.
    """
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for place, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    for row in comparison.rows:
        table.add_row(*_cells(row), style=None if row.minimum.usable else "dim")
    notes = [Text(f"! {note}", style="yellow") for note in comparison.notes]
    return Group(table, *([Text()] if notes else []), *notes)


def comparison_text(comparison: Comparison) -> str:
    """The same as plain text, of a fixed width and without colour."""
    out = io.StringIO()
    console = Console(file=out, width=TEXT_WIDTH, color_system=None, force_terminal=False)
    console.print(comparison_table(comparison))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _cells(row: CurveRow) -> list[str]:
    flagged = "*" if row.minimum.flags else ""
    smoothing = _decades(row.smoothing) if row.beta is not None else ""
    debiasing = "" if row.debiasing is None else f" ({_decades(row.debiasing)})"
    return [
        row.label + flagged,
        f"{row.minimum.lr:.2e}",
        str(row.minimum.step),
        f"{row.minimum.loss:.3g}",
        f"{row.decade_below:.2e}",
        "" if row.curve == "centred" else _shift(row.from_centred),
        "" if row.curve == "raw" else _shift(row.from_raw),
        smoothing + debiasing,
        "" if row.curve == "raw" else _decades(row.noise_from_raw),
        "" if row.lag is None else _decades(row.lag),
    ]


def _shift(shift: Shift | None) -> str:
    return "?" if shift is None else f"{_decades(shift.decades)} ({shift.steps:+d})"


def _decades(decades: float | None) -> str:
    # Adding 0.0 turns the -0.00 of a rounded tiny value into +0.00.
    return "?" if decades is None else f"{round(decades, 2) + 0.0:+.2f}"
