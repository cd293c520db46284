"""User errors as short messages, and printing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrfind.support.heads import printable
from lrfind.support.text import TEXT_WIDTH

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


@contextmanager
def messages(user_file: str | None = None) -> Iterator[None]:
    """Turn a user error into its message and exit code 1.

    With a `user_file`, any error may come from that file; the message gives its location there, if
    it has one. Without, an error that is not about an argument or a file is a bug in lrfind, and
    keeps its traceback.
    """
    from lrfind.support.errors import LrfindError

    try:
        yield
    except click.ClickException:
        raise
    except Exception as error:
        place = _place_in(user_file, error) if user_file else ""
        if not place and isinstance(error, LrfindError | OSError | ValueError | TypeError):
            # A name of a file may hold what a terminal obeys.
            lines = map(printable, str(error).split("\n"))
            raise click.ClickException("\n".join(lines)) from error
        if not user_file:
            raise
        # Further lines mend it, and are to be pasted.
        said, *mend = str(error).split("\n")
        message = f"{place}{type(error).__name__}: {said} (--traceback shows where)"
        raise click.ClickException("\n".join([message, *mend])) from error


def print_result(thing: RenderableType) -> None:
    """Print a record to standard output, coloured on a terminal, with no digits cut off.

    Sentences are as wide as the terminal.
    """
    console = _console()
    if not console.is_terminal:
        console.width = max(console.width, TEXT_WIDTH)
    console.print(thing, crop=False)


def print_drawing(thing: RenderableType) -> None:
    """Print what is as wide as the terminal, or as `COLUMNS` says, and coloured on a terminal."""
    _console().print(thing)


def _console() -> Console:
    """Standard output, without any escape code where NO_COLOR is set, which bold face has too."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR"))
    width, height = shutil.get_terminal_size()  # which rich takes for 80 of a dumb terminal
    return Console(
        color_system=None if plain else "auto",
        width=width,
        height=height,
        highlight=False,
        markup=False,
        emoji=False,
    )


def print_note(text: str) -> None:
    """Print a message to standard error."""
    click.echo(text, err=True)


def _place_in(file: str, error: Exception) -> str:
    """The last line of that file in the error's traceback, or an empty string."""
    from traceback import extract_tb

    frames = extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).resolve() == Path(file).resolve()]
    return f"{file}, line {own[-1].lineno}, in {own[-1].name}: " if own else ""
