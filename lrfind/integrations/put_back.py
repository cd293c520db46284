"""Puts back what making a trainer ready changes: attributes and lists, without copying tensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from lrfind.result.range_test_result import RangeTestResult
from lrfind.state import restore
from lrfind.state.undo import Undo


@contextmanager
def put_back(objects: Iterable[Any]) -> Iterator[None]:
    """Restore the attributes of objects, and the contents of the lists among them, at the end.

    Args:
        objects: Objects and dictionaries; what these hold is restored as a reference. What has no
            attributes is ignored.
    """
    held = [each if isinstance(each, dict) else getattr(each, "__dict__", {}) for each in objects]
    lists = [value for each in held for value in each.values() if isinstance(value, list)]
    undo = Undo()
    for each in (*held, *lists):
        if type(each) in (dict, list):
            undo.note(*restore.of(each))
    try:
        yield
    finally:
        undo.finish()


def without_step(result: RangeTestResult, options: Mapping[str, Any]) -> RangeTestResult:
    """A result that keeps only the loop options that were given, not those of what was put back.

    Args:
        result: The result.
        options: The options given by the user.
    """
    kept = {name: value for name, value in result.loop_options.items() if name in options}
    return replace(result, loop_options=kept)
