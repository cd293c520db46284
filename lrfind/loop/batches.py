"""Endless batches, moved to the model's device."""

from __future__ import annotations

from collections.abc import Generator, Iterable, MutableMapping
from copy import copy
from itertools import count
from typing import Any

import torch


def endless(loader: Iterable[Any]) -> Generator[Any, None, None]:
    """The batches of a loader, again and again.

    Args:
        loader: Any iterable. An iterator, which cannot be restarted, ends when it runs out.

    Yields:
        Its batches. None is kept, unlike with `itertools.cycle`.

    Raises:
        ValueError: The loader yields no batch at all.
    """
    for epoch in count():
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty and epoch == 0:
            raise ValueError("`train_loader` is empty: it yielded no batch.")
        if empty:
            return


def to_device(batch: Any, device: torch.device) -> Any:
    """Move every tensor in a batch to a device.

    Args:
        batch: Tensors in arbitrarily nested lists, tuples (including named tuples) and
            dictionaries, and objects with a `to` method; anything else is left as it is.
        device: The device.

    Returns:
        The same structure; tensors already on the device are not copied.

    Example:
        >>> to_device({"x": [torch.ones(1), "name"]}, torch.device("meta"))["x"][0].device
        device(type='meta')
    """
    # The most common types first: this runs at every step.
    if isinstance(batch, torch.Tensor):
        if batch.device == device:
            return batch
        return batch.to(device, non_blocking=batch.is_pinned())
    kind = type(batch)
    if kind is list or kind is tuple:
        return kind([to_device(value, device) for value in batch])
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return kind(*(to_device(value, device) for value in batch))
    if hasattr(batch, "to"):
        return batch.to(device)
    if isinstance(batch, MutableMapping):
        moved = copy(batch)
        moved.update({key: to_device(value, device) for key, value in batch.items()})
        return moved
    return batch
