"""The function that builds a problem: calling it, and detecting that it has changed."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import sha256
from typing import Any

Plain = str | int | float | bool | None
"""Types of a setting; it is saved with each run, and compared when runs are resumed."""

Build = Callable[..., Any]
"""Function of settings by name; returns a `Problem` or its four parts as a tuple."""


def call_build(build: Build, seed: int, settings: Mapping[str, Plain]) -> Any:
    """Call `build` with its settings, and with the seed if it has a parameter `seed`."""
    return build(**_arguments(build, seed, settings))


def check_build(build: object, settings: Mapping[str, Plain]) -> None:
    """Reject a function that cannot be called with these settings.

    Raises:
        TypeError: `build` cannot be called with them.
    """
    if not callable(build):
        raise TypeError(f"`build` must be a function, got {type(build).__name__}.")
    try:
        inspect.signature(build).bind(**_arguments(build, 0, settings))
    except TypeError as error:
        named = ", ".join(settings) or "nothing"
        raise TypeError(
            f"`build` cannot be called with the names in `grid` ({named}): {error}."
        ) from error


def _arguments(build: Build, seed: int, settings: Mapping[str, Plain]) -> dict[str, Plain]:
    takes_seed = "seed" in inspect.signature(build).parameters
    return {**settings, **({"seed": seed} if takes_seed else {})}


def fingerprint(build: Build) -> str:
    """The name of `build` and a hash of what it does, as far as can be determined.

    Covers its own source, without comments and formatting, its defaults, its closure, and the
    arguments of a `partial`; not the functions it calls.
    """
    if hasattr(build, "fingerprint"):
        return str(build.fingerprint)
    return fingerprint_of(_name(build), _describe(build))


def fingerprint_of(name: str, text: str) -> str:
    """A name and the hash of a text."""
    return f"{name} {sha256(text.encode()).hexdigest()[:16]}"


def _name(build: Any) -> str:
    if isinstance(build, partial):
        return _name(build.func)
    return str(getattr(build, "__qualname__", type(build).__qualname__))


def _describe(thing: Any) -> str:
    if isinstance(thing, partial):
        return repr((_describe(thing.func), thing.args, sorted(thing.keywords.items())))
    if not inspect.isfunction(thing):
        return repr(thing)
    cells = [_content(cell) for cell in thing.__closure__ or ()]
    return repr((_source(thing), thing.__defaults__, thing.__kwdefaults__, cells))


def _content(cell: Any) -> str:
    try:
        content = cell.cell_contents
    except ValueError:  # not assigned yet
        return ""
    return _describe(content)


def _source(function: Any) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):  # no source file, as for code typed at a prompt
        code = function.__code__
        constants = [each for each in code.co_consts if not inspect.iscode(each)]
        return repr((code.co_code, code.co_names, constants))
    return without_comments(text)


def without_comments(source: str) -> str:
    """Python source without comments, in a normalised format."""
    try:
        return ast.unparse(ast.parse(source))
    except SyntaxError:  # the source of a lambda is the line around it
        return source
