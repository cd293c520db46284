"""Digests of data, the same in every process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import torch

from lrfind.state import restore
from lrfind.state.kinds import ATOMS


def digest(data: Any) -> str:
    """A digest of containers, tensors, arrays and plain values; of all else, the type counts.

    Example:
        >>> digest(("list", (1, 2.0))) == digest(("list", (1, 2)))
        False
    """
    found = blake2b(digest_size=16)
    _feed(found.update, data)
    return found.hexdigest()


def _feed(update: Callable[[Any], None], data: Any) -> None:
    if isinstance(data, torch.Tensor):
        data = restore.local(data)
    if isinstance(data, Mapping):
        data = ("dict", *data.items())
    if isinstance(data, tuple | list):
        update(f"({len(data)}".encode())
        for each in data:
            _feed(update, each)
    elif isinstance(data, torch.Tensor | np.ndarray):
        _feed_array(update, data)
    elif type(data) in ATOMS or isinstance(data, str | bytes | np.generic):
        update(f"{type(data).__name__}{data!r};".encode("utf-8", "surrogatepass"))
    else:
        update(f"{type(data).__name__};".encode())


def _feed_array(update: Callable[[Any], None], data: torch.Tensor | np.ndarray[Any, Any]) -> None:
    update(f"{data.dtype}{tuple(data.shape)};".encode())
    if isinstance(data, np.ndarray):
        update(repr(data.tolist()).encode() if data.dtype.hasobject else data.tobytes())
    elif data.is_sparse:
        for part in (data._indices(), data._values()):
            _feed_array(update, part)
    elif not data.is_meta:
        whole = data.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
        update(whole.view(torch.uint8).numpy().data)
