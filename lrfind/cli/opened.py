"""The result in a file: one that was saved, or what another LR finder recorded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lrfind.result.range_test_result import RangeTestResult

HEAD = 100
"""Bytes within which a file of lrfind names its format."""


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
        raise ResultFileError(f"{path} is not an lrfind result: {error}") from error


def opened_all(paths: Sequence[Path], kind: str | None) -> list[RangeTestResult]:
    """The result in each file; the kind is for those that are not lrfind's own.

    Raises:
        click.ClickException: A kind is given, but all are lrfind's own.
        OSError: A file cannot be read.
        ResultFileError: It is neither.
    """
    own = [is_ours(path) for path in paths]
    kinds = [None if ours and not all(own) else kind for ours in own]
    return [opened(path, each) for path, each in zip(paths, kinds, strict=True)]


def is_ours(path: Path) -> bool:
    """Whether a file is one of lrfind."""
    with path.open("rb") as file:
        return b'"format"' in file.read(HEAD)
