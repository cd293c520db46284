"""Repeated runs on disk: one file per run, including the run's key."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from lrfind.problems.build import Plain
from lrfind.repeats.repeat_set import RepeatSet
from lrfind.repeats.runs import Run
from lrfind.result.format import to_document
from lrfind.result.range_test_result import RangeTestResult, load
from lrfind.support.errors import ResultFileError
from lrfind.support.files import read_json, write_json

LONGEST_NAME = 150
"""Maximum length of the readable part of a file name; file systems allow 255 characters."""


@dataclass(frozen=True)
class RunKey:
    """What identifies a run.

    Attributes:
        seed: Its seed.
        grid: The settings of the problem.
        sweep: The settings of the sweep that were given.
        build: Name and fingerprint of the function that makes the problem.
    """

    seed: int
    grid: Mapping[str, Plain]
    sweep: Mapping[str, Plain]
    build: str = field(repr=False)

    def __str__(self) -> str:
        parts = [*self.grid.items(), *self.sweep.items(), ("seed", self.seed)]
        return ", ".join(f"{name}={value}" for name, value in parts)

    @property
    def file_name(self) -> str:
        """A readable name, made unique by a hash of the whole key."""
        whole = json.dumps(asdict(self), sort_keys=True).encode()
        readable = re.sub(r"[^\w.=+-]+", "_", str(self), flags=re.ASCII)[:LONGEST_NAME]
        return f"{readable}-{sha256(whole).hexdigest()[:12]}.json"


def save_run(folder: Path, key: RunKey, result: RangeTestResult) -> None:
    """Write one run atomically."""
    write_json(folder / key.file_name, {**to_document(result), "run": asdict(key)})


def find_run(folder: Path, key: RunKey) -> RangeTestResult | None:
    """The saved result of a run, or None.

    A file of that name that is damaged or holds another run is renamed; it is neither used nor
    deleted.
    """
    path = folder / key.file_name
    if not path.exists():
        return None
    try:
        if _key_in(path) == key:
            return load(path)
        problem = f"{path} does not hold the run that its name indicates"
    except ResultFileError as error:
        problem = str(error).rstrip(".")
    aside = _unused(path)
    path.rename(aside)
    # Stack level 3 is the caller of `repeat`.
    warnings.warn(f"{problem}: renamed to {aside.name}, and the run is repeated.", stacklevel=3)
    return None


def check_one_build(folder: Path, build: str) -> None:
    """Reject a folder that holds runs of another problem.

    Raises:
        ValueError: The folder holds such runs.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            key = _key_in(path)
        except ResultFileError:
            continue
        if key is not None and key.build != build:
            raise ValueError(
                f"`out` is {folder}, which holds runs of another `build` or of an older version "
                f"of it, such as {path.name}: use another folder."
            )


def load_repeats(folder: str | Path) -> RepeatSet:
    """Read the runs written by `lrfind.repeat(..., out=folder)`, even if it did not finish.

    Args:
        folder: The folder. Other files in it are ignored.

    Returns:
        All runs in it, ordered by settings and seed. Sweep settings that differ between runs are
        among a run's settings.

    Raises:
        OSError: The folder cannot be read.
        ResultFileError: A file is damaged, there is no run, or there are runs of several problems.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder {folder} does not exist.")
    keys = {path: key for path in sorted(folder.glob("*.json")) if (key := _key_in(path))}
    if not keys:
        raise ResultFileError(f"{folder} holds no runs of `lrfind.repeat`.")
    if len({key.build for key in keys.values()}) > 1:
        raise ResultFileError(f"{folder} holds runs of several problems: use one folder each.")
    varied = _varied([key.sweep for key in keys.values()])
    runs = []
    for path, key in keys.items():
        of_sweep = {name: key.sweep.get(name) for name in varied}
        runs.append(Run(key.seed, {**key.grid, **of_sweep}, load(path)))
    return RepeatSet(tuple(sorted(runs, key=_order)))


def _varied(sweeps: Sequence[Mapping[str, Plain]]) -> list[str]:
    """Names of the settings that differ between sweeps, or are not given for all."""
    names = dict.fromkeys(name for sweep in sweeps for name in sweep)
    values = {name: [sweep.get(name, ...) for sweep in sweeps] for name in names}
    return [name for name, each in values.items() if any(value != each[0] for value in each)]


def _key_in(path: Path) -> RunKey | None:
    """The key of the run in a file; None if it holds no run."""
    document = read_json(path)
    key = document.get("run") if isinstance(document, dict) else None
    if key is None:
        return None
    kinds = {"seed": int, "grid": dict, "sweep": dict, "build": str}
    if not isinstance(key, dict) or set(key) != set(kinds):
        raise ResultFileError(f"{path} is damaged: its run has no key.")
    if not all(isinstance(key[name], kind) for name, kind in kinds.items()):
        raise ResultFileError(f"{path} is damaged: its run has an invalid key.")
    return RunKey(**key)


def _unused(path: Path) -> Path:
    number, aside = 1, path.with_name(f"{path.name}.damaged")
    while aside.exists():
        number, aside = number + 1, path.with_name(f"{path.name}.damaged{number}")
    return aside


def _order(run: Run) -> tuple[Any, ...]:
    """Sort key: the values of the settings, numbers before strings, then the seed."""

    def rank(value: Plain) -> tuple[int, float, str]:
        is_number = isinstance(value, int | float)
        return (0, float(value), "") if is_number else (1, 0.0, str(value))  # type: ignore[arg-type]

    return (*(rank(value) for value in run.settings.values()), (0, float(run.seed), ""))
