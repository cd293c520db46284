"""Runs in worker processes, on this machine or a cluster, that survive the death of a worker."""

from __future__ import annotations

import pickle
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import joblib
import torch
from joblib.parallel import get_active_backend

from lrfind.loop.range_test import OF_ONE_RUN
from lrfind.problems.build import Build, call_build
from lrfind.problems.from_file import FileBuild
from lrfind.problems.problem import as_problem
from lrfind.repeats.files import RunKey
from lrfind.result.range_test_result import RangeTestResult
from lrfind.state.random_state import accelerator_restores, global_restores, seed_everything
from lrfind.support.own_lines import place_of, said_of

FRUITLESS = 2
"""Worker pools in a row that may die without finishing a run, before runs are tried one by one."""

BROKEN = {"BrokenExecutor", "KilledWorker", "CommClosedError"}
"""Errors that mean that a worker died; by name, as Dask, which has two, may not be installed."""

_ONE_AT_A_TIME = threading.Lock()
_IN_A_RUN = ContextVar("_IN_A_RUN", default=False)


@dataclass(frozen=True)
class Failure:
    """The error of a run, as text, since the exception may not be picklable."""

    message: str
    trace: str = ""


Outcome = RangeTestResult | Failure


def run_one(build: Build, place: int, key: RunKey) -> tuple[int, Outcome]:
    """Make a problem and run its range test, with the run's seed and on one thread.

    Args:
        build: Makes the problem.
        place: Index of the run, returned unchanged.
        key: The run.

    Returns:
        The index, and the result or the failure. Random state and number of threads are restored,
        as this may be the caller's own process.
    """
    # The global generators belong to the process, so a cluster worker with several threads must
    # run its sweeps one after the other.
    with _ONE_AT_A_TIME, _marked(), _own_random_state(), _one_thread():
        seed_everything(key.seed)
        try:
            problem = as_problem(call_build(build, key.seed, key.grid), "`build`")
            # A journal that `build` names is one file for all runs.
            given = {"progress": False, **key.sweep, **OF_ONE_RUN}
            return place, problem.range_test(**given)
        except (Exception, SystemExit) as error:
            return place, Failure(_message(build, error), traceback.format_exc())


def in_a_run() -> bool:
    """Whether the caller is part of a run, which would wait for itself if it started another."""
    return _IN_A_RUN.get()


@contextmanager
def _marked() -> Iterator[None]:
    token = _IN_A_RUN.set(True)
    try:
        yield
    finally:
        _IN_A_RUN.reset(token)


def _message(build: Build, error: BaseException) -> str:
    """The error in one line, and where in the file of `build` it arose."""
    own = (build.loaded, build.path) if isinstance(build, FileBuild) else (build, None)
    place = place_of(error, *own)
    return place + " ".join(line.strip() for line in said_of(error))


@contextmanager
def _own_random_state() -> Iterator[None]:
    restores = [*global_restores(), *accelerator_restores()]
    try:
        yield
    finally:
        for (restore,) in restores:
            restore()


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread: parallel runs do not compete for cores, and sums do not depend on threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def outcomes(
    build: Build, keys: Sequence[RunKey], n_jobs: int | None
) -> Iterator[tuple[int, Outcome]]:
    """The outcome of every run, in the order in which they finish.

    A worker that dies breaks its whole process pool. The unfinished runs then go into a new pool;
    after `FRUITLESS` pools in a row that finish none, each run is tried in its own pool. (Dask
    reschedules the runs of a dead worker itself, and fails those that were on several dead workers;
    these are tried once more, one by one, since only one of them need be the cause.)

    Args:
        build: Makes the problem.
        keys: The runs.
        n_jobs: As in joblib.

    Yields:
        The index of a run in `keys`, and its result or failure.

    Raises:
        TypeError: `build` cannot be sent to a worker.
    """
    pending = dict(enumerate(keys))
    fruitless = 0
    first = True
    while pending and (first or len(pending) > 1) and fruitless < FRUITLESS:
        first, before = False, len(pending)
        try:
            for place, outcome in _side_by_side(build, pending, n_jobs):
                del pending[place]
                yield place, outcome
        except Exception as error:
            _raise_unless_broken(error)
            fruitless = fruitless + 1 if len(pending) == before else 0
            # Reversed, so that a run that kills its worker does not come first again.
            pending = dict(reversed(pending.items()))
    for place, key in pending.items():
        try:
            yield from _side_by_side(build, {place: key}, n_jobs)
        except Exception as error:
            _raise_unless_broken(error)
            kind = type(error).__name__
            yield (
                place,
                Failure(f"its worker process died each time ({kind}), possibly for lack of memory"),
            )


def _side_by_side(
    build: Build, pending: Mapping[int, RunKey], n_jobs: int | None
) -> Iterator[tuple[int, Outcome]]:
    """Make all runs once; if a worker dies, its error is raised after the available outcomes."""
    todo = list(pending.items())
    backend, _ = get_active_backend()
    if type(backend).__name__ == "DaskDistributedBackend":
        return _on_cluster(backend, build, todo)
    jobs = joblib.effective_n_jobs(n_jobs)
    if jobs > 1:  # at least 2 even for one run: with 1, joblib uses the caller's process
        jobs = max(2, min(jobs, len(todo)))
    # One run per batch, so that only one is lost with a worker.
    parallel = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
    return parallel(  # type: ignore[no-any-return]
        joblib.delayed(run_one)(build, place, key) for place, key in todo
    )


def _on_cluster(
    backend: Any, build: Build, todo: list[tuple[int, RunKey]]
) -> Iterator[tuple[int, Outcome]]:
    """The same on the Dask client of joblib's backend.

    Not with `joblib.Parallel`: its Dask backend (joblib 1.6) does not notice when Dask gives up a
    task, and waits for it forever.
    """
    from distributed import as_completed

    lost: Exception | None = None
    futures = [
        backend.client.submit(run_one, build, place, key, pure=False, **backend.submit_kwargs)
        for place, key in todo
    ]
    try:
        for future in as_completed(futures):  # type: ignore[no-untyped-call]
            error = future.exception() if future.status == "error" else None
            if error is None:
                yield future.result()
            else:
                _raise_unless_broken(error)
                lost = error
    finally:
        backend.client.cancel([future for future in futures if not future.done()])
    if lost is not None:
        raise lost


def _raise_unless_broken(error: Exception) -> None:
    """Re-raise any error except the death of a worker; a retry would not help."""
    unsendable = isinstance(error, pickle.PicklingError | ImportError | AttributeError)
    if unsendable or "erialize" in str(error):
        cause = error.__cause__ or error
        raise TypeError(
            "`build` cannot be sent to a worker process: define it at the top level of a module "
            f"that the workers can import, or use n_jobs=1 ({type(cause).__name__}: {cause})."
        ) from error
    if BROKEN.isdisjoint(kind.__name__ for kind in type(error).__mro__):
        raise error
