"""Several results as printed tables: a column for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.curves import CENTRED, EXPECTED, RAW
from lrfind.analysis.flags import Flag
from lrfind.analysis.posterior import CONFIDENCE
from lrfind.analysis.smoothing import USUAL
from lrfind.comparison.compare import Comparison
from lrfind.comparison.curve_rows import CurveRow
from lrfind.comparison.table import with_error
from lrfind.support.heads import printable
from lrfind.support.text import decades, new_table, rate, words

if TYPE_CHECKING:
    from rich.table import Table

COLUMN = 18
"""Widest column of a result, in characters: with the names of the rows, two make less than 60."""
LISTED = 3
"""So many of several names are shown."""
NONE = "-"
"""In place of what a result has not."""

Row = tuple[str, list[str]]


def side_by_side_table(
    heads: Sequence[str],
    minima: Sequence[Comparison | None],
    answers: Sequence[Suggestion | CannotTell],
    differences: Mapping[str, Sequence[object]],
) -> Table:
    """The minima, the shifts, the suggestions, and what else differs if anything does.

    Args:
        heads: The head of each column.
        minima: The minima of each result; None for one that has none.
        answers: The suggestion of each.
        differences: By the name of a setting, its value in each result.
    """
    columns = [{} if each is None else _by_name(each) for each in minima]
    averages = [_without_raw(column) for column in columns]
    parts = {
        "minimum at lr": _rows(columns, _lowest),
        "shift from raw, dec": [*_shifts(averages)],
        "suggestion": [*_suggestions(answers)],
        "what differs": [
            (printable(name), [*map(value_words, each)]) for name, each in differences.items()
        ],
    }
    return _table(heads, {title: rows for title, rows in parts.items() if rows})


def value_words(value: object) -> str:
    """A setting in a cell."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        more = f" and {len(value) - LISTED} more" if len(value) > LISTED else ""
        return printable(", ".join(map(str, value[:LISTED])) + more) or NONE
    if isinstance(value, float) and float(f"{value:g}") == value:
        return f"{value:g}"
    return printable(str(value))


def _by_name(comparison: Comparison) -> dict[str, CurveRow]:
    """The rows to show by their names; of smoothed losses no average, as in the summary."""
    rows = [row for row in comparison.rows if row.curve not in (CENTRED, EXPECTED)]
    rows += [row for row in comparison.rows if row.curve == EXPECTED]
    return {
        f"{row.label} losses" if row.curve == RAW else row.label: row
        for row in rows
        if row.curve == RAW or Flag.SMOOTHED not in row.minimum.flags
    }


def _without_raw(column: Mapping[str, CurveRow]) -> dict[str, CurveRow]:
    return {name: row for name, row in column.items() if row.curve != RAW}


def _rows(columns: Sequence[Mapping[str, CurveRow]], read: Callable[[CurveRow], str]) -> list[Row]:
    names = dict.fromkeys(name for column in columns for name in column)
    return [
        (name, [read(column[name]) if name in column else NONE for column in columns])
        for name in names
    ]


def _shifts(columns: Sequence[Mapping[str, CurveRow]]) -> Iterator[Row]:
    """How far each minimum lies from the raw one, and the parts of the usual average's shift."""
    parts = {
        "  smoothing": lambda row: with_error(row.smoothing, row.error),
        "  noise and fit": lambda row: decades(row.noise_from_raw),
    }
    usual = {name for column in columns for name, row in column.items() if row.curve == USUAL}
    for name, cells in _rows(columns, _from_raw):
        yield name, cells
        for part, read in parts.items() if name in usual else ():
            only = [{part: column[name]} if name in column else {} for column in columns]
            yield from _rows(only, read)


def _lowest(row: CurveRow) -> str:
    return rate(row.minimum.lr) if row.minimum.usable else "none"


def _from_raw(row: CurveRow) -> str:
    return decades(None if row.from_raw is None else row.from_raw.decades)


def _suggestions(answers: Sequence[Suggestion | CannotTell]) -> Iterator[Row]:
    told = [answer if isinstance(answer, Suggestion) else None for answer in answers]
    yield "train at", [NONE if each is None else rate(each.lr) for each in told]
    ends = [None if each is None else each.interval for each in told]
    for end, name in enumerate((f"{CONFIDENCE:.0%} interval from", "  to")):
        yield name, [NONE if each is None else rate(each[end]) for each in ends]
    verdicts = [answer.verdict for answer in answers]
    yield "verdict", [NONE if each is None else words(each.name) for each in verdicts]


def _table(heads: Sequence[str], parts: Mapping[str, Sequence[Row]]) -> Table:
    """A table whose cells are text as it is, and folded, so that nothing is cut off."""
    from rich.text import Text

    table = new_table([""])
    for head in heads:
        lines = head if len(head) <= COLUMN else head.replace("/", "/\n")
        table.add_column(Text(lines), justify="right", overflow="fold", max_width=COLUMN)
    for number, (title, rows) in enumerate(parts.items()):
        if number:
            table.add_row("")
        table.add_row(Text(title, style="bold"))
        for name, cells in rows:
            table.add_row(Text(f"  {name}"), *map(Text, cells))
    return table
