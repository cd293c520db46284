"""Which values hold training state: decided by their type, or marked as `Data`."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import torch

ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, torch.dtype, torch.device})
"""Types of immutable values; these are restored with whatever holds them."""

CODE = (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType)
"""Types of objects that have a `__dict__` but no training state."""


class Data:
    """Marks a user-defined loader or dataset: its state is kept, its data is not copied."""

    def __init__(self, source: object) -> None:
        self.source = source


def is_plain_object(value: Any) -> bool:
    """Whether a value is an instance of a class from user code or a third-party package."""
    if isinstance(value, SimpleNamespace):
        return True
    root = type(value).__module__.partition(".")[0]
    foreign = root in ("torch", "numpy") or root in sys.stdlib_module_names
    own_script = type(value).__module__ == "__main__"
    return (
        hasattr(value, "__dict__") and not isinstance(value, CODE) and (own_script or not foreign)
    )
