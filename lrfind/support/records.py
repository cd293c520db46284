"""What frozen records have in common: contents that nobody can write to, and equality with NaN."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, NoReturn, TypeVar

import numpy as np

from lrfind.support.arrays import Array, ArrayLike

K = TypeVar("K")
V = TypeVar("V")


class ReadOnlyDict(dict[K, V]):
    """A dictionary that cannot be changed.

    Unlike `types.MappingProxyType` it can be pickled, as results are on their way from a worker
    process, and copied into a file as it is.
    """

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError("this dictionary belongs to a frozen record and cannot be changed.")

    __setitem__ = __delitem__ = clear = pop = popitem = _refuse
    setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)


def read_only(values: ArrayLike) -> Array:
    """A float64 copy that nobody can write to."""
    copy = np.array(values, dtype=np.float64)
    copy.setflags(write=False)
    return copy


def freeze(record: Any, *names: str) -> None:
    """Replace those attributes of a frozen record by read-only copies."""
    for name in names:
        value = getattr(record, name)
        frozen = ReadOnlyDict(value) if isinstance(value, Mapping) else read_only(value)
        object.__setattr__(record, name, frozen)


def flag_names(flags: Iterable[Any]) -> list[str]:
    """The names of an enum's members, in lower case, ready for JSON."""
    return [flag.name.lower() for flag in flags]


def same_fields(one: Any, other: Any) -> bool:
    """Whether two dataclass instances of a kind are equal in every field, a NaN equal to a NaN."""
    names = [each.name for each in fields(one)]
    return all(_same(getattr(one, name), getattr(other, name)) for name in names)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
