"""The table of the oracle: final losses of every task, horizon, schedule, seed and rate.

Tasks of locked families are refused; `load(locked=True)` is for the one evaluation at the end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS

TABLE = Path(__file__).with_name("oracle.npz")
LARGEST = 2_000_000
"""Bytes of the committed file."""
SCHEDULES = ("constant", "one_cycle")
MEASURED = ("validation", "training")


@dataclass(frozen=True)
class Entry:
    """What trainings of one task led to.

    Attributes:
        rates: Learning rates, ascending.
        horizons: In steps, ascending.
        initial: Losses before training, shape (seeds, 2): validation, training.
        losses: By schedule, shape (seeds, 2, horizons, rates), infinite where a training blew up.
            A schedule that the optimizer takes none of is missing.
    """

    rates: np.ndarray
    horizons: tuple[int, ...]
    initial: np.ndarray
    losses: Mapping[str, np.ndarray]

    def values(self, schedule: str, steps: int, measured: str = "validation") -> np.ndarray:
        """Median over seeds at every rate; a training that ends above its start counts as none."""
        which = MEASURED.index(measured)
        of_seeds = self.losses[schedule][:, which, self.horizons.index(steps)]
        return np.median(np.minimum(of_seeds, self.initial[:, which, None]), axis=0)

    def best(self, schedule: str, steps: int, measured: str = "validation") -> tuple[float, float]:
        """The rate with the lowest loss, and that loss."""
        values = self.values(schedule, steps, measured)
        return float(self.rates[values.argmin()]), float(values.min())

    def learns(self, schedule: str, steps: int) -> bool:
        """Whether any rate takes off a tenth of the validation loss.

        Some deep nets do not start within the first horizon at any rate; there no rate is good.
        """
        return self.best(schedule, steps)[1] < 0.9 * float(np.median(self.initial[:, 0]))


class Table(dict[str, Entry]):
    """Entries by task; those of locked families are missing, and asking for one says so."""

    def __missing__(self, name: str) -> Entry:
        """Refuse a task that is locked, unknown or not trained.

        Raises:
            KeyError: Always; the message tells which of the three.
        """
        if FAMILY_OF.get(name) in LOCKED:
            raise KeyError(f"{name!r} is of a locked family; it is evaluated once, at the end.")
        raise KeyError(f"{name!r} is not in the table.")


def load(path: Path = TABLE, *, locked: bool = False) -> Table:
    """The table, without the locked families unless asked for.

    Raises:
        FileNotFoundError: The table has not been made.
    """
    with np.load(path) as file:
        parts: dict[str, dict[str, Any]] = {}
        for key in file.files:
            name, part = key.rsplit("/", 1)
            if locked or FAMILY_OF[name] not in LOCKED:
                parts.setdefault(name, {})[part] = file[key]
    return Table({name: _entry(found) for name, found in parts.items()})


def _entry(parts: Mapping[str, np.ndarray]) -> Entry:
    losses = {name: parts[name] for name in SCHEDULES if name in parts}
    return Entry(parts["rates"], tuple(parts["horizons"].tolist()), parts["initial"], losses)


def write(arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Write a compressed file that is whole or not there."""
    beside = path.with_name(path.name + ".part.npz")
    np.savez_compressed(beside, allow_pickle=False, **arrays)
    beside.replace(path)


def pack(folder: Path, path: Path = TABLE) -> list[str]:
    """Put the files of single tasks into one.

    Returns:
        The tasks that are missing.

    Raises:
        ValueError: The file would be larger than may be committed; it is not written.
    """
    arrays, missing = {}, []
    for name in ORACLE_TASKS:
        single = file_of(name, folder)
        if not single.exists():
            missing.append(name)
            continue
        with np.load(single) as file:
            arrays |= {f"{name}/{part}": file[part] for part in file.files if part != "digest"}
    proposed = path.with_name("." + path.name)
    write(arrays, proposed)
    if (size := proposed.stat().st_size) > LARGEST:
        proposed.unlink()
        raise ValueError(f"The table takes {size} bytes, more than {LARGEST}.")
    proposed.replace(path)
    return missing


def file_of(name: str, folder: Path) -> Path:
    """The file of a single task."""
    return folder / (name.replace(",", "").replace(" ", "-") + ".npz")
