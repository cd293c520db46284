"""Values as data that holds no code, and back, with references to objects that are known."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch.amp.grad_scaler import _refresh_per_optimizer_state

from lrfind.state.digest import digest
from lrfind.state.known import Known, memory_of
from lrfind.support.errors import NotPortableError

PLAIN = frozenset({type(None), bool, int, float, str, torch.dtype, torch.device})
"""Types of values that stand for themselves."""
LISTS: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (tuple, list, deque, torch.Size)
}
SETS: dict[str, Callable[..., Any]] = {each.__name__: each for each in (set, frozenset)}
DICTIONARIES: dict[str, Callable[..., Any]] = {
    each.__name__: each for each in (dict, OrderedDict, Counter, defaultdict)
}
FACTORIES: dict[str, Callable[..., Any]] = {
    **{each.__name__: each for each in (bool, dict, float, int, list, set, str, tuple)},
    "scaled": _refresh_per_optimizer_state,
}
"""What a `defaultdict` may call for a missing key."""
FACTORY_NAMES = {factory: name for name, factory in FACTORIES.items()}


class Encoder:
    """Turns values into tuples, plain values and tensors.

    Args:
        known: Objects that are referred to by their numbers.
        adopting: Whether any other object becomes known, where it would be an error.

    Raises:
        NotPortableError: A value is of a kind that has no such form.
    """

    def __init__(self, known: Known, *, adopting: bool = False) -> None:
        self._known, self._adopting = known, adopting
        # By id, with the objects, whose ids are their own only while they live.
        self._new: dict[int, tuple[int, Any]] = {}

    def __call__(self, value: Any, where: str = "") -> Any:
        """The form of a value.

        Args:
            value: The value.
            where: The name under which it was found, for the error message.
        """
        kind = type(value)
        if kind in PLAIN:
            return self._known.as_address(value) or value
        number = self._known.number(value)
        if number is not None:
            return ("known", number)
        if kind is complex:
            return ("complex", value.real, value.imag)
        if kind is bytes:
            return ("bytes", _bytes(value))
        if kind is tuple or kind is torch.Size:
            return (kind.__name__, tuple(self(each, where) for each in value))
        if kind is frozenset:
            return (kind.__name__, self._in_order(value, where))
        if isinstance(value, np.generic) and not value.dtype.hasobject:
            return ("scalar", value.dtype.str, _bytes(value.tobytes()))
        if self._adopting:
            return ("known", self._known.adopt(value))
        return self._once(value, where)

    def copies(self, values: Iterable[Any]) -> Any:
        """The form of values of which those that are containers are copies of known ones."""
        containers = (dict, list, set)
        return (
            "tuple",
            tuple(self._once(v, "") if type(v) in containers else self(v) for v in values),
        )

    def _once(self, value: Any, where: str) -> Any:
        """A mutable value: what it holds, and where it is met again its number only."""
        if id(value) in self._new:
            return ("again", self._new[id(value)][0])
        number = len(self._new)
        self._new[id(value)] = number, value
        return ("new", number, self._content(value, where))

    def _content(self, value: Any, where: str) -> Any:
        kind, name = type(value), type(value).__name__
        if kind in (list, deque):
            size = value.maxlen if kind is deque else None
            return (name, tuple(self(each, where) for each in value), size)
        if kind is set:
            return (name, self._in_order(value, where))
        if kind in DICTIONARIES.values():
            items = tuple(
                (self(key, where), self(each, key if type(key) is str else where))
                for key, each in value.items()
            )
            return (name, items, _factory_of(value, where))
        if kind is bytearray:
            return (name, _bytes(value))
        if kind is np.ndarray and not value.dtype.hasobject:
            return ("ndarray", value.dtype.str, value.shape, _bytes(value.tobytes()))
        if kind in (torch.Tensor, torch.nn.Parameter):
            return self._tensor(value, where)
        raise _refusal(value, where)

    def _tensor(self, value: torch.Tensor, where: str) -> Any:
        if not value.is_leaf:
            raise NotPortableError(
                f"{_place(where)}a tensor that still has its graph: keep `tensor.detach()`."
            )
        if memory_of(value) in self._known.memory:
            raise NotPortableError(
                f"{_place(where)}a new tensor in the memory of another: keep a copy of it."
            )
        grad = None if value.grad is None else self(value.grad, where)
        return (type(value).__name__, value.detach(), value.requires_grad, grad)

    def _in_order(self, values: Iterable[Any], where: str) -> tuple[Any, ...]:
        """The members of a set in an order that is the same in every process.

        Raises:
            NotPortableError: It holds objects, which are in the order of their addresses.
        """
        members = list(values)
        for each in members:
            if type(each) not in PLAIN | {bytes, tuple, complex}:
                raise NotPortableError(
                    f"{_place(where)}a set of {type(each).__name__} objects, whose order differs "
                    "from process to process: keep them in a list."
                )
        return tuple(sorted((self(each, where) for each in members), key=digest))


class Decoder:
    """Turns what `Encoder` made into values, all that is new of it once.

    Args:
        known: The objects that were known there, by their numbers here.

    Raises:
        ValueError, TypeError, LookupError: The data is something else.
    """

    def __init__(self, known: Known) -> None:
        self._known = known
        self._new: dict[int, Any] = {}

    def __call__(self, data: Any) -> Any:
        """The value of a form."""
        if type(data) in PLAIN:
            return data
        kind, *parts = data
        if kind == "known":
            return self._known[parts[0]]
        if kind == "address":
            return id(self._known[parts[0]])
        if kind == "again":
            return self._new[parts[0]]
        if kind == "new":
            number, content = parts
            return self._made(number, *content)
        if kind == "complex":
            return complex(*parts)
        if kind == "bytes":
            return _from_bytes(parts[0])
        if kind == "scalar":
            return np.frombuffer(_from_bytes(parts[1]), np.dtype(parts[0]))[0]
        return {**LISTS, **SETS}[kind](map(self, parts[0]))

    def _made(self, number: int, kind: str, *parts: Any) -> Any:
        made: Any
        if kind in ("list", "deque"):
            made = self._new[number] = [] if kind == "list" else deque(maxlen=parts[1])
            made.extend(map(self, parts[0]))
        elif kind == "set":
            made = self._new[number] = set(map(self, parts[0]))
        elif kind in DICTIONARIES:
            made = self._new[number] = DICTIONARIES[kind]()
            if isinstance(made, defaultdict) and parts[1] is not None:
                made.default_factory = FACTORIES[parts[1]]
            for key, value in parts[0]:
                made[self(key)] = self(value)
        else:
            made = self._new[number] = self._whole(kind, *parts)
        return made

    def _whole(self, kind: str, *parts: Any) -> Any:
        if kind == "bytearray":
            return bytearray(_from_bytes(parts[0]))
        if kind == "ndarray":
            dtype, shape, data = parts
            return np.frombuffer(bytearray(_from_bytes(data)), np.dtype(dtype)).reshape(shape)
        value, requires_grad, grad = parts
        if kind == "Parameter":
            value = torch.nn.Parameter(value, requires_grad=requires_grad)
        elif kind != "Tensor":
            raise ValueError(f"there is no kind {kind!r}.")
        else:
            value.requires_grad_(requires_grad)
        value.grad = self(grad)
        return value


def _bytes(value: bytes | bytearray) -> torch.Tensor:
    return torch.from_numpy(np.frombuffer(bytearray(value), np.uint8).copy())


def _from_bytes(data: torch.Tensor) -> bytes:
    return data.numpy().tobytes()


def _factory_of(value: dict[Any, Any], where: str) -> str | None:
    factory = value.default_factory if isinstance(value, defaultdict) else None
    if factory is not None and factory not in FACTORY_NAMES:
        raise NotPortableError(f"{_place(where)}a defaultdict of {factory!r}.")
    return None if factory is None else FACTORY_NAMES[factory]


def _place(where: str) -> str:
    return f"`{where}` holds " if where else "there is "


def _refusal(value: Any, where: str) -> NotPortableError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return NotPortableError(
        f"{_place(where)}a new {kind}, and only tensors, arrays, numbers, text and containers of "
        "these can be kept."
    )
