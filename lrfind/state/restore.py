"""Restoring contents in place, so that tensors, gradients and containers keep their identity.

Each function may be interrupted anywhere and called again.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import torch


def of(container: Any) -> tuple[Any, ...]:
    """The function, and its arguments, that restores the current contents of a container."""
    if isinstance(container, dict):
        return dictionary, container, dict(container)
    if isinstance(container, set):
        return unordered, container, set(container)
    # A slice: iterating over a user-defined list subclass may shuffle it.
    return sequence, container, container[:] if isinstance(container, list) else list(container)


def dictionary(target: dict[Any, Any], content: dict[Any, Any]) -> None:
    """Restore the contents and the order of a dictionary."""
    target.clear()
    for key, value in content.items():
        target[key] = value


def unordered(target: set[Any], content: set[Any]) -> None:
    """Restore the contents of a set."""
    target.clear()
    target.update(content)


def sequence(target: Any, content: list[Any]) -> None:
    """Restore the contents of a list, deque or bytearray."""
    target.clear()
    target.extend(content)


def state_dict(target: Any, state: Any) -> None:
    """Load a state; a copy of it, since loading may take it apart."""
    target.load_state_dict(deepcopy(state))


def local(tensor: torch.Tensor) -> torch.Tensor:
    """The tensor's own memory, detached; for a DTensor, the shard of this rank."""
    values = tensor.detach()
    return values.to_local() if hasattr(values, "to_local") else values


def like(tensor: Any) -> Callable[..., torch.Tensor]:
    """A function from a shard to a tensor of that kind: a DTensor, or the shard itself."""
    if not hasattr(tensor, "to_local"):
        return lambda shard: shard
    return partial(
        type(tensor).from_local,
        device_mesh=tensor.device_mesh,
        placements=tensor.placements,
        shape=tensor.shape,
        stride=tensor.stride(),
        run_check=False,
    )


def tensor(target: torch.Tensor, alias: torch.Tensor, copy: torch.Tensor) -> None:
    """Restore a tensor's values, and its memory if it was given other memory."""
    with torch.no_grad():
        alias.copy_(copy, non_blocking=True)
        # `model.half()` and the like replace the tensor's memory.
        movable = target.is_leaf and not hasattr(target, "to_local")
        if movable and alias.layout == torch.strided and not target.is_set_to(alias):
            target.data = alias


def requires_grad(target: torch.Tensor, flag: bool) -> None:
    """Make a tensor a leaf again; a buffer written to in a forward pass stops being one."""
    if not target.is_leaf:
        target.detach_()
    target.requires_grad_(flag)


def grad(
    target: torch.Tensor,
    copy: torch.Tensor,
    like: Callable[..., torch.Tensor],
    view: torch.Tensor | None,
) -> None:
    """Restore a tensor's gradient, in place if there is one of the same dtype and layout."""
    if view is not None:
        target.grad = view
    now = target.grad
    if now is not None and now.dtype == copy.dtype and not (now.is_sparse or copy.is_sparse):
        local(now).copy_(copy, non_blocking=True)
    else:  # a sparse gradient cannot be written to in place
        target.grad = like(copy.to(target.device))


def overlaps_itself(values: torch.Tensor) -> bool:
    """Whether elements share memory, as after `expand`, so that it cannot be written to."""
    if values.layout != torch.strided:
        return False
    shape = zip(values.stride(), values.shape, strict=True)
    return any(stride == 0 and size > 1 for stride, size in shape)


def size_in_bytes(values: torch.Tensor) -> int:
    """Memory that a copy of a tensor takes, in bytes."""
    if values.is_sparse:
        return sum(map(size_in_bytes, (values._indices(), values._values())))
    return values.numel() * values.element_size()
