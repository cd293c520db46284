"""Loads a problem from a function in a user's file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.abc import Loader
from importlib.machinery import SourceFileLoader
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
        IsADirectoryError: It is a folder.
        ValueError: The file is not Python text, or has no such function, or the function returned
            something else.
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
    def loaded(self) -> Callable[..., Any] | None:
        """The function, if the file has been run in this process."""
        return loaded_function(self.path, self.function)

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
    _require_file(path)
    return FileBuild(path.resolve(), function, _source_of(path))


def loaded_function(path: Path, function: str) -> Callable[..., Any] | None:
    """A function of a file that has been run in this process; None if it has not been."""
    return getattr(_LOADED.get(path.stem), function, None)


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
    _require_file(path)
    there = sys.modules.get(path.stem)
    if there is not None and there is not _LOADED.get(path.stem):
        raise ValueError(f"{path} has the name of the module {path.stem}: rename the file.")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"{path} is not a Python file.")
    if isinstance(spec.loader, SourceFileLoader):
        _source_of(path)
        spec.loader = _Uncached(path.stem, str(path))
    return importlib.util.module_from_spec(spec), spec.loader


class _Uncached(SourceFileLoader):
    """Writes no bytecode beside the user's file, as Python does not for the file that it is given.

    On a full disk it would be cut off, and the next run could not be loaded.
    """

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Write nothing."""


def _require_file(path: Path) -> None:
    """Raise if a path is not that of a file."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder, not a Python file.")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist.")
    if not path.is_file():
        raise ValueError(f"{path} is not a file to be read twice, but a pipe or a device.")


def _source_of(path: Path) -> str:
    """The text of a Python file, in the encoding that it declares.

    Raises:
        ValueError: It is not text, or not in that encoding.
    """
    data = path.read_bytes()
    try:
        text = importlib.util.decode_source(data)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise ValueError(_not_text(path, data, error)) from error
    if "\0" in text:
        raise ValueError(f"{path} holds a null byte: it is not a Python file.")
    return text


def _not_text(path: Path, data: bytes, error: SyntaxError | UnicodeDecodeError) -> str:
    """What is wrong with the encoding of a file, and in which line."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as found:
        line = data.count(b"\n", 0, found.start) + 1
        return (
            f"{path}, line {line}: the byte 0x{data[found.start]:02x} is not UTF-8: save the file "
            "as UTF-8, or name its encoding in the first line, as in `# coding: latin-1`."
        )
    return f"{path}: its first lines name an encoding that it is not in ({error})."
