"""What the command `lrfind repeat` reads and prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrfind.cli.messages import print_note, print_result

if TYPE_CHECKING:
    from lrfind.repeats.repeat_set import RepeatSet
    from lrfind.repeats.table import RepeatTable


def parse_grid(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, list[Any]]:
    """`NAME=V,V,...`, as often as given, as a grid.

    Numbers, `true`, `false` and `null` are read as in JSON; anything else is a string.

    Raises:
        click.BadParameter: A value is not of that form, or a name is given twice.

    Example:
        >>> parse_grid(None, None, ("batch_size=16,64", "optimizer=sgd,adam"))
        {'batch_size': [16, 64], 'optimizer': ['sgd', 'adam']}
    """
    grid: dict[str, list[Any]] = {}
    for text in values:
        name, separator, listed = text.partition("=")
        if not separator or not name.isidentifier() or not listed:
            raise click.BadParameter(f"{text!r} is not NAME=V,V,...")
        if name in grid:
            raise click.BadParameter(f"{name!r} is given twice")
        grid[name] = [_value(word) for word in listed.split(",")]
    return grid


def _value(word: str) -> Any:
    try:
        value = json.loads(word)
    except ValueError:
        return word
    return value if value is None or isinstance(value, bool | int | float) else word


def print_runs(runs: RepeatSet, table: RepeatTable, out: Path, *, drawn: bool) -> None:
    """Print where the files are, the table, and what to train with."""
    files = ", repeats.csv and repeats.png" if drawn else " and repeats.csv"
    print_note(f"Wrote {len(runs)} runs{files} to {out}/")
    if not drawn:
        print_note("There are more settings than a picture can hold.")
    print_result(table)
    if len(table.rows) == 1 and table.rows[0].answer:
        print_result(f"\n{table.rows[0].answer}")
