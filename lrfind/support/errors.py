"""The error tree, and the checks at the door that name the parameter they refuse.

A bad argument raises the built-in `ValueError` or `TypeError`. Only what a program may want
to tell apart has a class of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class LrfindError(Exception):
    """Anything that `lrfind` raises and that is not a plain `ValueError` or `TypeError`."""


class ResultFileError(LrfindError, ValueError):
    """A file that is not a whole, readable result of a range test."""


class CannotTellError(LrfindError, ValueError):
    """A number was asked of a sweep that does not hold it; the message says why."""


class RunsFailedError(LrfindError, RuntimeError):
    """Some runs of a set failed; the message names them and says why.

    Attributes:
        finished: The `RepeatSet` of the others, None if there are none.
        failures: What went wrong, by the run's seed and settings as text.
    """

    def __init__(self, message: str, finished: Any, failures: Mapping[str, str]) -> None:
        super().__init__(message)
        self.finished = finished
        self.failures = dict(failures)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.finished, self.failures)
