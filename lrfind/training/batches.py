"""Batches without end, on the model's device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch


def endless(loader: Iterable[Any]) -> Iterator[Any]:
    """The batches of a loader, again and again.

    Args:
        loader: Any iterable. An iterator, which cannot be restarted, ends when it runs out.

    Yields:
        Its batches. Nothing is kept of them, as `itertools.cycle` would.
    """
    empty = False
    while not empty:
        empty = True
        for batch in loader:
            empty = False
            yield batch


def to_device(batch: Any, device: torch.device) -> Any:
    """A batch with every tensor in it on a device.

    Args:
        batch: Tensors in lists, tuples (named ones too) and dictionaries, nested at will, and
            objects with a `to` method of their own; anything else stays as it is.
        device: The device.

    Returns:
        The same structure; tensors that are there already are not copied.

    Example:
        >>> to_device({"x": [torch.ones(1), "name"]}, torch.device("meta"))["x"][0].device
        device(type='meta')
    """
    if hasattr(batch, "to"):
        non_blocking = isinstance(batch, torch.Tensor) and batch.is_pinned()
        return batch.to(device, non_blocking=True) if non_blocking else batch.to(device)
    if isinstance(batch, dict):
        return type(batch)((key, to_device(value, device)) for key, value in batch.items())
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(to_device(value, device) for value in batch))
    if isinstance(batch, list | tuple):
        return type(batch)(to_device(value, device) for value in batch)
    return batch
