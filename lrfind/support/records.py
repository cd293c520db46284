"""Helpers for frozen records: read-only contents, and equality with NaN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, NoReturn, TypeVar

import numpy as np

from lrfind.support.arrays import Array, ArrayLike

K = TypeVar("K")
V = TypeVar("V")


class ReadOnlyDict(dict[K, V]):
    """A read-only dictionary.

    Unlike `types.MappingProxyType` it can be pickled, which worker processes need to return
    results, and written as JSON directly.
    """

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("this dictionary is part of a frozen record and cannot be changed.")

    __setitem__ = __delitem__ = clear = pop = popitem = _refuse
    setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def read_only(values: ArrayLike) -> Array:
    """A read-only float64 copy."""
    copy = np.array(values, dtype=np.float64)
    copy.setflags(write=False)
    return copy


def freeze(record: Any, *names: str) -> None:
    """Replace the named attributes of a frozen record by read-only copies."""
    for name in names:
        value = getattr(record, name)
        frozen = ReadOnlyDict(value) if isinstance(value, Mapping) else read_only(value)
        object.__setattr__(record, name, frozen)


def flag_names(flags: Iterable[Any]) -> list[str]:
    """The names of enum members in lower case, ready for JSON."""
    return [flag.name.lower() for flag in flags]


def same_fields(one: Any, other: Any) -> bool:
    """Whether two instances of a dataclass are equal, with NaN equal to NaN.

    Fields with `compare=False` do not count.
    """
    names = [each.name for each in fields(one) if each.compare]
    return all(_same(getattr(one, name), getattr(other, name)) for name in names)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
