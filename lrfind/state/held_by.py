"""The objects with state that a function holds, as far as Python shows them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import chain
from types import CellType, FunctionType
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader

from lrfind.state.kinds import CODE, is_plain_object
from lrfind.state.random_state import GENERATORS

DEPTH = 8
"""How many holders, one within the other, are opened."""

LONGEST = 100
"""A longer container is taken to hold data, not models."""

STATEFUL = (torch.nn.Module, Optimizer, LRScheduler, torch.amp.GradScaler, DataLoader, *GENERATORS)


def held_by(function: Any) -> list[Any]:
    """The objects with state that a call of a function can reach.

    These are the function itself where it is such an object, the object of a bound method, and
    what is held by closures, defaults, attributes, partials, and short containers in these. Lists,
    dictionaries and tensors are opened but not returned: a function may fill them for its user.

    Args:
        function: Any callable.

    Returns:
        Modules, optimizers, schedulers, scalers, loaders, generators, user-defined objects, and
        what has `state_dict` and `load_state_dict`; each once. What globals or functions written
        in C hold is not seen.

    Example:
        >>> model, scale = torch.nn.Linear(1, 1), 2.0
        >>> held_by(lambda x, model=model: scale * model(x))
        [Linear(in_features=1, out_features=1, bias=True)]
    """
    seen: dict[int, Any] = {}
    level = [function]
    for _ in range(DEPTH):
        new = {id(value): value for value in level if id(value) not in seen}
        seen |= new
        level = [part for value in new.values() for part in _parts(value)]
    return [value for value in seen.values() if _has_state(value)]


def _parts(holder: Any) -> Iterable[Any]:
    """What a function, a method, a partial or a short container holds."""
    if isinstance(holder, partial):
        return (holder.func, *holder.args, *holder.keywords.values())
    if isinstance(holder, FunctionType):
        return chain(
            chain.from_iterable(map(_contents, holder.__closure__ or ())),
            holder.__defaults__ or (),
            (holder.__kwdefaults__ or {}).values(),
            vars(holder).values(),
        )
    if isinstance(holder, CODE):
        return (getattr(holder, "__self__", None), getattr(holder, "__func__", None))
    if isinstance(holder, list | tuple | dict) and len(holder) <= LONGEST:
        return holder.values() if isinstance(holder, dict) else holder
    return ()


def _contents(cell: CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # a variable that has not been set
        return ()


def _has_state(value: Any) -> bool:
    if isinstance(value, CODE):
        return False
    kept = hasattr(value, "state_dict") and hasattr(value, "load_state_dict")
    return kept or isinstance(value, STATEFUL) or is_plain_object(value)
