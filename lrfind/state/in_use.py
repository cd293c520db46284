"""Who has a model or an optimizer, so that no second run changes it at the same time."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable
from typing import Any
from weakref import WeakValueDictionary

import torch

IN_USE = (
    "`{name}` ({kind}) is in another range test or `preserve_state`{where}, and two at once would "
    "restore each other's steps: let that one end first, or enter `preserve_state` before `Sweep`."
)


class Claim:
    """The optimizers and the trainable parameters that a run has from `take` until `release`.

    Preserving may be nested in one thread, and goes around a sweep; within a sweep its optimizers
    can be neither swept nor preserved. Two threads never have the same.

    Args:
        objects: Modules and optimizers are claimed; all else is ignored.
        swept: Whether they are swept, and not only preserved.

    Example:
        >>> optimizer = torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), lr=0.1)
        >>> claim = Claim([optimizer], swept=True)
        >>> claim.take()
        >>> Claim([optimizer], swept=True).take()
        Traceback (most recent call last):
        ...
        RuntimeError: `optimizer` (SGD) is in another range test or `preserve_state`, ...
        >>> claim.release()
    """

    def __init__(self, objects: Iterable[Any], *, swept: bool) -> None:
        # The ids stay those of the same objects: whoever makes a claim holds these as well.
        self._things = [(thing, ids) for thing in objects if (ids := _ids(thing))]
        self._ids = frozenset().union(*(ids for _, ids in self._things))
        self._thread, self._swept = threading.get_ident(), swept
        self._number = next(_numbers)

    # Not in the constructor, so that whoever takes can see to the release before. No lock: an
    # exception of a signal could leave it, and all other threads would wait. Of two claims at once
    # the one that was entered first holds, as both of them see.
    def take(self) -> None:
        """Have everything from now on.

        Raises:
            RuntimeError: Another claim forbids this one; the message names `model` or `optimizer`.
        """
        _claims[self._number] = self
        try:
            self.check()
        except RuntimeError:
            self.release()
            raise

    def check(self) -> None:
        """Raise what `take` would raise now."""
        for ref in _claims.valuerefs():  # in the order in which they were entered
            if (other := ref()) is self:
                return
            if other is not None:
                for thing, ids in self._things:
                    other._refuse(thing, ids)

    def release(self) -> None:
        """Give everything free; also if nothing was taken."""
        _claims.pop(self._number, None)

    def _refuse(self, thing: Any, ids: frozenset[int]) -> None:
        """Raise if this claim forbids another one of such a thing by the current thread."""
        elsewhere = self._thread != threading.get_ident()
        is_optimizer = not isinstance(thing, torch.nn.Module)
        # A model may be evaluated within a step of its sweep, and all that changes put back.
        if (elsewhere or (self._swept and is_optimizer)) and not ids.isdisjoint(self._ids):
            name, where = "optimizer" if is_optimizer else "model", " of another thread" * elsewhere
            raise RuntimeError(IN_USE.format(name=name, kind=type(thing).__name__, where=where))


def _ids(thing: Any) -> frozenset[int]:
    """The ids of what is claimed of an object."""
    if isinstance(thing, torch.nn.Module):
        return frozenset(id(each) for each in thing.parameters() if each.requires_grad)
    if isinstance(thing, type) or not hasattr(thing, "param_groups"):
        return frozenset()
    held = (each for group in thing.param_groups for each in group["params"])
    return frozenset(map(id, (thing, *held)))


_claims: WeakValueDictionary[int, Claim] = WeakValueDictionary()
"""A claim also ends with what made it, such as a sweep that was entered and never left."""

_numbers = itertools.count()
"""Of the claims. No number comes twice, so that the order of the entries is that of entering."""
