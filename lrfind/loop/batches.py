"""Batches on the model's device."""

from __future__ import annotations

from collections.abc import MutableMapping
from copy import copy
from typing import Any

import numpy as np
import torch


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
