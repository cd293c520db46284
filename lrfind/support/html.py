"""Texts, tables and pictures as HTML, for a notebook's cell or a page of its own.

Styles are inline and name no colour, so that each element takes on the theme around it, changes
nothing else there, and looks the same where scripts and style sheets are removed.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from lrfind.support.axes import without_tex
from lrfind.support.text import OwnWidth, printed, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import RenderableType
    from rich.table import Table

NO_MATH = 'class="tex2jax_ignore mathjax_ignore"'
"""Keeps a notebook from reading what stands between dollars as a formula."""
CELL = "padding: 0.2em 0.7em; border: none;"
NO_WRAP = "white-space: nowrap; max-width: 24em; overflow: hidden; text-overflow: ellipsis;"
WRAP = "white-space: pre-wrap; overflow-wrap: anywhere;"
DIM = "opacity: 0.55;"
DPI = 144
"""Dots per inch, so that a picture is sharp at one and a half times its size."""
SHOWN_DPI = 96
"""A CSS inch, at which it is shown."""


def record_html(
    *parts: RenderableType,
    draw: Callable[[Axes], object] | None = None,
    alt: str = "",
    size: tuple[float, float] = (8, 5),
) -> str:
    """A record as HTML, for its `_repr_html_`: its texts and tables, and a picture below.

    Where something cannot be told, the reason stands in its place.

    Args:
        parts: Texts, tables, and records that rich can print.
        draw: As in `picture_html`; None for no picture.
        alt: Likewise.
        size: Likewise.

    Returns:
        A `<div>`.

    Example:
        >>> record_html("Two runs.").count("<p ")
        1
    """
    shown = [_or_reason(partial(_part, part)) for part in parts]
    if draw is not None:
        shown.append(_or_reason(partial(picture_html, draw, alt, size=size)))
    return f"<div>{''.join(shown)}</div>"


def text_html(text: str) -> str:
    """A text as paragraphs, escaped.

    Args:
        text: Any text; an empty line separates paragraphs, and line breaks are kept.

    Returns:
        One `<p>` for each paragraph; empty for a blank text.

    Example:
        >>> text_html("1 < 2")
        '<p class="tex2jax_ignore mathjax_ignore" style="overflow-wrap: anywhere;">1 &lt; 2</p>'
    """
    parts = (part.strip("\n") for part in re.split(r"\n\s*\n", text) if part.strip())
    return "\n".join(
        f'<p {NO_MATH} style="overflow-wrap: anywhere;">{_escaped(part)}</p>' for part in parts
    )


def table_html(table: Table) -> str:
    r"""A rich table as an HTML table, escaped.

    A column is aligned and wrapped as the table says, and rows of style "dim" are faint. It scrolls
    sideways where there is no room for it.

    Args:
        table: A rich table whose headers and cells are texts, as of `new_table`.

    Returns:
        A `<table>` in a `<div>`.

    Example:
        >>> from lrfind.support.text import new_table
        >>> table = new_table(["curve", "minimum\nat lr"])
        >>> table.add_row("raw", "0.26")
        >>> "<table" in table_html(table), ">minimum at lr</th>" in table_html(table)
        (True, True)
    """
    sides = ["right" if column.justify == "right" else "left" for column in table.columns]
    wraps = [NO_WRAP if column.no_wrap else WRAP for column in table.columns]
    headers = [" ".join(str(column.header).split()) for column in table.columns]
    styles = [f"{CELL} text-align: {side};" for side in sides]
    head = "".join(
        f'<th scope="col" style="{style}">{_escaped(header)}</th>'
        for header, style in zip(headers, styles, strict=True)
    )
    filled = [f"{style} {wrap}" for style, wrap in zip(styles, wraps, strict=True)]
    cells = zip(*(column.cells for column in table.columns), strict=True)
    rows = [
        _row(row, filled, dim=str(made.style) == "dim")
        for row, made in zip(cells, table.rows, strict=True)
    ]
    shown = f"<thead><tr>{head}</tr></thead>" if table.show_header else ""
    body = f"<tbody>{''.join(rows)}</tbody>"
    return (
        f'<div style="overflow-x: auto;"><table {NO_MATH} '
        f'style="border-collapse: collapse; margin: 0.5em 0;">{shown}{body}</table></div>'
    )


def picture_html(
    draw: Callable[[Axes], object], alt: str, *, size: tuple[float, float] = (8, 5)
) -> str:
    """A picture as HTML that holds it whole, drawn on a figure of its own.

    Args:
        draw: Draws on the Axes that it is given.
        alt: What the picture shows, for whom it is not shown.
        size: Width and height in inches of 96 pixels.

    Returns:
        An `<img>`. No figure is left open.

    Example:
        >>> picture_html(lambda ax: ax.plot([1, 2]), "a line")[:14]
        '<img alt="a li'
    """
    width = round(SHOWN_DPI * size[0])
    shown = f'width="{width}" style="max-width: 100%; height: auto;"'
    return f'<img alt="{escape(printed(alt))}" src="{_drawn(draw, size)}" {shown}/>'


def _part(part: Any) -> str:
    """The HTML of the texts and tables that rich would print."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if isinstance(part, OwnWidth):
        return _part(part.part)
    if isinstance(part, Table):
        return table_html(part)
    if isinstance(part, str | Text):
        return text_html(str(part))
    console = Console(file=io.StringIO(), force_jupyter=False)
    return "".join(map(_part, part.__rich_console__(console, console.options)))


def _or_reason(make: Callable[[], str]) -> str:
    """The HTML of something, or why there is none."""
    try:
        return make()
    except ValueError as error:  # as a `CannotTellError` is
        return text_html(sentence(str(error).rstrip(".")))


def _row(cells: Sequence[Any], styles: Sequence[str], *, dim: bool) -> str:
    filled = "".join(
        f'<td style="{style}">{_escaped(str(cell))}</td>'
        for cell, style in zip(cells, styles, strict=True)
    )
    return f'<tr style="{DIM}">{filled}</tr>' if dim else f"<tr>{filled}</tr>"


def _escaped(text: str) -> str:
    return escape(printed(text)).replace("\n", "<br/>")


@without_tex()
def _drawn(draw: Callable[[Axes], object], size: tuple[float, float]) -> str:
    """The address of a PNG image that contains it."""
    from matplotlib.figure import Figure

    # Without pyplot, which would keep it, and show it in a notebook once more.
    figure = Figure(figsize=size, layout="constrained")
    draw(figure.add_subplot())
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=DPI)
    return f"data:image/png;base64,{base64.b64encode(image.getvalue()).decode()}"
