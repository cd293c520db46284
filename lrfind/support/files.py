"""Atomic file writes, and JSON with NaN and infinity."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lrfind.support.arrays import Array, Steps
from lrfind.support.heads import printable

SCHEMA = 1
"""Schema version of every JSON file that lrfind can read back."""


def write_json(path: str | Path, document: Mapping[str, object]) -> None:
    """Write a document of plain, finite values as JSON; see `write_whole`."""
    write_whole(path, (json.dumps(document, allow_nan=False, indent=1) + "\n").encode())


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows under a header as CSV; see `write_whole`."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(map(printable, header))
    writer.writerows(
        [printable(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    write_whole(path, text.getvalue().encode())


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file atomically: a crash leaves the old file or the new one, never a part.

    Args:
        path: The file to write or replace.
        data: Its content.

    Raises:
        OSError: The file cannot be written; no temporary file is left behind.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {target.parent} does not exist.")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _mode_of(target))
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def plain(value: float) -> float | str:
    """A number for JSON: NaN and infinity become strings that `float` can read back."""
    return float(value) if math.isfinite(value) else str(value)


def to_json(values: Array | Steps) -> list[float | str]:
    """An array as a list for JSON; see `plain`."""
    return [value if math.isfinite(value) else str(value) for value in values.tolist()]


def from_json(values: Sequence[float | str]) -> Array:
    """The array from a list made by `to_json`."""
    return np.array([float(value) for value in values], dtype=np.float64)


def _mode_of(target: Path) -> int:
    """The file mode that `open` would give; `mkstemp` makes files private."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
