"""A user's file with a function that makes a problem."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from lrfind.problems.build import call_build, fingerprint_of, without_comments
from lrfind.problems.problem import Problem, as_problem
from lrfind.state.random_state import seed_everything

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
    seed_everything(seed)
    return as_problem(_function_in(path, function)(), f"`{function}` in {path}")


@dataclass(frozen=True)
class FileBuild:
    """The function of a file as a `build` for `lrfind.repeat`: it runs the file anew each time.

    Attributes:
        path: The file.
        function: Name of the function.
        source: Text of the file, by which runs on disk are told from those of another version.
    """

    path: Path
    function: str
    source: str = field(repr=False)

    def __call__(self, seed: int, **settings: Any) -> Problem:
        """The problem that the function makes, given the seed too if it takes one."""
        build = _function_in(self.path, self.function)
        problem = call_build(build, seed, settings)
        return as_problem(problem, f"`{self.function}` in {self.path}")

    @property
    def fingerprint(self) -> str:
        """What it is, for `lrfind.repeat`."""
        return fingerprint_of(f"{self.path.name}:{self.function}", without_comments(self.source))


def file_build(path: Path, function: str) -> FileBuild:
    """A `FileBuild` of a file that is read now.

    Raises:
        FileNotFoundError: No such file.
        ValueError: It is no text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist.")
    return FileBuild(path.resolve(), function, path.read_text(encoding="utf-8"))


def _function_in(path: Path, function: str) -> Callable[..., Any]:
    found = getattr(_run_file(path), function, None)
    if not callable(found):
        raise ValueError(f"{path} has no function `{function}`.")
    return cast("Callable[..., Any]", found)


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
