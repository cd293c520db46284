"""The result in a file: one that was saved, or what another LR finder recorded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from lrfind.result.range_test_result import RangeTestResult

T = TypeVar("T")

HEAD = 100
"""Bytes within which a file of lrfind names its format."""


def anything(path: Path, kind: str | None) -> Any:
    """What is in a file or folder: a result, controls, a verification, or repeats.

    Args:
        path: A file of lrfind, the folder of the command `repeat`, or another finder's record.
        kind: As for `opened`.

    Raises:
        click.ClickException, OSError, ResultFileError: As for `opened`.
    """
    from lrfind.checks.controls.format import CONTROLS_FORMAT
    from lrfind.checks.controls.record import Controls
    from lrfind.checks.verification.format import VERIFICATION_FORMAT
    from lrfind.checks.verification.record import Verification
    from lrfind.repeats.files import load_repeats

    if path.is_dir():
        return load_repeats(path)
    readers = {CONTROLS_FORMAT: Controls.load, VERIFICATION_FORMAT: Verification.load}
    head = _head(path)
    for name, read in readers.items():
        if f'"{name}"'.encode() in head:
            return read(path)
    return opened(path, kind)


def opened(path: Path, kind: str | None) -> RangeTestResult:
    """The result in a file.

    Args:
        path: A file of lrfind, or a CSV or JSON file of learning rates and losses.
        kind: What recorded the latter; see `from_history`.

    Raises:
        click.ClickException: A kind is given for a file of lrfind.
        OSError: The file cannot be read.
        ResultFileError: It is neither.
    """
    from lrfind.histories.from_history import from_history
    from lrfind.result.range_test_result import load
    from lrfind.support.errors import ResultFileError
    from lrfind.support.reading import refused

    ours = is_ours(path)
    if ours and kind is not None:
        raise click.ClickException(f"--kind is for what another LR finder recorded, not {path}.")
    if ours:
        return load(path)
    try:
        return from_history(path, kind)
    except ResultFileError:
        raise
    except ValueError as error:
        raise refused(path, error, "is not an lrfind result: ") from error


def opened_all(
    paths: Sequence[Path], kind: str | None, read: Callable[[Path, str | None], T]
) -> list[T]:
    """What is in each file; the kind is for those that are not lrfind's own.

    Args:
        paths: The files.
        kind: As for `opened`.
        read: `opened` or `anything`.

    Raises:
        click.ClickException: A kind is given, but all are lrfind's own.
        OSError: A file cannot be read.
        ResultFileError: It is neither.
    """
    own = [path.is_dir() or is_ours(path) for path in paths]
    kinds = [None if ours and not all(own) else kind for ours in own]
    return [read(path, each) for path, each in zip(paths, kinds, strict=True)]


def is_ours(path: Path) -> bool:
    """Whether a file is one of lrfind."""
    return b'"format"' in _head(path)


def _head(path: Path) -> bytes:
    from lrfind.support.reading import opened as opened_file

    with opened_file(path) as file:
        return file.read(HEAD)
