"""The exception classes.

A bad argument raises the built-in `ValueError` or `TypeError`. Only errors that a program may want
to handle separately have their own class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LrfindError(Exception):
    """Base class of all errors of `lrfind` other than plain `ValueError` and `TypeError`."""


class ResultFileError(LrfindError, ValueError):
    """A file is not a complete, readable file of `lrfind`."""


class CannotTellError(LrfindError, ValueError):
    """The losses recorded do not support the requested number; the message says why."""


class NotPortableError(LrfindError, TypeError):
    """Training state that cannot be written to a file; the message says what of it."""


class RunsFailedError(LrfindError, RuntimeError):
    """Some runs of a set failed; the message names them and says why.

    Attributes:
        finished: The `RepeatSet` of the other runs, None if there are none.
        failures: Error messages, by the seed and settings of the run as text.
    """

    def __init__(self, message: str, finished: Any, failures: Mapping[str, str]) -> None:
        super().__init__(message)
        self.finished = finished
        self.failures = dict(failures)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.finished, self.failures)
