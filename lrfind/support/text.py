"""Numbers and tables as plain text."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table

TEXT_WIDTH = 114
"""Of printed sentences and notes, in characters; a table is as wide as its numbers need."""


def decades(value: float | None) -> str:
    """A distance in decades as people read it, signed; "?" if it cannot be told."""
    # Adding 0.0 turns the -0.00 of a rounded tiny value into +0.00.
    return "?" if value is None else f"{round(value, 2) + 0.0:+.2f}"


def words(name: str) -> str:
    """The name of an enum's member as a person reads it."""
    return name.lower().replace("_", " ")


def group_words(group_lr: Sequence[float]) -> str:
    """The rates of several parameter groups in brackets, or nothing for a single one."""
    rates = ", ".join(f"{rate:.2e}" for rate in group_lr)
    return f" ({rates} for the parameter groups)" if len(group_lr) > 1 else ""


def new_table(columns: Sequence[str]) -> Table:
    """A rich table without lines: the first column on the left, numbers on the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def uncut(table: Table, console: Console, options: ConsoleOptions) -> RenderResult:
    """A table at its own width, which may be more than the console's: no digit is cut off."""
    yield from console.render(table, options.update(width=10_000))


def wrapped(
    text: RenderableType, console: Console, options: ConsoleOptions, width: int = TEXT_WIDTH
) -> RenderResult:
    """A text wrapped to a width of its own, whatever the console's is."""
    yield from console.render(text, options.update(width=width))


def notes_below(
    notes: Sequence[str], console: Console, options: ConsoleOptions, width: int = TEXT_WIDTH
) -> Iterator[Any]:
    """Notes under a table, each behind an exclamation mark."""
    from rich.text import Text

    if notes:
        yield ""
    for note in notes:
        yield from wrapped(Text(f"! {note}", style="yellow"), console, options, width)


def plain_text(thing: RenderableType, width: int = TEXT_WIDTH) -> str:
    """What rich would print, as plain text without colour, also in a notebook.

    There rich would show the text as an output of the cell instead of writing it.
    """
    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out, width=width, color_system=None, force_terminal=False, force_jupyter=False,
        markup=False, highlight=False,
    )  # fmt: skip
    console.print(thing, crop=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
