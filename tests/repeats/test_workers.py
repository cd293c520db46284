"""Runs in processes: the same bit for bit, and none lost whatever happens to a process."""

import os
import subprocess
import sys
import threading
from functools import partial

import joblib
import makers
import pytest
from makers import SHORT, by_hand

from lrfind import RunsFailedError, load_repeats, repeat

pytestmark = pytest.mark.slow


def test_processes_threads_and_this_process_agree_bit_for_bit():
    ask = partial(repeat, makers.all_generators, seeds=4, grid={"width": [4, 8]}, **SHORT)
    alone = ask(n_jobs=1)
    assert ask(n_jobs=2) == alone
    with joblib.parallel_config(backend="threading"):
        assert ask(n_jobs=3) == alone


def test_results_from_processes_are_read_only_too():
    result = repeat(makers.regression, seeds=2, n_jobs=2, **SHORT).runs[0].result
    with pytest.raises(ValueError, match="read-only"):
        result.loss[0] = 0


def test_a_build_may_be_a_closure_or_a_partial():
    width = 4
    closed = repeat(lambda: makers.regression(width), seeds=2, n_jobs=2, **SHORT)
    applied = repeat(partial(makers.regression, 4), seeds=2, n_jobs=2, **SHORT)
    assert closed == applied


def test_one_run_that_raises_loses_no_other(tmp_path):
    with pytest.raises(
        RunsFailedError, match=r"1 of 3 runs failed.*RuntimeError: no data"
    ) as caught:
        repeat(makers.picky, seeds=3, n_jobs=2, out=tmp_path, **SHORT)
    error = caught.value
    assert "in picky" in str(error.__cause__)
    assert list(error.failures) == ["num_iter=20, start_lr=0.0001, seed=1"]
    assert [run.seed for run in error.finished.runs] == [0, 2]
    assert load_repeats(tmp_path) == error.finished


def test_a_worker_that_dies_costs_nothing(tmp_path):
    ask = partial(repeat, seeds=6, out=tmp_path / "out", **SHORT)
    runs = ask(makers.mortal, grid={"marker": [str(tmp_path / "died")]}, n_jobs=2)
    assert (tmp_path / "died").exists()
    assert [run.result for run in runs.runs] == [by_hand(seed) for seed in range(6)]


def test_a_run_that_kills_every_worker_is_named_and_the_others_are_kept():
    with pytest.raises(RunsFailedError, match=r"1 of 3 .* died each time") as caught:
        repeat(makers.deadly, seeds=3, grid={"parent": [os.getpid()]}, n_jobs=2, **SHORT)
    assert [run.seed for run in caught.value.finished.runs] == [0, 2]
    assert [run.result for run in caught.value.finished.runs] == [by_hand(seed) for seed in (0, 2)]


def test_what_cannot_be_sent_to_a_worker_is_said_at_once():
    lock = threading.Lock()
    with pytest.raises(TypeError, match="`build` cannot be sent to a worker"):
        repeat(lambda: lock, seeds=2, n_jobs=2)


NESTED = """
import sys
from pathlib import Path
import joblib
import makers
from lrfind import RunsFailedError, repeat

def build(jobs):
    repeat(makers.regression, seeds=2, n_jobs=jobs, out=sys.argv[1], num_iter=20)

with joblib.parallel_config(backend="threading"):
    for jobs in (1, 2):
        try:
            repeat(build, seeds=1, grid={"jobs": [1, 2]}, n_jobs=jobs)
        except RunsFailedError as error:
            print(error)
        # In the same threads, after it.
        assert len(repeat(makers.regression, seeds=2, n_jobs=jobs, num_iter=20)) == 2
"""


def test_a_repeat_in_a_run_of_another_is_an_error_and_no_deadlock(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", NESTED, tmp_path / "inner"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(makers.TESTS), *sys.path])},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert len(said) == 2
    for line in said:
        assert line.startswith("2 of 2 runs failed. ")
        assert line.count("RuntimeError: `repeat` was called in a run of `repeat`") == 2
    assert not (tmp_path / "inner").exists()
