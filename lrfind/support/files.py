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

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

from lrfind.support.arrays import Array, Steps
from lrfind.support.heads import printable

SCHEMA = 1
"""Schema version of every JSON file that lrfind can read back."""
LEFT_OVER, OLD = ".lrfind-tmp", 3600.0
"""Suffix of a temporary file, and its age in seconds from which on nobody is writing it, locked or
not."""
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


def write_whole(path: str | Path, *data: bytes | memoryview) -> None:
    """Write a file atomically: a crash leaves the old file or the new one, never a part.

    Args:
        path: The file to write or replace. Where it is a link, the file that it leads to is
            replaced, and the link kept.
        data: Its content, in parts.

    Raises:
        OSError: The file cannot be written, or what is there is no regular file; it is named, and
            no temporary file is left behind.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {Path(path).parent} does not exist.")
    if target.exists() and not target.is_file():
        raise OSError(f"{path} is not a regular file.")
    _clean_up(target)
    try:
        _replace(target, data)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    _sync(target.parent)


def _replace(target: Path, data: Iterable[bytes | memoryview]) -> None:
    handle, name = _begun(target)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(data)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows renames no open file
            os.chmod(name, _mode_of(target))
            os.replace(name, target)
    except BaseException:
        with suppress(FileNotFoundError):  # interrupted just after it was renamed
            os.unlink(name)
        raise


def _begun(target: Path) -> tuple[int, str]:
    """A new file beside the target, locked as long as it is open."""
    while True:
        handle, name = tempfile.mkstemp(LEFT_OVER, _start(target), target.parent)
        _lock(handle, wait=True)
        if os.fstat(handle).st_nlink or fcntl is None:
            return handle, name
        os.close(handle)  # another process took it for left over before it was locked


def _lock(handle: int, *, wait: bool) -> bool:
    """Lock a file; False if another process has, or there are no locks."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _start(target: Path) -> str:
    """What the names of the temporary files of this one begin with."""
    return f".{target.name.encode(errors='ignore')[:LONGEST].decode(errors='ignore')}."


def _clean_up(target: Path) -> None:
    """Remove what processes left that were killed while they wrote this file.

    No process holds their locks any more. Where there are no locks, they are old.
    """
    for path in target.parent.glob(f"{escape(_start(target))}*{LEFT_OVER}"):
        with suppress(OSError), path.open("r+b") as file:  # another process may be quicker
            if _lock(file.fileno(), wait=False) or time.time() - path.stat().st_mtime > OLD:
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
