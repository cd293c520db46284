"""Repeated range tests over seeds and a grid of settings."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lrfind.problems.build import Build, Plain
from lrfind.repeats.files import RunKey, check_one_build, find_run, save_run
from lrfind.repeats.plan import Grid, plan
from lrfind.repeats.repeat_set import RepeatSet
from lrfind.repeats.runs import Run
from lrfind.repeats.workers import Failure, in_a_run, outcomes
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.errors import RunsFailedError
from lrfind.support.heads import printable
from lrfind.sweep.progress import Progress, bar, require_progress

SHOWN = 5
"""Number of failed runs that an error message names."""


class Made(NamedTuple):
    """What became of the runs that were asked for.

    Attributes:
        runs: Those that are finished; None if there are none.
        error: Names those that failed; None if none did.
        unwritten: The files of finished runs that could not be written, and why.
    """

    runs: RepeatSet | None
    error: RunsFailedError | None
    unwritten: dict[Path, str]


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
    runs are finished and kept before the error is raised. If a run cannot be written, as on a full
    disk, the others are finished all the same, and a warning names its file: it is among the runs
    that are returned, and a second call with the same `out` repeats it.

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
        OSError: `out` cannot be made or read; nothing was run.
        RuntimeError: Called in a run of `repeat`, as by `build`, which would wait for itself.

    Example:
        >>> from lrfind.demo import digits_problem
        >>> runs = repeat(digits_problem, seeds=3, grid={"model": ["mlp"]}, n_jobs=1, num_iter=60)
        >>> runs
        <RepeatSet: 3 runs of 1 setting(s)>
        >>> 1e-5 < runs.suggest().lr < 1
        True
    """
    made = make_runs(
        build, seeds, settings, grid=grid, sweep_grid=sweep_grid, n_jobs=n_jobs, out=out,
        progress=progress,
    )  # fmt: skip
    if made.error is not None:
        raise made.error
    if made.unwritten:
        warnings.warn(
            f"{_said(made.unwritten)}: these runs are only in what is returned.", stacklevel=2
        )
    assert made.runs is not None
    return made.runs


def make_runs(
    build: Build,
    seeds: int | Sequence[int],
    settings: Mapping[str, Plain],
    *,
    grid: Grid | None = None,
    sweep_grid: Grid | None = None,
    n_jobs: int | None = -1,
    out: str | Path | None = None,
    progress: Progress = None,
) -> Made:
    """As `repeat`, but what failed is returned with what is finished."""
    if in_a_run():
        raise RuntimeError(
            "`repeat` was called in a run of `repeat`, as by its `build`: the inner one would wait "
            "for the outer one forever."
        )
    require_progress(progress)
    if n_jobs == 0:
        raise ValueError("`n_jobs` must not be 0; -1 is one per core.")
    planned = plan(build, seeds, grid or {}, sweep_grid or {}, settings)
    keys = [key for key, _ in planned]
    folder = None if out is None else Path(out)
    found: dict[int, RangeTestResult] = {}
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        check_one_build(folder, keys[0].build)
        for place, key in enumerate(keys):
            if (result := find_run(folder, key)) is not None:
                found[place] = result
    failures, unwritten = _run_missing(build, keys, found, folder, n_jobs, progress)
    done = [Run(planned[place][0].seed, planned[place][1], found[place]) for place in sorted(found)]
    runs = RepeatSet(tuple(done)) if done else None
    if failures:
        return Made(runs, _error(failures, keys, runs, folder, unwritten), unwritten)
    assert runs is not None
    _warn_of_equal_runs(runs)
    return Made(runs, None, unwritten)


def _run_missing(
    build: Build,
    keys: list[RunKey],
    found: dict[int, RangeTestResult],
    folder: Path | None,
    n_jobs: int | None,
    progress: Progress,
) -> tuple[dict[int, Failure], dict[Path, str]]:
    """Add the results of the missing runs to `found`, and to the folder, as they come."""
    missing = [place for place in range(len(keys)) if place not in found]
    failures, unwritten = {}, {}
    claimed = False
    with bar(progress, total=len(keys), initial=len(found), desc="repeats", unit="run") as shown:
        for index, outcome in outcomes(build, [keys[place] for place in missing], n_jobs):
            key = keys[place := missing[index]]
            if isinstance(outcome, Failure):
                failures[place] = outcome
            else:
                # Made anew: arrays from another process are writeable, and options from this one
                # would keep the model of every run.
                found[place] = replace(outcome, loop_options={})
                if folder is not None:
                    if not claimed:
                        # Another process may have begun in the same folder since.
                        check_one_build(folder, key.build)
                        claimed = True
                    try:
                        save_run(folder, key, found[place])
                    except OSError as error:
                        unwritten[folder / key.file_name] = error.strerror or str(error)
            shown.update()
    return failures, unwritten


def _error(
    failures: Mapping[int, Failure],
    keys: Sequence[RunKey],
    runs: RepeatSet | None,
    folder: Path | None,
    unwritten: Mapping[Path, str],
) -> RunsFailedError:
    messages = {printable(str(keys[place])): failures[place].message for place in sorted(failures)}
    shown = [f"{run}: {message}" for run, message in list(messages.items())[:SHOWN]]
    if len(messages) > SHOWN:
        shown.append(f"and {len(messages) - SHOWN} more")
    kept = "in `finished` of this error" if folder is None or unwritten else f"in {folder}"
    others = f"; the {len(runs)} finished ones are {kept}" if runs is not None else ""
    text = f"{len(failures)} of {len(keys)} runs failed{others}. " + "; ".join(shown)
    if unwritten:
        text += f"; {_said(unwritten)}"
    error = RunsFailedError(text, runs, messages)
    if trace := failures[min(failures)].trace:
        error.__cause__ = RuntimeError(f"in the first of these runs:\n{trace}")
    return error


def _said(unwritten: Mapping[Path, str]) -> str:
    return "could not write " + ", ".join(f"{path} ({why})" for path, why in unwritten.items())


def _warn_of_equal_runs(runs: RepeatSet) -> None:
    for group in runs.by_setting():
        first, *others = (run.result.loss for run in group.runs)
        if others and all(np.array_equal(first, loss, equal_nan=True) for loss in others):
            warnings.warn(
                "every seed gave the same losses, so these runs have no spread: `build` probably "
                "seeds the generators itself, or uses fixed weights and batches.",
                stacklevel=4,
            )
            return
