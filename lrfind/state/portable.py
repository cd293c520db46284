"""The state of objects as plain data, which another process sets in its objects of the same make.

A process that builds the same model, optimizer and loader meets their parts in the same order as
`Snapshot` visits them. So a part is known by its number, and of its state only what has changed is
kept, with what is new since. Nothing of it is code: `torch.load(..., weights_only=True)` reads it.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from lrfind.state import restore
from lrfind.state.digest import digest
from lrfind.state.encoding import Decoder, Encoder
from lrfind.state.known import Known
from lrfind.state.random_state import set_generator_state
from lrfind.state.snapshot import Snapshot
from lrfind.support.heads import cut

FUNCTIONS: dict[str, Callable[..., object]] = {
    "dictionary": restore.dictionary,
    "sequence": restore.sequence,
    "set": restore.unordered,
    "tensor": restore.tensor,
    "requires_grad": restore.requires_grad,
    "grad": restore.grad,
    "state_dict": restore.state_dict,
    "attribute": setattr,
    "array": np.copyto,
    "generator": set_generator_state,
}
"""What restores a piece of state, by its name in the data."""
NAMES = {function: name for name, function in FUNCTIONS.items()}
CONTAINERS = ("dictionary", "sequence")
"""Pieces whose values are the objects that are there, not copies of them."""


class Piece(NamedTuple):
    """A piece of state: `FUNCTIONS[name](target, *values)` restores it."""

    name: str
    target: Any
    values: tuple[Any, ...]

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from others of the same walk."""
        attribute = self.values[0] if self.name == "attribute" else None
        return self.name, id(self.target), attribute


class Portable:
    """The state of objects, relative to what it is now.

    Args:
        objects: As for `preserve_state`.

    Attributes:
        fingerprint: Digest of each piece of the state now. Two processes that built the same have
            the same ones, and can exchange their later states.

    Raises:
        NotPortableError: The parts have no order that another process would meet too.

    Example:
        >>> here, there = [1, 2], [1, 2]
        >>> mine, other = Portable([here]), Portable([there])
        >>> here.append(3)
        >>> other.load(mine.state())
        >>> there
        [1, 2, 3]
    """

    def __init__(self, objects: Iterable[Any]) -> None:
        self._roots = list(objects)
        pieces = self._walk()
        self._known = known = Known([*self._roots, *(piece.target for piece in pieces)])
        adopt = Encoder(known, adopting=True)
        self._first: dict[tuple[Any, ...], Any] = {}
        self.fingerprint: list[str] = []
        self._targets = [piece.target for piece in pieces]
        for piece in pieces:
            held = piece.name in CONTAINERS
            found = self._digest(piece, adopt if held else Encoder(known))
            self._first[piece.key] = piece.values[0] if held else found
            self.fingerprint.append(found)
        self.fingerprint.append(digest(known.kinds()))

    def state(self) -> list[Any]:
        """What has changed since this was made, as tuples, numbers, text and tensors.

        Raises:
            NotPortableError: Something new is of a kind that cannot be kept; the message says what.
        """
        encode = Encoder(self._known)
        return [
            (piece.name, number, encode.copies(piece.values))
            for piece in self._walk()
            # The contents of a new object are encoded where it is held.
            if (number := self._known.number(piece.target)) is not None and self._changed(piece)
        ]

    def _changed(self, piece: Piece) -> bool:
        first = self._first.get(piece.key)
        if first is None:
            return True
        if piece.name in CONTAINERS:
            return not _holds_the_same(first, piece.values[0])
        return bool(first != self._digest(piece, Encoder(self._known)))

    def _digest(self, piece: Piece, encode: Encoder) -> str:
        return digest((piece.name, self._known.number(piece.target), encode.copies(piece.values)))

    def difference(self, fingerprint: Sequence[str]) -> str | None:
        """The first piece of the state at first that another fingerprint tells otherwise.

        Returns:
            The piece in words; None if all are the same.
        """
        for target, here, there in zip(self._targets, self.fingerprint, fingerprint, strict=False):
            if here != there:
                return _in_words(target)
        return None if self.fingerprint == list(fingerprint) else "what is in them"

    def load(self, state: list[Any]) -> None:
        """Set the state of another process's objects in these.

        Args:
            state: What `state` returned there, as read from a file.

        Raises:
            ValueError, TypeError, LookupError, RuntimeError: It is not what `state` returned.
        """
        decode = Decoder(self._known)
        pieces = [(name, self._known[number], decode(values)) for name, number, values in state]
        for name, target, values in reversed(pieces):
            if name == "tensor":
                values = (restore.local(target), *values)
            elif name == "grad":
                values = (*values, restore.like(target), None)
            elif name == "dictionary" and "_iterator" in target:
                values = ({**values[0], "_iterator": target["_iterator"]},)
            FUNCTIONS[name](target, *values)

    def _walk(self) -> list[Piece]:
        snapshot = Snapshot("cpu")
        for thing in self._roots:
            snapshot.keep_named(thing)
        snapshot.wait()
        iterators = {id(vars(loader)) for loader in snapshot.loaders}
        return list(_pieces(snapshot.undo.pieces, iterators))


def _in_words(target: Any) -> str:
    """What a piece is of, for an error message."""
    if isinstance(target, torch.Tensor):
        return f"a tensor of shape {tuple(target.shape)}"
    names = ", ".join(key for key in target if type(key) is str) if type(target) is dict else ""
    return cut(f"what is in {names}", 100) if names else f"a {type(target).__name__}"


def _holds_the_same(before: Any, now: Any) -> bool:
    """Whether a list or dictionary holds the very same objects as before, in the same order."""
    if isinstance(now, dict):
        if list(before) != list(now):
            return False
        before, now = before.values(), now.values()
    return len(before) == len(now) and all(map(operator.is_, before, now))


def _pieces(noted: Iterable[tuple[Any, ...]], loaders: set[int]) -> Iterator[Piece]:
    """The pieces of a walk that hold state of the objects, with what their values need not have."""
    for function, *arguments in noted:
        name = NAMES.get(function)
        if name is None:
            continue  # the modes of torch and the global random state
        target, *values = arguments
        if name == "tensor":
            values = values[1:]
        elif name == "grad":
            values = values[:1]
        elif name == "dictionary" and id(target) in loaders:
            # An iterator is made anew, where the loader is brought to the same batch.
            values = [{key: each for key, each in values[0].items() if key != "_iterator"}]
        yield Piece(name, target, tuple(values))
