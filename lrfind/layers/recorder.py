"""Records the norms of every parameter tensor around each optimizer step, on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from lrfind.layers.layer_norms import Layers
from lrfind.layers.norms import APPLIED, GRADIENT, UPDATE, WEIGHT, Norms
from lrfind.support.arrays import Array


class LayerRecorder:
    """Measures the trainable tensors of optimizers, by hooks around `step`.

    The hooks see the gradient as passed to the optimizer: of all micro-batches, unscaled and
    clipped, and before an optimizer such as LARS overwrites it. A step that is not made is not
    recorded. Nothing is read back before `layers` is called, and the training is not affected.

    Args:
        model: The model, for the names of the tensors.
        optimizers: The optimizers; tensors that are not in the model are named by their position.

    Raises:
        TypeError: `model` is not a module, or an optimizer does not support hooks.
        ValueError: The optimizers hold no trainable tensor, or one that is sharded over ranks.
    """

    def __init__(self, model: torch.nn.Module, optimizers: Sequence[Optimizer]) -> None:
        if not isinstance(model, torch.nn.Module):
            raise TypeError(f"`layers` must be a torch.nn.Module, got {type(model).__name__}.")
        for optimizer in optimizers:
            try:
                optimizer.register_step_pre_hook(lambda *_: None).remove()
            except AttributeError as error:  # also raised by wrappers without hook dictionaries
                name = type(optimizer).__name__
                raise TypeError(
                    f"`layers` needs step hooks, which {name} does not support."
                ) from error
        self._model, self._optimizers = model, optimizers
        self._hooks: list[RemovableHandle] = []
        tensors = [tensor for _, tensor, *_ in _trainable(model, optimizers)]
        if not tensors:
            raise ValueError("`layers` found no trainable parameter in `optimizer`.")
        if any(hasattr(tensor, "to_local") for tensor in tensors):
            raise ValueError("`layers` cannot measure parameters that are sharded over ranks.")

    def attach(self, num_iter: int, step: Callable[[], int]) -> None:
        """Measure every step from now on.

        Args:
            num_iter: Maximum number of steps.
            step: Returns the index of the next step.
        """
        found = list(_trainable(self._model, self._optimizers))
        self._names = [name for name, *_ in found]
        self._groups = [group for *_, group in found]
        self._decay = [decay for _, _, _, decay, _ in found]
        self._parts: list[tuple[list[int], Norms]] = []
        # All memory is allocated before the first hook is added, so that running out leaves none.
        hooks: list[tuple[Optimizer, _Hooks]] = []
        for optimizer, members in _by_optimizer(found):
            parts = []
            for columns, tensors in _alike(members):
                parts.append(Norms(tensors, num_iter))
                self._parts.append((columns, parts[-1]))
            hooks.append((optimizer, _Hooks(parts, num_iter, step)))
        # Each is known to `detach` at once, since a signal may come between.
        for optimizer, each in hooks:
            self._hooks.append(optimizer.register_step_pre_hook(each.before))
            self._hooks.append(optimizer.register_step_post_hook(each.after))

    def detach(self) -> None:
        """Remove the hooks, if there are any."""
        while self._hooks:
            self._hooks[-1].remove()
            self._hooks.pop()

    def layers(self, lr: Array, group_scale: Sequence[float]) -> Layers:
        """Read the norms of the first steps back.

        Args:
            lr: Shape `(n,)`, the learning rates of the recorded steps.
            group_scale: Learning rate of each parameter group as a multiple of `lr`.

        Returns:
            The norms as an immutable record.
        """
        values = np.full((lr.size, 4, len(self._names)), np.nan)
        for columns, part in self._parts:
            values[:, :, columns] = part.values[: lr.size].cpu().numpy()
        applied = values[:, APPLIED]
        return Layers(
            names=tuple(self._names),
            lr=lr,
            weight=values[:, WEIGHT],
            gradient=values[:, GRADIENT],
            update=values[:, UPDATE],
            rate_scale=tuple(group_scale[group] for group in self._groups),
            weight_decay=tuple(self._decay),
            applied=np.empty(0) if np.isnan(applied).all() else applied,
        )


class _Hooks:
    """Called before and after each `step` of one optimizer.

    Args:
        parts: Its trainable tensors.
        num_iter: Maximum number of steps.
        step: Returns the index of the next step.
    """

    def __init__(self, parts: list[Norms], num_iter: int, step: Callable[[], int]) -> None:
        self._parts, self._num_iter, self._step = parts, num_iter, step

    def before(self, optimizer: Any, args: Any, kwargs: Any) -> Any:
        """Record weights and gradients; with a closure, the gradient after its first call."""
        if (step := self._step()) >= self._num_iter:
            return None
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        # A fused optimizer divides gradients by the GradScaler's scale inside its step.
        scale = getattr(optimizer, "grad_scale", None)
        with torch.no_grad():
            for part in self._parts:
                if closure is None:
                    part.weights_and_gradients(step, scale)
                else:
                    part.weights(step)
        if closure is None:
            return None
        measured = self._measured(closure, step)
        if len(args) > 1:
            return (args[0], measured, *args[2:]), kwargs
        return args, kwargs | {"closure": measured}

    def after(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Record the updates."""
        if (step := self._step()) >= self._num_iter:
            return
        with torch.no_grad():
            for part in self._parts:
                part.updates(step)
                part.applied(step, optimizer.state)

    def _measured(self, closure: Callable[[], Any], step: int) -> Callable[[], Any]:
        """The closure with its first call, at the weights before the step, measured."""
        first = True

        def measured() -> Any:
            nonlocal first
            loss = closure()
            if first:
                with torch.no_grad():
                    for part in self._parts:
                        part.gradients(step, None)
                first = False
            return loss

        return measured


_Found = tuple[str, torch.Tensor, Optimizer, float, int]
"""Name, tensor, optimizer, weight decay, and index of the parameter group."""


def _trainable(model: torch.nn.Module, optimizers: Sequence[Optimizer]) -> Iterator[_Found]:
    """The tensors that the optimizers train, in the order of the model; others come last."""
    groups = [(each, group) for each in optimizers for group in each.param_groups]
    held: dict[int, _Found] = {
        id(tensor): (
            f"group {number}, tensor {place}",
            tensor,
            optimizer,
            float(group.get("weight_decay") or 0.0),
            number,
        )
        for number, (optimizer, group) in enumerate(groups)
        for place, tensor in enumerate(group["params"])
        if tensor.requires_grad
    }
    for name, tensor in model.named_parameters():
        if id(tensor) in held:
            yield (name, *held.pop(id(tensor))[1:])
    yield from held.values()


def _by_optimizer(
    found: list[_Found],
) -> Iterable[tuple[Optimizer, list[tuple[int, torch.Tensor]]]]:
    members: dict[int, tuple[Optimizer, list[tuple[int, torch.Tensor]]]] = {}
    for column, (_, tensor, optimizer, _, _) in enumerate(found):
        members.setdefault(id(optimizer), (optimizer, []))[1].append((column, tensor))
    return members.values()


def _alike(
    members: list[tuple[int, torch.Tensor]],
) -> Iterator[tuple[list[int], list[torch.Tensor]]]:
    """Columns and tensors, grouped by device and dtype."""

    def kind(member: tuple[int, torch.Tensor]) -> tuple[str, str]:
        return str(member[1].device), str(member[1].dtype)

    for _, group in groupby(sorted(members, key=kind), key=kind):
        columns, tensors = zip(*group, strict=True)
        yield list(columns), list(tensors)
