"""What frozen records with arrays have in common: read-only copies, and equality with NaN in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def read_only(values: ArrayLike) -> NDArray[np.float64]:
    """A float64 copy that nobody can write to."""
    copy = np.array(values, dtype=np.float64)
    copy.setflags(write=False)
    return copy


def freeze(record: Any, *names: str) -> None:
    """Replace those attributes of a frozen record by read-only copies."""
    for name in names:
        object.__setattr__(record, name, read_only(getattr(record, name)))


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
