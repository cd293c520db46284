"""Argument checks: each returns the value, or raises an error that names the parameter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np


def require_positive(name: str, value: object) -> float:
    """Return `value` as a float, or raise if it is not a finite number above 0."""
    number = require_number(name, value)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"`{name}` must be a finite number above 0, got {value!r}.")
    return number


def require_number(name: str, value: object) -> float:
    """Return `value` as a float, or raise if it is not a number."""
    if isinstance(value, bool | str) or not hasattr(value, "__float__"):
        raise TypeError(f"`{name}` must be a number, got {value!r}.")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:  # several, or too large
        raise TypeError(f"`{name}` must be one number, got {value!r}.") from error


def require_beta(value: object) -> float:
    """Return a `beta` as a float, or raise if it is not in [0, 1)."""
    beta = require_number("beta", value)
    if not 0 <= beta < 1:
        raise ValueError(f"`beta` must be in [0, 1), got {value!r}.")
    return beta


def require_betas(values: Sequence[float]) -> list[float]:
    """Return the different betas of a flat sequence as floats, or raise if it is something else."""
    if np.ndim(values) != 1:
        raise ValueError(f"`betas` must be a flat sequence of numbers, got {values!r}.")
    return list(dict.fromkeys(map(require_beta, values)))


def require_count(name: str, value: object, least: int) -> int:
    """Return `value` as an int, or raise if it is not an integer of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"`{name}` must be an integer, got {value!r}.")
    count = int(value.__index__())
    if count < least:
        raise ValueError(f"`{name}` must be at least {least}, got {value!r}.")
    return count


def require_flag(name: str, value: object) -> bool:
    """Return `value`, or raise if it is not True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"`{name}` must be True or False, got {value!r}.")
    return value


def require_choice(name: str, value: object, choices: Iterable[str]) -> str:
    """Return `value`, or raise with the list of valid choices."""
    names = list(choices)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"`{name}` must be one of {', '.join(map(repr, names))}, got {value!r}.")
    return value
