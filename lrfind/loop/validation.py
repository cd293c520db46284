"""Checks of the training loop's arguments, before anything is changed, and of its losses."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from lrfind.state.kinds import Data
from lrfind.sweep.epochs import check_iterable

OWN_LOSS = (
    "with loss_fn=None the model must return its own loss, so batches must hold what it needs, "
    "such as labels."
)


def check_model(model: torch.nn.Module, optimizers: Sequence[Optimizer]) -> None:
    """Reject an optimizer of another model; warn if the model is not in train mode.

    Raises:
        TypeError: `model` is not a module.
        ValueError: An optimizer holds none of the model's parameters.
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
            "`model` is in eval mode, so dropout and batch norm behave as in evaluation: "
            "call `model.train()` first, unless it is meant to train this way.",
            stacklevel=4,
        )


def check_one_way(**ways: Callable[..., Any] | None) -> None:
    """Reject more than one way to compute the loss; `ways` are named as the arguments are.

    Raises:
        TypeError: One of them is not callable.
        ValueError: More than one is given.
    """
    given = {name: way for name, way in ways.items() if way is not None}
    for name, way in given.items():
        if isinstance(way, type) and issubclass(way, torch.nn.Module):
            raise TypeError(f"`{name}` is a class: pass an instance, `{way.__name__}()`.")
        if not callable(way):
            raise TypeError(f"`{name}` must be callable, got {type(way).__name__}.")
    if len(given) > 1:
        said = f"only one of {', '.join(f'`{name}`' for name in given)} may be given"
        raise ValueError(f"{said}: pass None as `loss_fn`." if "loss_fn" in given else f"{said}.")


def check_preserve(preserve: Any) -> None:
    """Reject anything but a list or tuple: a single module would be iterated over.

    Raises:
        TypeError: `preserve` is neither a list nor a tuple.
    """
    if not isinstance(preserve, list | tuple):
        raise TypeError(
            f"`preserve` must be a list or tuple of objects, got {type(preserve).__name__}."
        )


def check_unused(names: Sequence[str], step: str = "`step`: do it inside the step.") -> None:
    """Reject options that a user's `step` would silently ignore.

    Args:
        names: The options.
        step: Which step, and what to do, for the error message.

    Raises:
        ValueError: There are some.
    """
    if names:
        raise ValueError(f"`{names[0]}` has no effect with {step}")


def loader_objects(train_loader: Any) -> list[Any]:
    """What can be restored of a loader; warns of an iterator, whose position cannot.

    Raises:
        TypeError: `train_loader` is not iterable.
    """
    check_iterable(train_loader)
    if hasattr(train_loader, "__next__"):
        warnings.warn(
            "`train_loader` is an iterator: the batches that the test takes from it are lost. "
            "Pass the DataLoader itself to keep them.",
            stacklevel=4,
        )
        return []
    return [train_loader if isinstance(train_loader, DataLoader) else Data(train_loader)]


def check_restartable(train_loader: Any) -> None:
    """Reject an iterator, where several runs must start with the same batches.

    Raises:
        TypeError: `train_loader` is an iterator.
    """
    if hasattr(train_loader, "__next__"):
        raise TypeError(
            "`train_loader` is an iterator, which cannot be restarted, and every run must start "
            "with the same batches: pass what it was made from, such as the DataLoader or a list."
        )


def check_loss(loss: Any, maker: str) -> None:
    """Reject what `backward` would reject, with a message that names the cause.

    Args:
        loss: What should be a loss.
        maker: Name of the argument that computed it.

    Raises:
        TypeError: `loss` is not a tensor.
        ValueError: `loss` is not a scalar, or has no gradient.
    """
    if not isinstance(loss, torch.Tensor):
        said = f"`{maker}` must return a tensor, got {type(loss).__name__}"
        hint = f"; {OWN_LOSS}" if maker == "loss_fn" else ": return the loss alone."
        raise TypeError(f"{said}{hint}")
    if loss.numel() != 1:
        raise ValueError(
            f"`{maker}` must return a scalar, got shape {tuple(loss.shape)}: "
            "use reduction='mean', or take the mean yourself."
        )
    if not loss.requires_grad:
        raise ValueError(
            f"`{maker}` returned a loss without gradient: is the model frozen or its output "
            "detached, or is this inside `torch.no_grad()`?"
        )
