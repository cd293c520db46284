"""The line in a user's own files where an error arose, and the error in one line."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from traceback import extract_tb
from types import CodeType
from typing import Any, NamedTuple

LRFIND = Path(__file__).resolve().parents[1]
NOT_OWN = [LRFIND, Path(sysconfig.get_path("stdlib")).resolve()]
INSTALLED = {"site-packages", "dist-packages"}
"""Folders of code that is not the user's, even where they lie in the user's folder."""

FROM_ELSEWHERE = "Original Traceback (most recent call last):"
"""Begins the traceback that torch puts into the message of an error from a worker process."""
IN_TEXT = re.compile(r'^ *File "(.+)", line (\d+), in (.+)$', re.MULTILINE)


class Line(NamedTuple):
    """A line that was running when the error arose."""

    file: str
    number: int
    name: str
    """The function; empty for a syntax error."""

    def __str__(self) -> str:
        inside = f", in {self.name}" if self.name else ""
        return f"{shown_path(self.file)}, line {self.number}{inside}"


def place_of(
    error: BaseException, build: Callable[..., Any] | None, file: str | Path | None = None
) -> str:
    """Where in the user's files an error arose.

    Args:
        error: The error.
        build: The function that makes the problem, if it could be loaded.
        file: The file with that function, if it is known. Modules in its folder, or below, are the
            user's too.

    Returns:
        The last line of the user's that was running, and for a module beside the file the line
        there that led to it. Where torch raised it and no code of the user's was running, the
        function whose model, loss function or data it was. Ends in a colon; empty if there is none.
    """
    code, begin = _code_of(build), ""
    if code is not None:
        file = code.co_filename if file is None else file
        begin = (
            f"{shown_path(code.co_filename)}, line {code.co_firstlineno}, what {code.co_name} made"
        )
    if file is None:
        return ""
    lines = list(_lines_of(error))
    own = [line for line in lines if _is_own(line.file, file)]
    in_file = [line for line in own if _same(line.file, file)]
    if own and in_file:
        return f"{own[-1]}: " if own[-1] is in_file[-1] else f"{own[-1]} (from {in_file[-1]}): "
    if own:
        return f"{own[-1]} ({begin}): " if begin else f"{own[-1]}: "
    return f"{begin}: " if begin and _of_torch(lines) else ""


def said_of(error: BaseException) -> list[str]:
    """The type and the message of an error, line by line, without its place.

    Example:
        >>> said_of(ValueError("no such kind")), said_of(SystemExit(0))
        (['ValueError: no such kind'], ['sys.exit(0), and so no result'])
    """
    if isinstance(error, SystemExit):
        return [f"sys.exit({error.code!r}), and so no result"]
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    if FROM_ELSEWHERE in text:  # whose last line names the type
        return text.rstrip().splitlines()[-1:]
    return (f"{type(error).__name__}: {text}" if text else type(error).__name__).split("\n")


def shown_path(path: str | Path) -> str:
    """A path, relative to the current folder if it is in there."""
    whole, here = os.path.abspath(path), os.path.join(os.getcwd(), "")
    return whole.removeprefix(here)


def _lines_of(error: BaseException) -> Iterator[Line]:
    for frame in extract_tb(error.__traceback__):
        yield Line(frame.filename, frame.lineno or 0, frame.name)
    if isinstance(error, SyntaxError) and error.filename:
        yield Line(error.filename, error.lineno or 0, "")
    text = str(error)
    if FROM_ELSEWHERE in text:
        for file, number, name in IN_TEXT.findall(text):
            yield Line(file, int(number), name)


def _same(path: str | Path, file: str | Path) -> bool:
    return Path(path).resolve() == Path(file).resolve()


def _is_own(path: str, file: str | Path) -> bool:
    if _same(path, file):
        return True
    whole, folder = Path(path).resolve(), Path(file).resolve().parent
    return (
        whole.is_relative_to(folder)
        and whole.is_file()
        and INSTALLED.isdisjoint(whole.relative_to(folder).parts)
        and not any(whole.is_relative_to(other) for other in NOT_OWN)
    )


def _code_of(build: Callable[..., Any] | None) -> CodeType | None:
    """The code of a function; None if it is not written in Python."""
    while isinstance(build, functools.partial):
        build = build.func
    if build is None:
        return None
    made_by_call = getattr(type(build).__call__, "__code__", None)
    return getattr(inspect.unwrap(build), "__code__", made_by_call)


def _of_torch(lines: list[Line]) -> bool:
    """Whether torch was running, and raised the error itself or in what it called."""
    by_us = bool(lines) and Path(lines[-1].file).resolve().is_relative_to(LRFIND)
    return not by_us and any("torch" in Path(line.file).parts for line in lines)
