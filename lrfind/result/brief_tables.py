"""The short text of a sweep as tables, for a notebook's cell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lrfind.result.brief import COLUMNS, NO_MINIMUM, Brief
from lrfind.support.text import list_table, new_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table


def brief_tables(said: Brief) -> Iterator[RenderableType]:
    """The same texts as `brief`, with its columns as tables."""
    yield from said.opening
    yield list_table(said.answer)
    yield _curves_table(said)
    yield said.shift
    yield from said.notes


def _curves_table(said: Brief) -> Table:
    table = new_table((*COLUMNS, ""))
    table.columns[-1].justify = "left"
    for row in said.curves:
        table.add_row(*row, style="dim" if NO_MINIMUM in row else None)
    return table
