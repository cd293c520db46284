"""Which values have state of a training run: by their type, or as the user says."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import torch

ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device})
"""Values that cannot change in place; they come back with whatever holds them."""

CODE = (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)
"""Kinds of object that have a `__dict__`, but no state of a training."""


class Data:
    """Marks a loader or dataset of the user's own: its state is kept, its data is not copied."""

    def __init__(self, source: object) -> None:
        self.source = source


def is_plain_object(value: Any) -> bool:
    """Whether a value is an instance of a class of the user's or of a package's own."""
    if isinstance(value, SimpleNamespace):
        return True
    root = type(value).__module__.partition(".")[0]
    foreign = root in ("torch", "numpy") or root in sys.stdlib_module_names
    own_script = type(value).__module__ == "__main__"
    return (
        hasattr(value, "__dict__") and not isinstance(value, CODE) and (own_script or not foreign)
    )
