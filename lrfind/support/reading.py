"""Files read with care: nothing in one can hang, exhaust the memory, or pass for what it is not."""

from __future__ import annotations

import json
import math
import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence, Sized
from hashlib import sha256
from typing import Annotated, Any, BinaryIO, Literal, TypeVar

import msgspec

from lrfind.support.errors import ResultFileError
from lrfind.support.files import SCHEMA
from lrfind.support.heads import cut, printable

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)
Path = str | os.PathLike[str]

LARGEST = 2**30
"""Bytes of the largest file that is read: a sweep of 300 steps takes 15,000."""
LONGEST_PATH, LONGEST_REASON = 120, 140
"""Characters of a path and of a reason in an error message."""
CHECKSUM = "checksum"
"""Field of a file that may hold the checksum of the others."""

Number = float | Literal["nan", "inf", "-inf"]
"""A number that need not be finite; see `lrfind.support.files.plain`."""
_MAX = 1.7976931348623157e308  # of a float; what JSON writes above it is infinite
Finite = Annotated[float, msgspec.Meta(ge=-_MAX, le=_MAX)]
Positive = Annotated[float, msgspec.Meta(gt=0, le=_MAX)]
NotNegative = Annotated[float, msgspec.Meta(ge=0, le=_MAX)]
Beta = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


def refused(path: Path, why: object, said: str = "") -> ResultFileError:
    r"""The error of a file that is not read, in under 300 characters of plain text.

    Args:
        path: The file.
        why: What is wrong with it.
        said: Words in between, such as "is damaged: ".

    Example:
        >>> print(refused("a\x1b.json", "no number", "is damaged: "))
        a\x1b.json is damaged: no number.
    """
    shown = cut(printable(str(path)), LONGEST_PATH)
    reason = cut(printable(str(why)), LONGEST_REASON).rstrip(".")
    return ResultFileError(f"{shown} {said}{reason}.")


def opened(path: Path, largest: int = LARGEST) -> BinaryIO:
    """Open a regular file for reading; anything else is refused, and never waited for.

    Args:
        path: The file.
        largest: Bytes that it may have.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: It is a folder, a pipe or a device, or it is larger.
    """

    def checked(name: str, flags: int) -> int:
        # Without O_NONBLOCK, opening a pipe waits for somebody who writes.
        handle = os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
        status = os.fstat(handle)
        if stat.S_ISREG(status.st_mode) and status.st_size <= largest:
            return handle
        os.close(handle)
        if stat.S_ISREG(status.st_mode):
            raise refused(
                path, f"has {status.st_size:,} bytes, and no more than {largest:,} are read"
            )
        raise refused(path, "is no regular file")

    try:
        return open(path, "rb", opener=checked)
    except ResultFileError:
        raise
    except ValueError as error:
        raise refused(path, "is not the name of a file") from error


def read_text(path: Path, largest: int = LARGEST) -> str:
    """The text of a regular file in UTF-8, with or without a byte order mark.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: It is no regular file, too large, or no text.
    """
    with opened(path, largest) as file:
        # No more than was there when its size was checked.
        data = file.read(os.fstat(file.fileno()).st_size)
    try:
        return data.decode("utf-8-sig")
    except ValueError as error:
        raise refused(path, "is not text in UTF-8") from error


def parsed_json(text: str) -> Any:
    """The content of strict JSON: no NaN, no infinity, no field twice.

    Raises:
        ValueError, RecursionError: It is something else.
    """
    return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_fields)


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: It is no regular file, too large, or not valid JSON.
    """
    text = read_text(path)
    try:
        return parsed_json(text)
    except (ValueError, RecursionError) as error:
        raise refused(path, error, "is not valid JSON: ") from error


def read_document(path: Path, wanted: str, kind: str, schema: type[S], make: Callable[[S], T]) -> T:
    """Read a JSON file of lrfind, and make a record from it.

    Args:
        path: The JSON file.
        wanted: The required value of its field `format`.
        kind: Name of this kind of file, for error messages.
        schema: Types and ranges of its other fields.
        make: Makes the record from the validated fields.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: The file is truncated, damaged, edited though it has a checksum, of another
            format, or of a newer version.
    """
    return record_in(read_json(path), path, wanted, kind, schema, make)


def record_in(
    document: Any, path: Path, wanted: str, kind: str, schema: type[S], make: Callable[[S], T]
) -> T:
    """The record in a document that was read from a file; see `read_document`."""
    if not isinstance(document, dict) or document.get("format") != wanted:
        raise refused(path, f"is not an lrfind {kind}")
    _check_version(path, document.get("schema"))
    try:
        if CHECKSUM in document and document[CHECKSUM] != checksum(document):
            raise refused(path, "its `checksum` is another", "was edited or damaged: ")
        return make(msgspec.convert(document, schema))
    except ResultFileError:
        raise
    except msgspec.ValidationError as error:
        raise refused(path, _field_first(str(error)), "is damaged: ") from error
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise refused(path, error, "is damaged: ") from error


def checksum(document: Mapping[str, Any]) -> str:
    """The checksum of all fields of a document but its checksum, whatever their order."""
    content = {name: value for name, value in document.items() if name != CHECKSUM}
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def finite_but_last(name: str, losses: Sequence[Any]) -> None:
    """Raise unless only the last of the losses is not finite, as such a one ends a run.

    Raises:
        ValueError: One before is not; the message names it.
    """
    for step, loss in enumerate(losses[:-1]):
        # As what was read: a number, or its name.
        if isinstance(loss, str) or math.isinf(loss):
            raise ValueError(f"`{name}[{step}]` is {loss}, where only the last may be not finite")


def of_length(name: str, values: Sized, *lengths: int) -> None:
    """Raise unless there are as many values as there may be.

    Raises:
        ValueError: There are more or fewer; the message names them.
    """
    if len(values) not in lengths:
        allowed = " or ".join(map(str, dict.fromkeys(lengths)))
        raise ValueError(f"`{name}` must have {allowed} entries, got {len(values)}")


def _check_version(path: Path, version: object) -> None:
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise refused(path, f"`schema` must be an integer from 1, got {version!r}", "is damaged: ")
    if version > SCHEMA:
        raise refused(
            path,
            f"has schema {version}, but this version reads only {SCHEMA}: upgrade lrfind to the "
            "version that wrote it",
        )


def _field_first(message: str) -> str:
    """A message of msgspec with the field in front, such as "`loss[3]`: expected `float`"."""
    found = re.fullmatch(r"(.*?)(?: - at `\$\.?(.*)`)?", message, re.DOTALL)
    what, where = found.groups(default="") if found else (message, "")
    if missing := re.fullmatch("Object missing required field `(.*)`", what):
        return f"`{where}{'.' * bool(where)}{missing[1]}` is missing"
    return f"`{where}`: {what[:1].lower()}{what[1:]}" if where else what


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise ValueError(f"{name!r} stands twice in one object")
        fields[name] = value
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
