"""Repeated range tests over seeds and a grid of settings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from lrfind.loop.range_test import ARGUMENTS, OF_ONE_RUN
from lrfind.problems.build import Build, Plain, check_build, fingerprint
from lrfind.repeats.files import RunKey, check_one_build, find_run, save_run
from lrfind.repeats.repeat_set import RepeatSet
from lrfind.repeats.runs import Run
from lrfind.repeats.workers import Failure, outcomes
from lrfind.result.range_test_result import RangeTestResult
from lrfind.state.random_state import SEEDS
from lrfind.support.arguments import require_count
from lrfind.support.errors import RunsFailedError
from lrfind.support.heads import printable
from lrfind.support.option_names import not_an_argument
from lrfind.sweep.progress import Progress, bar, require_progress

SHOWN = 5
"""Number of failed runs that an error message names."""

Grid = Mapping[str, Iterable[Plain]]


def repeat(
    build: Build,
    *,
    seeds: int | Sequence[int] = 5,
    grid: Grid | None = None,
    sweep_grid: Grid | None = None,
    n_jobs: int | None = -1,
    out: str | Path | None = None,
    progress: Progress = None,
    **settings: Plain,
) -> RepeatSet:
    """Run range tests over seeds and a grid of settings, in parallel.

    Each run is made in a worker process: the global generators of Python, NumPy and torch are
    seeded with the run's seed, `build` makes the problem, and its range test runs on one thread.
    So a run does not depend on the number of jobs, bit for bit on the same kind of machine.

    By default the workers are processes on this machine; on a cluster use joblib's backend:
    `with joblib.parallel_config(backend="dask"): repeat(...)`. The workers must be able to import
    the code of `build`, but need not share a disk. Other threads of a Dask worker also draw from
    Python's `random`, so there numbers that `build` draws from it are not determined by the seed;
    those from NumPy and torch are.

    If a worker dies, its run is retried a few times. If a run raises, it is not retried; the other
    runs are finished and kept before the error is raised.

    Args:
        build: Makes a new `Problem` or (model, optimizer, loss_fn, train_loader) from the settings
            in `grid`, given by name, and the seed if it has a parameter `seed`. It must not seed
            the generators with a fixed number.
        seeds: Number of seeds, counted from 0; or a list of seeds from 0 to 2**64 - 1.
        grid: For arguments of `build`, by name, the values to try: strings, numbers, True, False or
            None. Every combination is run with every seed.
        sweep_grid: The same for arguments of `range_test`, such as `num_iter`.
        n_jobs: Number of parallel runs, as in joblib: -1 for one per core of this machine or of
            the cluster, None for the setting of `joblib.parallel_config`, 1 to run in this process.
            On one GPU all jobs share its memory.
        out: A folder, created if needed, where this process writes each run as soon as it is
            finished. Runs already there are not repeated, and those that were edited are set aside;
            two calls may write into one folder. It holds runs of one `build`; changes in
            the functions that `build` calls are not detected, so use a new folder after them.
        progress: Whether to show a progress bar with the time left; None and "plot" show it in a
            terminal or notebook.
        settings: Arguments of `range_test` for all runs, such as `num_iter=300`; numbers, strings,
            True, False or None. Others, such as a probe batch, belong in the `options` of the
            `Problem` that `build` returns; arguments given here take precedence over these.

    Returns:
        The runs, in the order of the grid and the seeds.

    Raises:
        TypeError: An argument has the wrong type, `build` cannot be called with the names in
            `grid`, or cannot be sent to a worker.
        ValueError: An argument is out of range, or `out` holds runs of another `build`.
        RunsFailedError: Some runs failed. The message names them; `finished` has the others, and a
            second call with the same `out` repeats only the failed ones.
        OSError: `out` cannot be written.

    Example:
        >>> from lrfind.demo import digits_problem
        >>> runs = repeat(digits_problem, seeds=3, grid={"model": ["mlp"]}, n_jobs=1, num_iter=60)
        >>> runs
        <RepeatSet: 3 runs of 1 setting(s)>
        >>> 1e-5 < runs.suggest().lr < 1
        True
    """
    require_progress(progress)
    if n_jobs == 0:
        raise ValueError("`n_jobs` must not be 0; -1 is one per core.")
    plan = _plan(build, seeds, grid or {}, sweep_grid or {}, settings)
    keys = [key for key, _ in plan]
    folder = None if out is None else Path(out)
    found: dict[int, RangeTestResult] = {}
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        check_one_build(folder, keys[0].build)
        there = {place: find_run(folder, key) for place, key in enumerate(keys)}
        found = {place: result for place, result in there.items() if result is not None}
    failures = _run_missing(build, keys, found, folder, n_jobs, progress)
    done = [Run(plan[place][0].seed, plan[place][1], found[place]) for place in sorted(found)]
    finished = RepeatSet(tuple(done)) if done else None
    if failures:
        _raise(failures, keys, finished, folder)
    assert finished is not None
    _warn_of_equal_runs(finished)
    return finished


def _run_missing(
    build: Build,
    keys: list[RunKey],
    found: dict[int, RangeTestResult],
    folder: Path | None,
    n_jobs: int | None,
    progress: Progress,
) -> dict[int, Failure]:
    """Add the results of the missing runs to `found`, and to the folder, as they come."""
    missing = [place for place in range(len(keys)) if place not in found]
    failures = {}
    claimed = False
    with bar(progress, total=len(keys), initial=len(found), desc="repeats", unit="run") as shown:
        for index, outcome in outcomes(build, [keys[place] for place in missing], n_jobs):
            place = missing[index]
            if isinstance(outcome, Failure):
                failures[place] = outcome
            else:
                # Made anew: arrays from another process are writeable, and options from this one
                # would keep the model of every run.
                found[place] = replace(outcome, loop_options={})
                if folder is not None:
                    if not claimed:
                        # Another process may have begun in the same folder since.
                        check_one_build(folder, keys[place].build)
                        claimed = True
                    save_run(folder, keys[place], found[place])
            shown.update()
    return failures


def _plan(
    build: Build,
    seeds: int | Sequence[int],
    grid: Grid,
    sweep_grid: Grid,
    settings: Mapping[str, Plain],
) -> list[tuple[RunKey, dict[str, Plain]]]:
    """All runs to make, with the settings that vary between runs."""
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


def _raise(
    failures: Mapping[int, Failure],
    keys: Sequence[RunKey],
    finished: RepeatSet | None,
    folder: Path | None,
) -> None:
    messages = {printable(str(keys[place])): failures[place].message for place in sorted(failures)}
    shown = [f"{run}: {message}" for run, message in list(messages.items())[:SHOWN]]
    if len(messages) > SHOWN:
        shown.append(f"and {len(messages) - SHOWN} more")
    kept = "in `finished` of this error" if folder is None else f"in {folder}"
    others = f"; the {len(finished)} finished ones are {kept}" if finished is not None else ""
    text = f"{len(failures)} of {len(keys)} runs failed{others}. " + "; ".join(shown)
    first = failures[min(failures)]
    raise RunsFailedError(text, finished, messages) from (
        RuntimeError(f"in the first of these runs:\n{first.trace}") if first.trace else None
    )


def _warn_of_equal_runs(runs: RepeatSet) -> None:
    for group in runs.by_setting():
        first, *others = (run.result.loss for run in group.runs)
        if others and all(np.array_equal(first, loss, equal_nan=True) for loss in others):
            warnings.warn(
                "every seed gave the same losses, so these runs have no spread: `build` probably "
                "seeds the generators itself, or uses fixed weights and batches.",
                stacklevel=3,
            )
            return
