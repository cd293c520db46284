"""Repeated runs on disk: one file per run, including the run's key."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import msgspec

from lrfind.problems.build import Plain
from lrfind.repeats.repeat_set import RepeatSet
from lrfind.repeats.runs import Run
from lrfind.result.format import FORMAT, to_document
from lrfind.result.range_test_result import RangeTestResult, result_of
from lrfind.result.schema import ResultFile
from lrfind.support.errors import ResultFileError
from lrfind.support.files import write_json
from lrfind.support.heads import cut, printable
from lrfind.support.reading import (
    CHECKSUM,
    LONGEST_PATH,
    Finite,
    checksum,
    read_json,
    record_in,
    refused,
)

Setting = bool | int | Finite | str | None
"""As `Plain`."""
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


class KeyFile(msgspec.Struct, forbid_unknown_fields=True):
    """What identifies a run, in its file."""

    seed: Annotated[int, msgspec.Meta(ge=0)]
    grid: dict[str, Setting]
    sweep: dict[str, Setting]
    build: str


class RunFile(ResultFile, kw_only=True):
    """A sweep with what identifies it."""

    run: KeyFile


def save_run(folder: Path, key: RunKey, result: RangeTestResult) -> None:
    """Write one run atomically, with a checksum."""
    document = {**to_document(result), "run": asdict(key)}
    write_json(folder / key.file_name, {**document, CHECKSUM: checksum(document)})


def find_run(folder: Path, key: RunKey) -> RangeTestResult | None:
    """The saved result of a run, or None.

    What has its name and is damaged, was edited, holds another run or is no regular file is
    renamed; it is neither used nor deleted.
    """
    path = folder / key.file_name
    if not os.path.lexists(path):
        return None
    try:
        found = _run_in(path)
        if found is not None and found[0] == key:
            return found[1]
        problem = (
            f"{cut(printable(str(path)), LONGEST_PATH)} does not hold the run that its name says"
        )
    except (ResultFileError, FileNotFoundError) as error:
        problem = str(error).rstrip(".")
    if (aside := _set_aside(path)) is not None:
        # Stack level 4 is the caller of `repeat`.
        warnings.warn(f"{problem}: renamed to {aside.name}, and the run is repeated.", stacklevel=4)
    return None


def check_one_build(folder: Path, build: str) -> None:
    """Reject a folder that holds runs of another problem.

    Raises:
        ValueError: The folder holds such runs.
    """
    for path in sorted(folder.glob("*.json")):
        try:
            found = _run_in(path)
        except (ResultFileError, OSError):
            continue
        if found is not None and found[0].build != build:
            raise ValueError(
                f"`out` is {folder}, which holds runs of another `build` or of an older version "
                f"of it, such as {path.name}: use another folder."
            )


def load_repeats(folder: str | Path) -> RepeatSet:
    """Read the runs written by `lrfind.repeat(..., out=folder)`, even if it did not finish.

    Args:
        folder: The folder. Other files in it are ignored, and copies of a run.

    Returns:
        All runs in it, ordered by settings and seed. Sweep settings that differ between runs are
        among a run's settings.

    Raises:
        OSError: The folder cannot be read.
        ResultFileError: A run is damaged or was edited, there is none, or there are runs of several
            problems.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder {folder} does not exist.")
    found = _runs_in(folder)
    if not found:
        raise refused(folder, "holds no runs of `lrfind.repeat`")
    if len({key.build for key, _ in found}) > 1:
        raise refused(folder, "holds runs of several problems: use one folder each")
    varied = _varied([key.sweep for key, _ in found])
    runs = []
    for key, result in found:
        of_sweep = {name: key.sweep.get(name) for name in varied}
        runs.append(Run(key.seed, {**key.grid, **of_sweep}, result))
    return RepeatSet(tuple(sorted(runs, key=_order)))


def _runs_in(folder: Path) -> list[tuple[RunKey, RangeTestResult]]:
    """The runs in a folder, each once."""
    runs: dict[str, tuple[RunKey, RangeTestResult]] = {}
    for path in sorted(folder.glob("*.json")):
        # By its name, what cannot be read is a run or none of ours.
        is_run = re.search(r"-[0-9a-f]{12}\.json$", path.name) and path.is_file()
        try:
            found = _run_in(path)
        except (ResultFileError, OSError):
            if is_run:
                raise
            continue
        # A copy has another name, and must not take the place of the run.
        if found and (found[0].file_name not in runs or path.name == found[0].file_name):
            runs[found[0].file_name] = found
    return list(runs.values())


def _varied(sweeps: Sequence[Mapping[str, Plain]]) -> list[str]:
    """Names of the settings that differ between sweeps, or are not given for all."""
    names = dict.fromkeys(name for sweep in sweeps for name in sweep)
    values = {name: [sweep.get(name, ...) for sweep in sweeps] for name in names}
    return [name for name, each in values.items() if any(value != each[0] for value in each)]


def _run_in(path: Path) -> tuple[RunKey, RangeTestResult] | None:
    """The run in a file; None if it holds none.

    Raises:
        OSError, ResultFileError: As for `load`.
    """
    document = read_json(path)
    if not isinstance(document, dict) or document.get("run") is None:
        return None
    return record_in(document, path, FORMAT, "result", RunFile, _run_of)


def _run_of(file: RunFile) -> tuple[RunKey, RangeTestResult]:
    key = file.run
    return RunKey(key.seed, key.grid, key.sweep, key.build), result_of(file)


def _set_aside(path: Path) -> Path | None:
    """Rename a file to a name that is free; None if another process was faster."""
    number, aside = 1, path.with_name(f"{path.name}.damaged")
    while os.path.lexists(aside):
        number, aside = number + 1, path.with_name(f"{path.name}.damaged{number}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return None
    return aside


def _order(run: Run) -> tuple[Any, ...]:
    """Sort key: the values of the settings, numbers before strings, then the seed."""

    def rank(value: Plain) -> tuple[int, int | float, str]:
        return (0, value, "") if isinstance(value, int | float) else (1, 0, str(value))

    return (*(rank(value) for value in run.settings.values()), (0, run.seed, ""))
