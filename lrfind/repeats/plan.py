"""Which runs a call of `repeat` asks for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np

from lrfind.loop.range_test import ARGUMENTS, OF_ONE_RUN
from lrfind.problems.build import Build, Plain, check_build, fingerprint
from lrfind.repeats.files import RunKey
from lrfind.state.random_state import SEEDS
from lrfind.support.arguments import require_count
from lrfind.support.option_names import not_an_argument

Grid = Mapping[str, Iterable[Plain]]


def plan(
    build: Build,
    seeds: int | Sequence[int],
    grid: Grid,
    sweep_grid: Grid,
    settings: Mapping[str, Plain],
) -> list[tuple[RunKey, dict[str, Plain]]]:
    """All runs to make, with the settings that vary between runs; arguments as of `repeat`.

    Raises:
        TypeError, ValueError: An argument is wrong.
    """
    builds, sweeps = _combinations("grid", grid), _combinations("sweep_grid", sweep_grid)
    if "seed" in grid:
        raise ValueError("`grid` holds `seed`: pass the seeds as `seeds`.")
    for name in sweep_grid:
        if name in grid or name in settings:
            raise ValueError(f"`{name}` is given twice, in `sweep_grid` and elsewhere.")
    for name in (*sweep_grid, *settings):
        if name in OF_ONE_RUN:
            raise ValueError(f"`{name}` is for one run, and these are many: leave it out.")
        if name not in ARGUMENTS:
            holder = "sweep_grid" if name in sweep_grid else "settings"
            raise ValueError(not_an_argument(holder, name, ARGUMENTS))
    fixed = {name: _plain(name, value) for name, value in settings.items()}
    check_build(build, builds[0])
    # Also without `out`: the key of a run does not depend on whether it is saved.
    known = fingerprint(build)
    return [
        (RunKey(seed, of_build, {**fixed, **of_sweep}, known), {**of_build, **of_sweep})
        for of_build, of_sweep, seed in product(builds, sweeps, _seeds(seeds))
    ]


def _seeds(seeds: int | Sequence[int]) -> list[int]:
    if isinstance(seeds, str) or not hasattr(seeds, "__iter__"):
        return list(range(require_count("seeds", seeds, least=1)))
    chosen = [require_count("seeds", seed, least=0) for seed in seeds]
    if max(chosen, default=0) >= SEEDS:
        raise ValueError(f"`seeds` must hold seeds below 2**64, got {max(chosen)}.")
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"`seeds` must hold different seeds, got {chosen!r}.")
    return chosen


def _combinations(name: str, grid: Grid) -> list[dict[str, Plain]]:
    if not isinstance(grid, Mapping):
        raise TypeError(f"`{name}` must map names to lists of values, got {grid!r}.")
    columns = []
    for key, values in grid.items():
        if isinstance(values, str) or not hasattr(values, "__iter__"):
            raise TypeError(f"`{name}` must have a list of values for `{key}`, got {values!r}.")
        column = [_plain(key, value) for value in values]
        if not column or len({repr(value) for value in column}) < len(column):
            raise ValueError(f"`{name}` must have different values for `{key}`, got {column!r}.")
        columns.append(column)
    return [dict(zip(grid, values, strict=True)) for values in product(*columns)]


def _plain(name: str, value: Any) -> Plain:
    value = value.item() if isinstance(value, np.generic) else value
    if value is not None and not isinstance(value, str | int | float):
        raise TypeError(
            f"`{name}` must be a number, a string, True, False or None, got "
            f"{type(value).__name__}: define other objects inside `build`."
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"`{name}` must be finite, got {value!r}.")
    return value
