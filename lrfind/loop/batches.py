"""Endless batches, moved to the model's device."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, MutableMapping
from copy import copy
from itertools import count
from typing import Any

import numpy as np
import torch


def endless(loader: Iterable[Any], *, skip_empty: bool = False) -> Generator[Any, None, None]:
    """The batches of a loader, again and again.

    Args:
        loader: Any iterable. An iterator, which cannot be restarted, ends when it runs out.
        skip_empty: Whether to leave out batches without samples.

    Yields:
        Its batches. None is kept, unlike with `itertools.cycle`.

    Raises:
        ValueError: The loader yields no batch at all.
    """
    for epoch in count():
        empty = True
        for batch in loader:
            if skip_empty and has_no_samples(batch):
                continue
            empty = False
            yield batch
        if empty and epoch == 0:
            raise ValueError("`train_loader` is empty: it yielded no batch with samples.")
        if empty:
            return


def has_no_samples(batch: Any) -> bool:
    """Whether a batch holds tensors or arrays, all of length 0."""
    first = batch[0] if type(batch) in (list, tuple) and batch else batch
    if type(first) is torch.Tensor and first.numel():
        return False  # the usual batch, asked about at every step
    lengths = list(_lengths(batch))
    return bool(lengths) and not any(lengths)


def _lengths(batch: Any) -> Iterator[int]:
    if isinstance(batch, torch.Tensor | np.ndarray):
        yield len(batch) if batch.ndim else 1
    elif isinstance(batch, list | tuple | Mapping):
        for value in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _lengths(value)


def to_device(batch: Any, device: torch.device) -> Any:
    """Move every tensor in a batch to a device; arrays of numbers become tensors.

    Args:
        batch: Tensors and NumPy arrays in arbitrarily nested lists, tuples (including named
            tuples) and dictionaries, and objects with a `to` method; anything else is left as it
            is.
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
    if isinstance(batch, np.ndarray):
        return _as_tensor(batch).to(device) if batch.dtype.kind in "biufc" else batch
    # Before named tuples: a `PackedSequence` is one, and keeps its batch sizes on the CPU.
    if hasattr(batch, "to"):
        return batch.to(device)
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return kind(*(to_device(value, device) for value in batch))
    if isinstance(batch, MutableMapping):
        moved = copy(batch)
        moved.update({key: to_device(value, device) for key, value in batch.items()})
        return moved
    return batch


def _as_tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    """An array as a tensor, on the same memory where torch can use it."""
    usable = array.flags.writeable and min(array.strides, default=0) >= 0
    return torch.as_tensor(array if usable else array.copy())
