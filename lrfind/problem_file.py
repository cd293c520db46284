"""A user's file with a function that makes a problem."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from lrfind.training.problem import Problem

_LOADED: set[str] = set()
"""Names of the modules that were loaded here; others may not be replaced."""


def load_problem(path: Path, function: str, seed: int) -> Problem:
    """Run a Python file and call a function of it.

    Args:
        path: The file. As with `python FILE.py`, modules beside it can be imported.
        function: Name of a function without arguments that returns a `Problem` or
            `(model, optimizer, loss_fn, train_loader)`.
        seed: Seed for the global generators of Python, NumPy and torch, set before.

    Returns:
        The problem.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It has no such function, or the function returned something else.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)
    build = getattr(_run_file(path), function, None)
    if not callable(build):
        raise ValueError(f"{path} has no function `{function}`.")
    problem = build()
    if isinstance(problem, Problem):
        return problem
    if isinstance(problem, tuple) and len(problem) == 4:
        return Problem(*problem)
    raise ValueError(
        f"`{function}` in {path} must return (model, optimizer, loss_fn, train_loader) or an "
        f"lrfind.Problem, got {type(problem).__name__}."
    )


def _run_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist.")
    if path.stem in sys.modules and path.stem not in _LOADED:
        raise ValueError(f"{path} has the name of the module {path.stem}: give it another.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    # Registered, as a worker process of a DataLoader looks its dataset's class up by this name.
    sys.modules[path.stem] = module
    _LOADED.add(path.stem)
    sys.path.insert(0, str(path.parent.resolve()))
    spec.loader.exec_module(module)
    return module
