"""All state that can be reached from some objects, to the last bit, with who is who.

Written apart from what takes a snapshot, and sees everything that has attributes.
"""

import random
from collections import deque

import numpy as np
import torch


def whole_state(*objects):
    """Comparable values: tensors as bytes, objects with their identity, and the process's modes."""
    seen = set()
    return [
        *(_whole(each, seen) for each in objects),
        [random.getstate(), str(np.random.get_state()), _bits(torch.get_rng_state())],  # noqa: NPY002
        [torch.is_grad_enabled(), torch.get_default_dtype()],
        [torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")],
    ]


def _whole(value, seen):
    if value is None or isinstance(value, bool | int | float | str | bytes | torch.dtype):
        return repr(value)
    if isinstance(value, tuple):
        return [_whole(each, seen) for each in value]
    if id(value) in seen:
        return id(value)
    seen.add(id(value))
    return [id(value), *_contents(value, seen)]


def _contents(value, seen):
    if isinstance(value, torch.Tensor):
        # A gradient may be another object with the same values.
        grad = None if not value.is_leaf or value.grad is None else _bits(value.grad)
        return [_bits(value), value.requires_grad, value.is_leaf, grad]
    if isinstance(value, torch.Generator):
        return [_bits(value.get_state())]
    if isinstance(value, random.Random):
        return [value.getstate()]
    if isinstance(value, np.random.Generator):
        return [str(value.bit_generator.state)]
    if isinstance(value, np.ndarray):
        return [value.tobytes()]
    parts = []
    if isinstance(value, dict):
        for key, each in value.items():
            name = repr(key) if isinstance(key, str | int) else id(key)
            parts.append((name, _whole(each, seen)))
    elif isinstance(value, list | deque | set):
        parts = [_whole(each, seen) for each in value]
    if hasattr(value, "__dict__") and not isinstance(value, type) and not callable_code(value):
        parts.append(_whole(vars(value), seen))
    return parts


def callable_code(value):
    """Whether it is a function, whose attributes are none of a training."""
    return hasattr(value, "__code__") or hasattr(value, "__func__") or hasattr(value, "__loader__")


def _bits(tensor):
    values = tensor.detach().contiguous()
    return (
        str(values.dtype),
        tuple(values.shape),
        values.view(-1).view(torch.uint8).numpy().tobytes(),
    )
