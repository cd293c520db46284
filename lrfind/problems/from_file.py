"""Loads a problem from a function in a user's file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType
from typing import Any

from lrfind.problems.build import call_build, fingerprint_of, without_comments
from lrfind.problems.problem import Problem, as_problem
from lrfind.state.random_state import seed_everything

_LOADED: dict[str, ModuleType] = {}
"""Modules loaded from files, by name; a file may not replace any other module."""


def load_problem(path: Path, function: str, seed: int) -> Problem:
    """Run a Python file and call one of its functions.

    Args:
        path: The file. As with `python FILE.py`, modules beside it can be imported.
        function: Name of a function without arguments that returns a `Problem` or
            `(model, optimizer, loss_fn, train_loader)`.
        seed: Seed for the global generators of Python, NumPy and torch, set before the file runs.

    Returns:
        The problem.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file has no such function, or the function returned something else.
    """
    seed_everything(seed)
    with _function_of(path, function) as build:
        return as_problem(build(), f"`{function}` in {path}")


@dataclass(frozen=True)
class FileBuild:
    """A function in a file as a `build` for `lrfind.repeat`; each call runs the file again.

    Attributes:
        path: The file.
        function: Name of the function.
        source: Text of the file, to detect saved runs of another version.
    """

    path: Path
    function: str
    source: str = field(repr=False)

    def __call__(self, seed: int, **settings: Any) -> Problem:
        """The problem that the function returns; the seed is passed if it takes one."""
        with _function_of(self.path, self.function) as build:
            problem = call_build(build, seed, settings)
            return as_problem(problem, f"`{self.function}` in {self.path}")

    @property
    def fingerprint(self) -> str:
        """Identifies this version of the function for `lrfind.repeat`."""
        return fingerprint_of(f"{self.path.name}:{self.function}", without_comments(self.source))


def file_build(path: Path, function: str) -> FileBuild:
    """A `FileBuild` of a file as it is now.

    Raises:
        FileNotFoundError: The file does not exist.
        ValueError: The file is not text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist.")
    return FileBuild(path.resolve(), function, path.read_text(encoding="utf-8"))


@contextmanager
def _function_of(path: Path, function: str) -> Iterator[Callable[..., Any]]:
    """Run a file as a module and yield one of its functions.

    Afterwards the module stays in `sys.modules` and its folder first in `sys.path`: the function
    and its objects may import lazily, and a DataLoader worker looks up the class of its dataset by
    the module's name. If the file or the block raises, both are restored.
    """
    module, loader = _new_module(path)
    name, folder = path.stem, str(path.parent.resolve())
    module_before, path_before = sys.modules.get(name), sys.path[:]
    sys.modules[name] = module
    sys.path[:] = [folder, *(entry for entry in path_before if entry != folder)]
    try:
        loader.exec_module(module)
        found = getattr(module, function, None)
        if not callable(found):
            raise ValueError(f"{path} has no function `{function}`.")
        yield found
    except BaseException:
        sys.path[:] = path_before
        sys.modules.pop(name, None)
        if module_before is not None:
            sys.modules[name] = module_before
        raise
    _LOADED[name] = module


def _new_module(path: Path) -> tuple[ModuleType, Loader]:
    """The module of a file, not run yet, and the loader that runs it."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist.")
    there = sys.modules.get(path.stem)
    if there is not None and there is not _LOADED.get(path.stem):
        raise ValueError(f"{path} has the name of the module {path.stem}: rename the file.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file.")
    return importlib.util.module_from_spec(spec), spec.loader
