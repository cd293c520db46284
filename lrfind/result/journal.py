"""The file in which a sweep keeps every step as it goes: its lines, and the result in them.

The first line has what is known before the first step, each further one a step, or what became
known later. Every line is a JSON object that ends in the checksum of what stands before:

    {"format":"lrfind journal","schema":1,"settings":{...},...,"crc":"89abcdef"}
    {"lr":1e-06,"loss":2.31,"crc":"..."}
    {"result":{"stop_reason":"diverged",...},"crc":"..."}
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from lrfind.result.format import FORMAT, to_document
from lrfind.result.record import SweepRecord
from lrfind.support.reading import Count, Number, Positive, opened, parsed_json, refused

JOURNAL_FORMAT = "lrfind journal"
START = f'{{"format":"{JOURNAL_FORMAT}",'.encode()
SEAL = len(',"crc":"89abcdef"}')
COLUMNS = ("probe", "metric", "tasks")
LATER = ("stop_reason", "skipped", "state_bytes", "epoch_steps", "cold_starts")
"""Fields of a result that are not known at its start, beside the columns."""
# Compact, ASCII, and an error for what is no JSON.
_encode: Callable[[object], str] = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


class StepLine(msgspec.Struct, forbid_unknown_fields=True):
    """A step."""

    lr: Positive
    loss: Number
    probe: Number | None = None
    metric: Number | None = None
    tasks: dict[str, Number] = {}
    skipped: Count | None = None


class ResultLine(msgspec.Struct, forbid_unknown_fields=True):
    """What became known later; a later line holds."""

    result: dict[str, Any]


def sealed(content: Mapping[str, Any]) -> bytes:
    r"""A line of the file, with its checksum.

    Example:
        >>> sealed({"lr": 1e-06, "loss": 2.5})
        b'{"lr":1e-06,"loss":2.5,"crc":"c14e529d"}\n'
    """
    body = _encode(content)[:-1].encode()
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body))


def header_line(record: SweepRecord) -> bytes:
    """The first line, from the result of a sweep before its first step."""
    document = {**to_document(record), "format": JOURNAL_FORMAT}
    return sealed({name: document[name] for name in document if name not in _BY_STEP})


def result_line(record: SweepRecord, *, columns: bool = False) -> bytes:
    """What became known of a result.

    Args:
        record: The result so far, without layers.
        columns: Whether probe, metric and tasks are not in the lines of the steps, or not all.
    """
    document = to_document(record)
    names = [*LATER, *(COLUMNS if columns else ())]
    known = {name: document[name] for name in names if document.get(name) is not None}
    return sealed({"result": known})


def is_journal(path: str | os.PathLike[str]) -> bool:
    """Whether a file is a journal, by its start.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: It is no regular file, or too large.
    """
    with opened(path) as file:
        return file.read(len(START)) == START


def journal_document(path: str | Path) -> dict[str, Any]:
    """The document of the result in a journal, which may still be written.

    What follows the last line break is left out: it is being written, or was when the process died.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: A line is damaged; the message names it.
    """
    with opened(path) as file:
        data = file.read(os.fstat(file.fileno()).st_size)
    first, *rest = data.split(b"\n")[:-1] or [b""]
    header = _content(path, 1, first, dict[str, Any])
    steps: list[StepLine] = []
    later: dict[str, Any] = {}
    for number, line in enumerate(rest, 2):
        if line.startswith(b'{"lr"'):
            steps.append(_content(path, number, line, StepLine))
        else:
            later |= _content(path, number, line, ResultLine).result
    return {**header, **_columns(steps), **later, "format": FORMAT}


_BY_STEP = ("lr", "loss", *COLUMNS, "layers")


def _content(path: str | Path, number: int, line: bytes, kind: Any) -> Any:
    """The content of a line of the file.

    Raises:
        ResultFileError: It is damaged.
    """
    body, seal = line[:-SEAL], line[-SEAL:]
    if seal != b',"crc":"%08x"}' % crc32(body):
        raise refused(path, f"line {number} is not what was written", "is damaged: ")
    try:
        # msgspec's own decoder takes no lone surrogate, which a name may hold.
        return msgspec.convert(parsed_json(body.decode() + "}"), kind)
    except (ValueError, RecursionError) as error:
        raise refused(path, f"line {number}: {error}", "is damaged: ") from error


def _columns(steps: list[StepLine]) -> dict[str, Any]:
    """The fields of a result with an entry for each step."""
    columns: dict[str, Any] = {
        name: [getattr(step, name) for step in steps]
        for name in ("lr", "loss", "probe", "metric", "skipped")
    }
    for name in ("probe", "metric", "skipped"):
        if all(value is None for value in columns[name]):
            columns[name] = []
    for name in ("probe", "metric"):
        columns[name] = ["nan" if value is None else value for value in columns[name]]
    # A task may be missing from a step.
    names = dict.fromkeys(name for step in steps for name in step.tasks)
    columns["tasks"] = {name: [step.tasks.get(name, "nan") for step in steps] for name in names}
    return columns
