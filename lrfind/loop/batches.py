"""Batches without end, on the model's device."""

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
        Its batches. Nothing is kept of them, as `itertools.cycle` would.

    Raises:
        ValueError: It gives no batch at all.
    """
    for epoch in count():
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty and epoch == 0:
            raise ValueError("`train_loader` is empty: it gave no batch.")
        if empty:
            return


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
    # The commonest kinds first: this runs at every step.
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
