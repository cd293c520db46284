"""The table of repeated runs: settings against suggested rates."""

from __future__ import annotations

import io
import math

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from lrfind.repeats.repeat_set import RepeatSet
from lrfind.repeats.rows import SettingRow
from lrfind.support.text import plain_console

WIDTH = 100
"""Of the notes under the table, in characters."""


def repeat_table(runs: RepeatSet, *, confidence: float = 0.9) -> Table:
    """The rows of `RepeatSet.table` as a rich table."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in runs.names:
        table.add_column(f"{name}\n", no_wrap=True)
    interval = f"{100 * confidence:g} % interval\nfrom"
    for title in ("runs\n", "median\nminimum", "sd\n(dec)", "suggested\nrate", interval, "\nto"):
        table.add_column(title, justify="right", no_wrap=True)
    for row in runs.table(confidence=confidence):
        table.add_row(*(_word(row.settings.get(name)) for name in runs.names), *_cells(row))
    return table


def repeat_text(runs: RepeatSet) -> str:
    """The same as plain text, without colour."""
    out = io.StringIO()
    print_repeats(runs, plain_console(out, WIDTH))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def print_repeats(runs: RepeatSet, console: Console, *, confidence: float = 0.9) -> None:
    """Print the table and its notes; the console is widened rather than digits cut off."""
    table = repeat_table(runs, confidence=confidence)
    unbounded = console.options.update(width=10_000)
    console.width = max(console.width, Measurement.get(console, unbounded, table).maximum)
    console.print(table)
    notes = _notes(runs.table(confidence=confidence))
    if notes:
        console.print()
    for note in notes:
        console.print(Text(f"! {note}", style="yellow"), width=WIDTH)


def _cells(row: SettingRow) -> list[str]:
    asked = row.runs + row.missing
    counted = str(row.runs) if not row.missing else f"{row.runs} of {asked}"
    sd = "" if math.isnan(row.sd) else f"{row.sd:.2f}"
    rates = [row.lr, row.low, row.high]
    return [
        counted + ("*" if row.note else ""),
        _rate(row.minimum_lr),
        sd,
        *(_rate(rate) for rate in rates),
    ]


def _notes(rows: tuple[SettingRow, ...]) -> list[str]:
    """One line for each different note, with the settings that it is for."""
    holders: dict[str, list[str]] = {}
    for row in rows:
        if row.note:
            named = ", ".join(f"{name}={_word(value)}" for name, value in row.settings.items())
            holders.setdefault(row.note, []).append(named)
    return [
        f"{'; '.join(named)}: {note}" if any(named) else note for note, named in holders.items()
    ]


def _rate(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2e}"


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
