"""The loss of a batch, for the usual kinds of batches and models."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from lrfind.loop.step import Forward
from lrfind.loop.task_forward import LOSS

LossFn = Callable[..., torch.Tensor]


def forward_of(loss_fn: LossFn | None) -> Forward:
    """The default forward pass, from a batch to its loss.

    - A tuple or list `(inputs..., target)`: `loss_fn(model(*inputs), target)`.
    - A dictionary: `output = model(**batch)`; anything else: `output = model(batch)`. Then
      `loss_fn(output, batch)`, or `loss_fn(output)` if it takes one argument.
    - With `loss_fn=None` the model computes its own loss, and `model(*batch)` and so on must return
      it: the loss itself, `output.loss`, or a dictionary with a `"loss"` or of losses.

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
                    f"`train_loader` yielded a batch of length {len(batch)}, not (inputs..., "
                    "target): for other batches pass `forward=`, a function of (model, batch)."
                )
            *inputs, target = batch
            return loss_fn(_apply(model, *inputs), target)
        output = _call(model, batch)
        return loss_fn(output, batch) if takes_batch else loss_fn(output)

    return forward


def _own_loss(model: torch.nn.Module, batch: Any) -> torch.Tensor:
    output = _call(model, batch)
    if isinstance(output, Mapping) and LOSS in output:
        return output  # type: ignore[return-value]
    return getattr(output, "loss", output)  # type: ignore[no-any-return]


def _call(model: torch.nn.Module, batch: Any) -> Any:
    if isinstance(batch, Mapping):
        return _apply(model, **batch)
    return _apply(model, *batch) if isinstance(batch, list | tuple) else _apply(model, batch)


def _apply(model: torch.nn.Module, *inputs: Any, **named: Any) -> Any:
    try:
        return model(*inputs, **named)
    except TypeError as error:
        inner = unwrapped(model)
        signature = inspect.signature(inner.forward)
        try:
            signature.bind(*inputs, **named)
        except TypeError:
            given = f"the keys {', '.join(named)}" if named else f"{len(inputs)} inputs"
            raise TypeError(
                f"`{type(inner).__name__}.forward{signature}` cannot be called with {given}, as a "
                "batch of `train_loader` or `probe` has them: pass `forward=`, a function of "
                "(model, batch) that returns the loss."
            ) from error
        raise


def unwrapped(model: torch.nn.Module) -> Any:
    """The model behind a `DistributedDataParallel` or a compilation, whose `forward` takes all."""
    return getattr(model, "module", getattr(model, "_orig_mod", model))


def _takes_two(loss_fn: LossFn) -> bool:
    try:
        # The signature of a module itself is no help: `__call__` takes anything.
        function = loss_fn.forward if isinstance(loss_fn, torch.nn.Module) else loss_fn
        inspect.signature(function).bind(None, None)
    except TypeError:
        return False
    except ValueError:  # some builtins have no signature
        return True
    return True
