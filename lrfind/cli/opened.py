"""The result in a file: one that was saved, or what another LR finder recorded."""

from __future__ import annotations

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

    with path.open("rb") as file:
        ours = b'"format"' in file.read(HEAD)
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
