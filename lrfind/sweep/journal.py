"""Keeps the steps of a sweep in a file as they become known; see `lrfind.result.journal`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import FileIO
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import Any

from lrfind.result.journal import header_line, is_journal, result_line, sealed
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.errors import ResultFileError
from lrfind.support.files import plain, write_whole
from lrfind.support.process_group import is_first_rank, rank_count
from lrfind.sweep.readback import HostCopies
from lrfind.sweep.recorder import Recorder

FLUSH_S = 1.0
"""Most seconds of steps that a process takes with it when it is killed."""
SYNC_S, SYNC_SHARE = 3.0, 0.003
"""Least time between two writings to the disk itself, and most of the time that they may take."""


@dataclass(frozen=True)
class Rows:
    """Steps that are not in the file yet, and the copies of their numbers that are on a device."""

    rows: list[dict[str, Any]]
    copies: HostCopies

    def lines(self) -> bytes:
        """The lines of the file; waits for the copies."""
        number = self.copies.numbers()
        return b"".join(
            sealed({name: _plain(row[name], number) for name in row}) for row in self.rows
        )


@dataclass(frozen=True)
class State:
    """How far a journal is. One object, so that an exception at any moment leaves a whole one.

    Attributes:
        taken: The number of steps taken from the recorder.
        waiting: Those of them that are not in the file yet.
        end: Length of the file in bytes. The next line is written there, over what an interrupted
            writing may have left.
    """

    taken: int = 0
    waiting: tuple[Rows, ...] = ()
    end: int = 0


class Journal:
    """The journal of a sweep; without a path, and on all ranks but the first, it does nothing.

    Steps are collected, and written together: nothing waits for a device, and a step costs
    microseconds. Where the file cannot be written any more, it warns, and the sweep goes on.

    Args:
        path: The file, or None.

    Attributes:
        epoch_steps: Optimizer steps per epoch, if known before the first step.

    Raises:
        OSError: The file cannot be written, or it is another one than a journal.
        TypeError: `path` is no path.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        self._path = None if path is None or not is_first_rank() else _checked(path)
        self.epoch_steps: float | None = None
        self._file: FileIO | None = None

    def start(self, recorder: Recorder, result: Callable[[], RangeTestResult]) -> None:
        """Begin a new file, in place of the journal there may be.

        Args:
            recorder: What records the sweep, entered.
            result: Gives the result so far, without layers.

        Raises:
            OSError: The file cannot be written.
        """
        if self._path is None:
            return
        self._recorder, self._result = recorder, result
        header = header_line(replace(result(), epoch_steps=self.epoch_steps))
        write_whole(self._path, header)
        self._state, self._copied = State(end=len(header)), False
        self._last = self._flushed = self._synced = perf_counter()
        self._pause = SYNC_S
        self._file = FileIO(self._path, "r+")  # from now on `finish` needs all of these
        self._status = os.fstat(self._file.fileno())
        self._try(self._flush, self._file)  # what a sweep that goes on has recorded before

    def update(self) -> None:
        """Take note of the steps known by now; to be called after each."""
        if (file := self._file) is None:
            return
        now = perf_counter()
        # The next call is expected in as long a time as passed since the last.
        due = now + (now - self._last) >= self._flushed + FLUSH_S
        self._last = now
        if due:
            self._flushed = now
            self._try(self._flush, file)

    def flush(self) -> None:
        """Write the steps known by now at once."""
        if self._file is not None:
            self._try(self._flush, self._file)

    def finish(self) -> None:
        """Write the rest and how the sweep ended, and close the file."""
        if (file := self._file) is not None and not file.closed:
            with file:
                self._try(self._end, file)
        self._file = None

    def add(self, result: RangeTestResult) -> None:
        """Write what became known of the result after the sweep."""
        if self._path is not None:
            self._try(self._add, self._path, result_line(replace(result, layers=None)))

    def _add(self, path: Path, line: bytes) -> None:
        with FileIO(path, "r+") as file:
            # Another sweep may have begun a journal there.
            if os.path.samestat(os.fstat(file.fileno()), self._status):
                self._write(file, line, self._state, sync=True)

    def _end(self, file: FileIO) -> None:
        self._flush(file, wait=True)
        late = self._copied or rank_count() > 1
        self._write(file, result_line(self._result(), columns=late), self._state, sync=True)

    def _flush(self, file: FileIO, *, wait: bool = False) -> None:
        """Write the steps that became known; with `wait`, all of them."""
        lr, losses = self._recorder.known
        taken, waiting = self._state.taken, self._state.waiting
        if len(losses) > taken:
            rows = list(self._rows(taken, lr[taken:].tolist(), losses[taken:]))
            copies = HostCopies(value for row in rows for value in _values(row))
            self._copied |= copies.is_needed
            waiting = (*waiting, Rows(rows, copies))
        data = b""
        while waiting and (wait or waiting[0].copies.is_done):
            data, waiting = data + waiting[0].lines(), waiting[1:]
        self._write(file, data, State(len(losses), waiting, self._state.end))

    def _write(self, file: FileIO, data: bytes, state: State, *, sync: bool = False) -> None:
        """Write at the end of a state, and take that state with what was written."""
        file.seek(state.end)
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        start = perf_counter()
        if sync or start - self._synced >= self._pause:
            os.fsync(file.fileno())
            self._synced = perf_counter()
            self._pause = max(SYNC_S, (self._synced - start) / SYNC_SHARE)
        self._state = replace(state, end=state.end + len(data))

    def _try(self, write: Callable[..., None], *arguments: Any) -> None:
        """Write something; where that fails, warn and write no more."""
        try:
            write(*arguments)
        # What reads from a device that has failed raises a RuntimeError.
        except (OSError, RuntimeError) as error:
            if self._file is not None:
                self._file.close()
            path, self._path, self._file = self._path, None, None
            warnings.warn(
                f"the journal {path} ends here, as it could not be written: {error}. The sweep "
                "goes on without.",
                stacklevel=4,
            )

    def _rows(self, first: int, lr: list[float], losses: list[float]) -> Iterator[dict[str, Any]]:
        """What is known of each step; of several ranks, means beside the loss come at the end."""
        recorder, alone = self._recorder, rank_count() == 1
        for step, (rate, loss) in enumerate(zip(lr, losses, strict=True), first):
            row: dict[str, Any] = {"lr": rate, "loss": loss}
            if alone:
                row |= recorder.beside.at(step)
            if recorder.skipped is not None:
                row["skipped"] = recorder.skipped.before(step)
            yield row


def _checked(path: str | os.PathLike[str]) -> Path:
    """The path of a file that may be written.

    Raises:
        OSError: It may not: its folder is missing or closed, or it holds something else.
        TypeError: It is no path.
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`journal` must be a path, got {type(path).__name__}.")
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"`journal`: the folder {target.parent} does not exist.")
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"`journal`: the folder {target.parent} cannot be written to.")
    if target.exists() and not _is_ours(target):
        raise FileExistsError(f"`journal`: {target} exists and is no journal: name another file.")
    return target


def _is_ours(target: Path) -> bool:
    try:
        return target.is_file() and (target.stat().st_size == 0 or is_journal(target))
    except ResultFileError:
        return False


def _values(row: Mapping[str, Any]) -> Iterator[Any]:
    for value in row.values():
        yield from value.values() if isinstance(value, dict) else [value]


def _plain(value: Any, number: Callable[[Any], float]) -> Any:
    """A value of a row for JSON."""
    if type(value) is float and isfinite(value):
        return value  # most of them
    if isinstance(value, dict):
        return {name: _plain(each, number) for name, each in value.items()}
    return value if type(value) is int else plain(number(value))
