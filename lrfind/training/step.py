"""One training step: from a batch to its loss, to the gradient, to the weights."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch.optim import Optimizer

from lrfind.training.batches import to_device

LossFn = Callable[..., torch.Tensor]
Forward = Callable[[torch.nn.Module, Any], torch.Tensor]


class _NonFiniteLossError(Exception):
    """Leaves `optimizer.step` before the weights are touched; never leaves this module."""


class TrainStep:
    """Calls: take a batch, make one optimizer step, return the loss before it.

    The step is made through a closure, so that optimizers that evaluate the loss several times
    (LBFGS) are driven like all others; their loss is that of the first evaluation.

    Args:
        model: The model.
        optimizer: Its optimizer.
        forward: Takes (model, batch) and returns the loss.
    """

    def __init__(self, model: torch.nn.Module, optimizer: Optimizer, forward: Forward) -> None:
        self._model = model
        self._optimizer = optimizer
        self._forward = forward
        self._device = _device_of(model, optimizer)
        self._checked = False

    def __call__(self, batch: Any) -> float:
        """Make one step; a non-finite loss is returned without one.

        Raises:
            TypeError: The loss is no tensor.
            ValueError: The loss is no scalar, or has no gradient.
        """
        batch = to_device(batch, self._device)
        first: list[float] = []

        def closure() -> torch.Tensor:
            self._optimizer.zero_grad()
            loss = self._forward(self._model, batch)
            if not first:
                first.append(self._number(loss))
                if not math.isfinite(first[0]):
                    raise _NonFiniteLossError
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        with suppress(_NonFiniteLossError):
            self._optimizer.step(closure)  # type: ignore[arg-type]
        return first[0]

    def _number(self, loss: torch.Tensor) -> float:
        if not self._checked:
            check_loss(loss)
            self._checked = True
        return float(loss.detach())


def check_loss(loss: Any) -> None:
    """Refuse what `backward` would refuse, in words that name the cause.

    Raises:
        TypeError: `loss` is no tensor.
        ValueError: `loss` is no scalar, or has no gradient.
    """
    if not isinstance(loss, torch.Tensor):
        raise TypeError(f"`loss_fn` must return a tensor, got {type(loss).__name__}.")
    if loss.numel() != 1:
        raise ValueError(
            f"`loss_fn` must return a scalar, got shape {tuple(loss.shape)}: "
            "use reduction='mean', or take the mean yourself."
        )
    if not loss.requires_grad:
        raise ValueError(
            "`loss_fn` returned a loss without gradient: is the model frozen, detached, or are "
            "you inside `torch.no_grad()`?"
        )


def forward_of(loss_fn: LossFn | None) -> Forward:
    """The usual way from a batch to a loss.

    - A tuple or list `(inputs..., target)`: `loss_fn(model(*inputs), target)`.
    - A dictionary: `output = model(**batch)`; anything else: `output = model(batch)`. Then
      `loss_fn(output, batch)`, or `loss_fn(output)` if it takes one argument.
    - With `loss_fn=None` the model makes its own loss: `model(*batch)` and so on must return it,
      as itself, as `output.loss` or as `output["loss"]`.

    Args:
        loss_fn: The loss function.

    Returns:
        A function of (model, batch) that returns the loss.
    """
    if loss_fn is None:
        return _own_loss
    takes_batch = _takes_two(loss_fn)

    def forward(model: torch.nn.Module, batch: Any) -> torch.Tensor:
        if isinstance(batch, list | tuple):
            if len(batch) < 2:
                raise ValueError(
                    f"`train_loader` gave a batch of {len(batch)}: (inputs..., target) is needed; "
                    "for other batches pass `forward=`, a function of (model, batch)."
                )
            *inputs, target = batch
            return loss_fn(model(*inputs), target)
        output = _call(model, batch)
        return loss_fn(output, batch) if takes_batch else loss_fn(output)

    return forward


def _own_loss(model: torch.nn.Module, batch: Any) -> torch.Tensor:
    output = _call(model, batch)
    if isinstance(output, dict) and "loss" in output:
        return output["loss"]  # type: ignore[no-any-return]
    return getattr(output, "loss", output)  # type: ignore[no-any-return]


def _call(model: torch.nn.Module, batch: Any) -> Any:
    if isinstance(batch, dict):
        return model(**batch)
    return model(*batch) if isinstance(batch, list | tuple) else model(batch)


def _takes_two(loss_fn: LossFn) -> bool:
    try:
        inspect.signature(loss_fn).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # some builtins have no signature
        return True
    return True


def _device_of(model: torch.nn.Module, optimizer: Optimizer) -> torch.device:
    parameter = next(model.parameters(), None)
    if parameter is None:
        parameter = optimizer.param_groups[0]["params"][0]
    return parameter.device
