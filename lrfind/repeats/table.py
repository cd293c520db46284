"""The table of repeated runs: as text, JSON and CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, overload

from lrfind.repeats.rows import COLUMNS, SettingRow, value_words
from lrfind.support.files import write_csv
from lrfind.support.heads import printable
from lrfind.support.html import record_html
from lrfind.support.text import new_table, notes_below, plain_text, uncut

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table


@dataclass(frozen=True)
class RepeatTable(Sequence[SettingRow]):
    """The table returned by `RepeatSet.table`: its rows in order, `str()`, `to_dict()`, `to_csv()`.

    Attributes:
        names: Names of the settings.
        rows: One for each setting, in order of appearance.
        confidence: Confidence level of the intervals, between 0 and 1.
    """

    names: tuple[str, ...]
    rows: tuple[SettingRow, ...]
    confidence: float

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> SettingRow: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[SettingRow, ...]: ...

    def __getitem__(self, place: int | slice) -> SettingRow | tuple[SettingRow, ...]:
        return self.rows[place]

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each distinct note, preceded by the settings it applies to."""
        holders: dict[str, list[str]] = {}
        for row in self.rows:
            if row.note:
                holders.setdefault(row.note, []).append(row.label)
        return tuple(
            f"{'; '.join(labels)}: {note}" if any(labels) else note
            for note, labels in holders.items()
        )

    def to_dict(self) -> dict[str, object]:
        """The table as plain values, ready for JSON; missing values are None."""
        runs = sum(row.total for row in self.rows)
        rows = [row.to_dict() for row in self.rows]
        return {"runs": runs, "confidence": self.confidence, "rows": rows}

    def to_csv(self, path: str | Path) -> None:
        """Write a column for each setting, then those of `SettingRow`; see `RepeatSet.to_csv`."""
        rows = (
            [*map(row.settings.get, self.names), *(getattr(row, name) for name in COLUMNS)]
            for row in self.rows
        )
        write_csv(path, [*self.names, *COLUMNS], rows)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield uncut(self._rich_table())
        yield from notes_below(self.notes)

    def __str__(self) -> str:
        return plain_text(self)

    def _repr_html_(self) -> str:
        return record_html(self)

    def _rich_table(self) -> Table:
        interval = f"{100 * self.confidence:g} % interval\nfrom"
        numbers = ["runs\n", "median\nminimum", "sd\n(dec)", "suggested\nrate", interval, "\nto"]
        table = new_table([*(f"{printable(name)}\n" for name in self.names), *numbers])
        # Settings, of which there may be several or none, are left-aligned.
        for place, column in enumerate(table.columns):
            column.justify = "left" if place < len(self.names) else "right"
        for row in self.rows:
            values = (value_words(row.settings.get(name)) for name in self.names)
            table.add_row(*values, *_cells(row))
        return table


def _cells(row: SettingRow) -> list[str]:
    counted = f"{row.runs} of {row.total}" if row.missing else str(row.runs)
    return [
        counted + ("*" if row.note else ""),
        _rate(row.minimum_lr),
        "" if math.isnan(row.sd) else f"{row.sd:.2f}",
        *map(_rate, (row.lr, row.low, row.high)),
    ]


def _rate(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2e}"
