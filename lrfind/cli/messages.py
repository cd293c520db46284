"""User errors as short messages, and printing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

import click

from lrfind.support.errors import LrfindError
from lrfind.support.heads import printable
from lrfind.support.own_lines import place_of, said_of
from lrfind.support.text import TEXT_WIDTH

OF_A_BROKEN_PIPE = 128 + 13
"""Exit code of a command whose output nobody reads to its end, which other tools get by SIGPIPE."""
_UNPRINTED = "lrfind.unprinted"
"""Where the exit code is kept of a command that could not print."""

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


@contextmanager
def messages(
    file: str | None = None, function: str = "", *, traceback: bool = False
) -> Iterator[None]:
    """Turn a user error into its message and its exit code.

    Args:
        file: A user's file that is run, from which any error may come; the message gives its
            location there, if it has one. Without, an error that is not about an argument or a file
            is a bug in lrfind, and keeps its traceback.
        function: The function there that makes the problem.
        traceback: Whether every error keeps its traceback.
    """
    try:
        yield
    except click.ClickException:
        raise
    except SystemExit as ended:
        _end(ended, _place(ended, file, function), traceback=traceback)
    except Exception as error:
        if traceback:
            raise
        place = _place(error, file, function)
        if not place and isinstance(error, LrfindError | OSError | ValueError | TypeError):
            raise _Failed(str(error)) from error
        if not file:
            raise
        said, *mend = said_of(error)  # the further lines are to be pasted
        lines = [f"{place}{said} (--traceback shows where)", *mend]
        raise _Failed("\n".join(lines)) from error
    if (code := click.get_current_context().meta.get(_UNPRINTED)) is not None:
        raise SystemExit(code)


class _Failed(click.ClickException):
    """An error as its message; what a terminal would obey, as in the name of a file, is escaped."""

    def __init__(self, message: str) -> None:
        super().__init__("\n".join(map(printable, message.expandtabs(4).split("\n"))))


def _end(ended: SystemExit, place: str, *, traceback: bool) -> NoReturn:
    """End with the exit code of a `sys.exit`, which is no success: there is no result."""
    if ended.code and not place:
        raise ended
    (said,) = said_of(ended)
    if traceback:
        raise RuntimeError(said) from ended
    _Failed(place + said).show()
    raise SystemExit((ended.code & 0xFF or 1) if isinstance(ended.code, int) else 1) from ended


def _place(error: BaseException, file: str | None, function: str) -> str:
    """Where in the user's files the error arose; empty if it did not, or there are none."""
    if file is None:
        return ""
    from lrfind.problems.from_file import loaded_function

    return place_of(error, loaded_function(Path(file), function), file)


def print_result(thing: RenderableType) -> None:
    """Print a record to standard output, coloured on a terminal, with no digits cut off.

    Sentences are as wide as the terminal.
    """
    console = _console()
    if not console.is_terminal:
        console.width = max(console.width, TEXT_WIDTH)
    with _unless_it_fails(sys.stdout):
        console.print(thing, crop=False)


def print_drawing(thing: RenderableType) -> None:
    """Print what is as wide as the terminal, or as `COLUMNS` says, and coloured on a terminal."""
    with _unless_it_fails(sys.stdout):
        _console().print(thing)


def print_text(text: str = "") -> None:
    """Print a line, or several, to standard output as they are."""
    with _unless_it_fails(sys.stdout):
        click.echo(text)


def _console() -> Console:
    """Standard output, without any escape code where NO_COLOR is set, which bold face has too."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:  # where rich would end the process
            raise BrokenPipeError

    plain = bool(os.environ.get("NO_COLOR"))
    width, height = shutil.get_terminal_size()  # which rich takes for 80 of a dumb terminal
    return Piped(
        color_system=None if plain else "auto",
        width=width,
        height=height,
        highlight=False,
        markup=False,
        emoji=False,
    )


def print_note(text: str) -> None:
    """Print a message to standard error."""
    with _unless_it_fails(sys.stderr):
        click.echo(text, err=True)


@contextmanager
def _unless_it_fails(stream: TextIO) -> Iterator[None]:
    """Write to a stream whose reader may have left, as `head` does, or that is on a full disk.

    What else is written there goes nowhere: the command ends its work, as its files are still
    wanted, without a word to a broken pipe, and then with the exit code of that.
    """
    try:
        yield
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        unread = isinstance(error, BrokenPipeError)
        code = OF_A_BROKEN_PIPE if unread else 1
        click.get_current_context().meta.setdefault(_UNPRINTED, code)
        if not unread and stream is sys.stdout:
            print_note(f"Error: could not write standard output ({error.strerror or error})")
