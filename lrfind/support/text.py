"""Numbers and tables as plain text."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lrfind.support.heads import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Table

TEXT_WIDTH = 114
"""Width of printed sentences and notes, in characters; tables are as wide as they need to be."""


def decades(value: float | None) -> str:
    """A signed distance in decades, for display; "?" if it is None."""
    # Adding 0.0 turns the -0.00 of a rounded tiny value into +0.00.
    return "?" if value is None else f"{round(value, 2) + 0.0:+.2f}"


def rate(lr: float) -> str:
    """A learning rate with two digits, for display: "0.018", "1.0e-06"."""
    return f"{lr:#.2g}".rstrip(".")


LONG = 9.0
"""Decades from which on a factor is told by its exponent."""


def times(distance: float) -> str:
    """A distance in decades as a factor: "4.8x up", "3.0x down", "1.0x", "1e+333x up"."""
    if abs(distance) >= LONG:  # the factor may be beyond the floats
        return f"1e+{abs(distance):.0f}x {'up' if distance > 0 else 'down'}"
    factor = 10 ** abs(distance)
    shown = f"{factor:,.0f}x" if factor >= 99.5 else f"{rate(factor)}x"
    return shown if shown == "1.0x" else f"{shown} {'up' if distance > 0 else 'down'}"


def words(name: str) -> str:
    """The name of an enum member, for display."""
    return name.lower().replace("_", " ")


def sentence(text: str) -> str:
    """A text with a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}."


def group_words(group_lr: Sequence[float]) -> str:
    """The learning rates of parameter groups in brackets; empty if they are all the same."""
    rates = ", ".join(map(rate, group_lr))
    return f" ({rates} for the parameter groups)" if len(set(group_lr)) > 1 else ""


def printed(text: str) -> str:
    """A text whose lines hold no control characters; see `printable`."""
    return "\n".join(map(printable, text.split("\n")))


def as_it_is(part: RenderableType) -> RenderableType:
    """What rich prints of a text as it is: no markup, no emoji code, no terminal escape."""
    from rich.text import Text

    if not isinstance(part, str):
        return part
    return Text(printed(part))


def new_table(columns: Sequence[str]) -> Table:
    """A rich table without lines; the first column is left-aligned, the others right-aligned.

    Its headers and cells are printed as they are.
    """
    from rich.table import Table

    class OfTexts(Table):
        def add_row(self, *cells: RenderableType | None, **options: Any) -> None:
            super().add_row(*(cell and as_it_is(cell) for cell in cells), **options)

    table = OfTexts(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for place, column in enumerate(columns):
        table.add_column(as_it_is(column), justify="right" if place else "left", no_wrap=True)
    return table


def list_table(rows: Iterable[tuple[str, str]]) -> Table:
    """Lines of text, each with what it is about, as a table without headers."""
    table = new_table(["", ""])
    table.show_header = False
    table.columns[1].justify, table.columns[1].no_wrap = "left", False
    for about, text in rows:
        table.add_row(about, text)
    return table


@dataclass(frozen=True)
class OwnWidth:
    """A part of a text with a width of its own.

    Attributes:
        part: What rich can print.
        width: In characters; less where the console is narrower. None for as wide as it needs,
            whatever the console.
    """

    part: RenderableType
    width: int | None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = 10_000 if self.width is None else min(self.width, options.max_width)
        yield from console.render(self.part, options.update(width=width))


def uncut(table: Table) -> OwnWidth:
    """A table at its own width, even if the console is narrower, so that no digits are cut off."""
    return OwnWidth(table, None)


def wrapped(text: RenderableType) -> OwnWidth:
    """A text wrapped to `TEXT_WIDTH`."""
    return OwnWidth(as_it_is(text), TEXT_WIDTH)


def notes_below(notes: Sequence[str]) -> Iterator[RenderableType]:
    """Notes below a table, each marked with an exclamation mark."""
    from rich.text import Text

    if notes:
        yield ""
    for note in notes:
        yield wrapped(Text(f"! {printed(note)}", style="yellow"))


def plain_text(thing: RenderableType, width: int = TEXT_WIDTH) -> str:
    """What rich would print, as plain text without colour.

    Also in a notebook, where rich by default displays the text as a cell output.
    """
    from rich.console import Console

    out = io.StringIO()
    console = Console(
        file=out, width=width, color_system=None, force_terminal=False, force_jupyter=False,
        markup=False, highlight=False,
    )  # fmt: skip
    console.print(as_it_is(thing), crop=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
