"""What a training loop refuses, or warns of, before anything is touched."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from lrfind.state.kinds import CODE, Data


def check_model(model: torch.nn.Module, optimizers: Sequence[Optimizer]) -> None:
    """Refuse an optimizer of another model; warn of a model that is not in train mode.

    Raises:
        TypeError: `model` is no module.
        ValueError: An optimizer holds none of its parameters.
    """
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"`model` must be a torch.nn.Module, got {type(model).__name__}.")
    own = {id(parameter) for parameter in model.parameters()}
    for optimizer in optimizers:
        held = {id(value) for group in optimizer.param_groups for value in group["params"]}
        if own and own.isdisjoint(held):
            raise ValueError(
                "`optimizer` holds none of the parameters of `model`: build it from "
                "`model.parameters()`, after any step that replaces them."
            )
    if not any(module.training for module in model.modules()):
        warnings.warn(
            "`model` is in eval mode, so dropout and batch norm act as in evaluation; "
            "call `model.train()` first if that is not how it trains.",
            stacklevel=4,
        )


def check_one_way(**ways: Callable[..., Any] | None) -> None:
    """Refuse more than one way from a batch to its loss, by their parameters' names.

    Raises:
        TypeError: One of them is not callable.
        ValueError: More than one is given.
    """
    given = {name: way for name, way in ways.items() if way is not None}
    for name, way in given.items():
        if isinstance(way, type) and issubclass(way, torch.nn.Module):
            raise TypeError(f"`{name}` is a class: make one, as in `{way.__name__}()`.")
        if not callable(way):
            raise TypeError(f"`{name}` must be callable, got {type(way).__name__}.")
    if len(given) > 1:
        raise ValueError(f"only one of {', '.join(f'`{name}`' for name in given)} may be given.")


def state_of(function: Any) -> Any:
    """What a callable changes when it is called: a module, the object of a method, or nothing."""
    owner = getattr(function, "__self__", function)
    return None if isinstance(owner, CODE) or not hasattr(owner, "__dict__") else owner


def check_preserve(preserve: Any) -> None:
    """Refuse what is no list of objects: a single module would be iterated over.

    Raises:
        TypeError: `preserve` is neither a list nor a tuple.
    """
    if not isinstance(preserve, list | tuple):
        raise TypeError(
            f"`preserve` must be a list or tuple of objects, got {type(preserve).__name__}."
        )


def check_unused(**options: bool) -> None:
    """Refuse options that a step of the user's own would silently ignore.

    Raises:
        ValueError: One of them is given.
    """
    for name, given in options.items():
        if given:
            raise ValueError(f"`{name}` has no effect with `step`: do it inside of the step.")


def loader_objects(train_loader: Any) -> list[Any]:
    """What of a loader can be put back: an iterator's position cannot, which is warned of.

    Raises:
        TypeError: It is not iterable.
    """
    if not hasattr(train_loader, "__iter__"):
        raise TypeError(f"`train_loader` must be iterable, got {type(train_loader).__name__}.")
    if hasattr(train_loader, "__next__"):
        warnings.warn(
            "`train_loader` is an iterator: the batches that the test takes from it are used up. "
            "Pass the DataLoader itself to have them back.",
            stacklevel=4,
        )
        return []
    return [train_loader if isinstance(train_loader, DataLoader) else Data(train_loader)]


def check_restartable(train_loader: Any) -> None:
    """Refuse an iterator, where several runs must begin with the same batches.

    Raises:
        TypeError: It is one.
    """
    if hasattr(train_loader, "__next__"):
        raise TypeError(
            "`train_loader` is an iterator, which cannot be restarted, and every run must begin "
            "with the same batches: pass what it was made from, such as the DataLoader or a list."
        )
