"""The same call on a Dask cluster of real processes."""

import threading
from functools import partial

import joblib
import makers
import pytest

from lrfind import RunsFailedError, load_repeats, repeat

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

ask = partial(repeat, seeds=4, **makers.SHORT)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    import dask

    quiet = {
        "temporary-directory": str(tmp_path_factory.mktemp("dask")),
        "distributed.scheduler.allowed-failures": 1,
    }
    with (
        dask.config.set(quiet),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster),
    ):  # fmt: skip
        yield cluster


def test_a_cluster_gives_the_very_same_runs(cluster, tmp_path):
    with joblib.parallel_config(backend="dask"):
        runs = ask(makers.regression, grid={"width": [4, 8]}, out=tmp_path)
    assert runs == ask(makers.regression, grid={"width": [4, 8]}, n_jobs=1)
    assert load_repeats(tmp_path) == runs


def test_the_runs_of_a_worker_that_dies_are_redone(cluster, tmp_path):
    with joblib.parallel_config(backend="dask"):
        runs = ask(makers.mortal, grid={"marker": [str(tmp_path / "died")]}, out=tmp_path / "out")
    assert (tmp_path / "died").exists()
    alone = ask(makers.regression, n_jobs=1)
    assert [run.result for run in runs.runs] == [run.result for run in alone.runs]
    assert load_repeats(tmp_path / "out") == runs


def test_a_run_that_kills_every_worker_is_named_and_the_others_are_kept(cluster):
    with joblib.parallel_config(backend="dask"), pytest.raises(RunsFailedError) as caught:
        ask(makers.deadly, grid={"parent": [0]})
    assert [run.seed for run in caught.value.finished.runs] == [0, 2, 3]
    (message,) = caught.value.failures.values()
    assert "its worker process died each time (KilledWorker" in message


def test_what_cannot_be_sent_to_a_worker_is_said(cluster):
    lock = threading.Lock()
    with (
        joblib.parallel_config(backend="dask"),
        pytest.raises(TypeError, match="`build` cannot be sent to a worker"),
    ):
        ask(lambda: lock)
