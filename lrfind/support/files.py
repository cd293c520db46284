"""Atomic file writes, and JSON with NaN and infinity."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from lrfind.support.arrays import Array, Steps
from lrfind.support.heads import printable

SCHEMA = 1
"""Schema version of every JSON file that lrfind can read back."""
LEFT_OVER, OLD = ".lrfind-tmp", 3600.0
"""Suffix of a temporary file, and its age in seconds from which on nobody is writing it."""
LONGEST = 200
"""Bytes of a name that are part of the temporary one, which may have 255."""


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
        path: The file to write or replace. Where it is a link, the file that it leads to is
            replaced, and the link kept.
        data: Its content.

    Raises:
        OSError: The file cannot be written, or what is there is no regular file; no temporary file
            is left behind.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {Path(path).parent} does not exist.")
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is not a regular file.")
    _clean_up(target)
    handle, name = tempfile.mkstemp(LEFT_OVER, _begin(target), target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _mode_of(target))
        os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):  # interrupted just after it was renamed
            os.unlink(name)
        raise
    _sync(target.parent)


def _begin(target: Path) -> str:
    """What the names of the temporary files of this one begin with."""
    return f".{target.name.encode(errors='ignore')[:LONGEST].decode(errors='ignore')}."


def _clean_up(target: Path) -> None:
    """Remove what processes left that were killed while they wrote this file long ago."""
    for path in target.parent.glob(f"{escape(_begin(target))}*{LEFT_OVER}"):
        with suppress(OSError):  # another process may be quicker
            if time.time() - path.stat().st_mtime > OLD:
                path.unlink()


def _sync(folder: Path) -> None:
    """Have the name of a new file survive a power failure, where the system can do that."""
    if os.name != "posix":
        return
    # The file is there: what cannot be done is no error. A folder may be closed to reading, and
    # some network file systems sync none.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


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
