"""The file that holds a checkpoint: a line of JSON that seals it, then what `torch.save` wrote."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch

from lrfind.support.files import SCHEMA, write_whole
from lrfind.support.reading import opened, refused

FORMAT = "lrfind checkpoint"
START = f'{{"format": "{FORMAT}"'.encode()
LONGEST_LINE = 200
"""Bytes of the first line."""
LARGEST = 2**50
"""Bytes of the largest file that is read: models are large."""


def write_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write plain data and tensors atomically.

    Raises:
        OSError: The file cannot be written.
    """
    data = io.BytesIO()
    torch.save(content, data)
    body = data.getbuffer()
    seal = {"format": FORMAT, "schema": SCHEMA, "blake2b": _digest(body)}
    write_whole(path, json.dumps(seal).encode() + b"\n", body)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What `write_checkpoint` wrote; nothing in the file is run.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: It is no checkpoint, or damaged.
    """
    with opened(path, LARGEST) as file:
        seal, body = file.readline(LONGEST_LINE), file.read()
    if not seal.startswith(START):
        raise refused(path, "is no checkpoint of a range test")
    found: Any = None
    with suppress(ValueError):
        found = json.loads(seal)
    if not isinstance(found, dict) or found.get("blake2b") != _digest(body):
        raise refused(path, "is damaged")
    if found.get("schema") != SCHEMA:
        raise refused(path, f"has schema {found.get('schema')!r}, and {SCHEMA} is read here")
    try:
        content = torch.load(io.BytesIO(body), weights_only=True)
    except Exception as error:
        raise refused(path, f"cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise refused(path, "is no checkpoint of a range test")
    return content


@contextmanager
def taken_from(path: Path) -> Iterator[None]:
    """Around what uses the content of a file: any error there is the file's.

    Raises:
        ResultFileError: There was one.
    """
    try:
        yield
    except Exception as error:
        raise refused(path, f"does not fit: {error}") from error


def is_checkpoint(path: Path) -> bool:
    """Whether a file is a checkpoint, by its start."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(START)) == START


def _digest(body: bytes | memoryview) -> str:
    return blake2b(body, digest_size=16).hexdigest()
