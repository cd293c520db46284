"""Numbered objects, by which the state of one process is set in another."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import torch

from lrfind.state import restore


class Known:
    """Numbered objects: those of the same number in two processes are the same part.

    Args:
        objects: The first of them.
    """

    def __init__(self, objects: Iterable[Any]) -> None:
        self._objects: list[Any] = []
        self._numbers: dict[int, int] = {}
        for each in objects:
            self.adopt(each)

    def adopt(self, thing: Any) -> int:
        """The number of an object, known from now on."""
        number = self._numbers.setdefault(id(thing), len(self._objects))
        if number == len(self._objects):
            self._objects.append(thing)
        return number

    def number(self, thing: Any) -> int | None:
        """The number of an object; None if it is not known."""
        return self._numbers.get(id(thing))

    def as_address(self, value: object) -> tuple[str, int] | None:
        """What to write for the id of a known object, which a compiled module keeps of itself."""
        if type(value) is not int or value not in self._numbers:
            return None
        return ("address", self._numbers[value])

    def __getitem__(self, number: int) -> Any:
        if number < 0:
            raise IndexError(number)
        return self._objects[number]

    @cached_property
    def memory(self) -> frozenset[int]:
        """Where the tensors among the objects have their values, when this is first asked."""
        tensors = (each for each in self._objects if isinstance(each, torch.Tensor))
        return frozenset(filter(None, map(memory_of, tensors)))

    def kinds(self) -> tuple[str, ...]:
        """The class of each object."""
        return tuple(f"{type(each).__module__}.{type(each).__qualname__}" for each in self._objects)


def memory_of(tensor: torch.Tensor) -> int:
    """The address of the values of a tensor; 0 if it has none."""
    plain = tensor.layout == torch.strided and not tensor.is_meta
    return restore.local(tensor).untyped_storage().data_ptr() if plain else 0
