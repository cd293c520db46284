"""One training step: from micro-batches to the loss, the gradient and the update."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.optim import Optimizer

from lrfind.loop.batches import to_device
from lrfind.loop.validation import check_loss
from lrfind.support.arguments import require_positive
from lrfind.sweep.micro_batches import mean_of

Forward = Callable[[torch.nn.Module, Any], torch.Tensor]
ClipGrad = float | Callable[[list[torch.Tensor]], object]


class _NoUpdateError(Exception):
    """Ends a step before the update, with its loss; caught in this module."""


CLOSURE_SIGNS = ("closure", "create_graph", "grad_fn")
"""What the error of an optimizer says that needs another backward pass than the usual one."""


class TrainStep:
    """Callable that makes one step from its micro-batches and returns their mean loss before it.

    An optimizer whose `step` needs a closure (LBFGS) may evaluate the loss several times; the loss
    returned is that of the first evaluation. On the CPU, a non-finite loss is returned without a
    step. On an accelerator this would need a synchronisation at every step, and in a process group
    it would leave the other ranks waiting: there the step is made, and the weights are restored at
    the end with the rest of the state.

    Args:
        model: The model.
        optimizers: Its optimizers; all step together.
        forward: Function of (model, batch) that returns the loss.
        autocast: Data type of `torch.autocast` around the forward pass; None for none.
        scaler: A gradient scaler; None for none.
        clip_grad: Maximum norm of the gradient, or a function of the list of parameters.
        summed: Whether the losses are sums over samples, so that the gradients of the micro-batches
            are summed; otherwise they are averaged.
        alone: Whether no other rank waits for this one, so that it may skip an update: for a loss
            of None, or a non-finite one on the CPU.
        maker: Name of the argument that computes the loss, for error messages.

    Raises:
        TypeError: `autocast` or `clip_grad` has the wrong type.
        ValueError: `clip_grad` is not above 0, or an optimizer that needs a closure is combined
            with a scaler or another optimizer.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizers: Sequence[Optimizer],
        forward: Forward,
        *,
        autocast: torch.dtype | None = None,
        scaler: torch.amp.GradScaler | None = None,
        clip_grad: ClipGrad | None = None,
        summed: bool = False,
        alone: bool = True,
        maker: str = "loss_fn",
    ) -> None:
        _check_options(optimizers, autocast, scaler, clip_grad)
        self._model = model
        self._optimizers = optimizers
        self._forward = forward
        self._autocast = autocast
        self._scaler = scaler
        self._clip_grad = clip_grad
        self._summed = summed
        self._parameters = [
            parameter
            for optimizer in optimizers
            for group in optimizer.param_groups
            for parameter in group["params"]
        ]
        self._device = device_of(model, optimizers)
        self._alone = alone
        self._halt = alone and self._device.type == "cpu"
        self._needs_closure = any(map(needs_closure, optimizers))
        self._maker = maker

    def __call__(self, batches: Sequence[Any]) -> torch.Tensor | float | None:
        """Make one step.

        Args:
            batches: The micro-batches of the step.

        Returns:
            The mean of their losses: a number, or a detached tensor on the device. None, and no
            update, if one of them has no loss.

        Raises:
            TypeError: The loss is not a tensor.
            ValueError: The loss is not a scalar, or has no gradient.
        """
        try:
            return self._closure_step(batches) if self._needs_closure else self._step(batches)
        except _NoUpdateError as error:
            return error.args[0]  # type: ignore[no-any-return]

    def _step(self, batches: Sequence[Any]) -> torch.Tensor | float:
        loss = self._backward(batches)
        if self._scaler is None:
            if self._clip_grad is not None:
                self._clip()
            self._update()
            return loss
        for optimizer in self._optimizers:
            if self._clip_grad is not None:
                self._scaler.unscale_(optimizer)
        self._clip()
        for optimizer in self._optimizers:
            self._scaler.step(optimizer)
        self._scaler.update()
        return loss

    def _update(self) -> None:
        for optimizer in self._optimizers:
            try:
                optimizer.step()
            except Exception as error:
                if any(sign in str(error) for sign in CLOSURE_SIGNS):
                    raise TypeError(
                        f"`optimizer` ({type(optimizer).__name__}) needs more than one ordinary "
                        "backward pass: pass `step=`, a function of a batch that makes the whole "
                        "training step."
                    ) from error
                raise

    def _closure_step(self, batches: Sequence[Any]) -> torch.Tensor | float:
        first: list[torch.Tensor | float] = []

        def closure() -> torch.Tensor | float:
            # Only the loss before the step counts; later ones belong to the line search.
            loss = self._backward(batches, halt=not first)
            first.append(loss)
            self._clip()
            return loss

        self._optimizers[0].step(closure)  # type: ignore[arg-type]
        return first[0]

    def _backward(self, batches: Sequence[Any], *, halt: bool = True) -> torch.Tensor | float:
        """Accumulate the gradients of the micro-batches; returns their mean loss."""
        for optimizer in self._optimizers:
            optimizer.zero_grad()
        halt = halt and self._halt
        if len(batches) == 1:
            return self._micro_step(batches[0], 1, halt)
        losses = []
        for number, batch in enumerate(batches, 1):
            with self._no_sync() if number < len(batches) else nullcontext():
                losses.append(self._micro_step(batch, len(batches), halt))
        return mean_of(losses)

    def _micro_step(self, batch: Any, count: int, halt: bool) -> torch.Tensor | float:
        batch = to_device(batch, self._device)
        with autocasting(self._device, self._autocast):
            loss = self._forward(self._model, batch)
        if loss is None and self._alone:
            raise _NoUpdateError(None)
        # Tested here too, to spare the call at every step.
        if type(loss) is not torch.Tensor or loss.numel() != 1 or not loss.requires_grad:
            check_loss(loss, self._maker)
        value = loss.item() if halt else loss.detach()
        if halt and not math.isfinite(value):
            raise _NoUpdateError(value)
        part = loss if self._summed or count == 1 else loss / count
        if self._scaler is not None:
            part = self._scaler.scale(part)
        part.backward()  # type: ignore[no-untyped-call]
        return value

    def _no_sync(self) -> AbstractContextManager[Any]:
        """Keep DistributedDataParallel from averaging a gradient that is still accumulated."""
        no_sync = getattr(self._model, "no_sync", nullcontext)
        return no_sync()

    def _clip(self) -> None:
        if callable(self._clip_grad):
            self._clip_grad(self._parameters)
        elif self._clip_grad is not None:
            torch.nn.utils.clip_grad_norm_(self._parameters, self._clip_grad)


def _check_options(
    optimizers: Sequence[Optimizer],
    autocast: torch.dtype | None,
    scaler: torch.amp.GradScaler | None,
    clip_grad: ClipGrad | None,
) -> None:
    if autocast is not None and not isinstance(autocast, torch.dtype):
        raise TypeError(f"`autocast` must be a torch.dtype, got {autocast!r}.")
    if clip_grad is not None and not callable(clip_grad):
        require_positive("clip_grad", clip_grad)
    if any(map(needs_closure, optimizers)):
        if scaler is not None:
            raise ValueError("`scaler` cannot be used with an optimizer that needs a closure.")
        if len(optimizers) > 1:
            raise ValueError("`optimizer` needs a closure, so it cannot step with others.")


def autocasting(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    """`torch.autocast` to a data type; nothing if it is None."""
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)


def device_of(model: torch.nn.Module, optimizers: Sequence[Optimizer]) -> torch.device:
    """The device of the model's first parameter, or of the optimizers' if it has none."""
    for parameter in model.parameters():
        return parameter.device
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                return torch.device(parameter.device)
    raise ValueError("`optimizer` holds no parameters.")


def needs_closure(optimizer: Optimizer) -> bool:
    """Whether an optimizer's `step` cannot be called without a closure."""
    parameter = inspect.signature(type(optimizer).step).parameters.get("closure")
    return parameter is not None and parameter.default is parameter.empty


def to_train_mode(optimizers: Sequence[Optimizer]) -> None:
    """Switch schedule-free optimizers to train mode, the only one in which they can step."""
    for optimizer in optimizers:
        if hasattr(optimizer, "train") and hasattr(optimizer, "eval"):
            optimizer.train()
