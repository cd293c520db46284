"""The table of the oracle gives what was trained, and keeps its locked part locked."""

import numpy as np
import pytest
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_table import LARGEST, TABLE, Entry, file_of, load, pack, write
from oracle_task import SEEDS

OPEN = next(name for name in ORACLE_TASKS if FAMILY_OF[name] not in LOCKED)
SHUT = next(name for name in ORACLE_TASKS if FAMILY_OF[name] in LOCKED)


def entry_arrays(rates=25):
    losses = np.linspace(1, 2, rates, dtype=np.float32) * np.ones((2, 2, 2, 1), np.float32)
    losses[..., 3] = 0.5
    losses[..., -1] = np.inf
    return {
        "rates": 10.0 ** np.arange(rates),
        "horizons": np.array([300, 1200]),
        "initial": np.full((2, 2), 1.5, np.float32),
        "constant": losses,
        "digest": np.array("abc"),
    }


@pytest.fixture
def packed(tmp_path):
    for name in (OPEN, SHUT):
        write(entry_arrays(), file_of(name, tmp_path))
    missing = pack(tmp_path, tmp_path / "oracle.npz")
    assert len(missing) == len(ORACLE_TASKS) - 2
    return tmp_path / "oracle.npz"


def test_what_is_packed_is_loaded(packed):
    entry = load(packed)[OPEN]
    np.testing.assert_array_equal(entry.losses["constant"], entry_arrays()["constant"])
    assert entry.horizons == (300, 1200)
    assert list(entry.losses) == ["constant"]


def test_a_locked_task_is_refused_unless_unlocked(packed):
    table = load(packed)
    assert list(table) == [OPEN]
    assert SHUT not in table
    with pytest.raises(KeyError, match="locked family"):
        table[SHUT]
    assert list(load(packed, locked=True)) == [OPEN, SHUT]


def test_a_task_that_was_not_trained_is_not_called_locked(packed):
    with pytest.raises(KeyError, match="not in the table"):
        load(packed)["digits transformer, Adam"]


def test_the_best_rate_has_the_lowest_loss_and_what_blew_up_counts_as_no_training():
    arrays = entry_arrays()
    entry = Entry(arrays["rates"], (300, 1200), arrays["initial"], {"constant": arrays["constant"]})
    assert entry.best("constant", 300) == (1e3, 0.5)
    assert entry.values("constant", 1200).max() == 1.5


def test_a_task_on_which_no_rate_is_good_does_not_learn():
    arrays = entry_arrays()
    losses = arrays["constant"]
    entry = Entry(arrays["rates"], (300, 1200), arrays["initial"], {"constant": losses})
    assert entry.learns("constant", 300)
    losses[:, 0, 0] = np.maximum(losses[:, 0, 0], 1.4)
    assert not entry.learns("constant", 300)
    assert entry.learns("constant", 1200)


def test_a_table_that_is_too_large_is_not_written(tmp_path):
    arrays = entry_arrays() | {"constant": np.random.default_rng(0).normal(size=LARGEST // 4)}
    write(arrays, file_of(OPEN, tmp_path))
    with pytest.raises(ValueError, match="more than"):
        pack(tmp_path, tmp_path / "oracle.npz")
    assert not (tmp_path / "oracle.npz").exists()


def test_no_two_tasks_have_the_same_file(tmp_path):
    assert len({file_of(name, tmp_path) for name in ORACLE_TASKS}) == len(ORACLE_TASKS)


@pytest.mark.skipif(not TABLE.exists(), reason="the table has not been made")
def test_the_committed_table_is_small_and_has_every_open_task():
    assert TABLE.stat().st_size <= LARGEST
    table = load()
    assert set(table) == {name for name in ORACLE_TASKS if FAMILY_OF[name] not in LOCKED}
    for name, entry in table.items():
        task = ORACLE_TASKS[name]
        assert entry.horizons == task.horizons
        np.testing.assert_allclose(entry.rates, task.rates)
        assert set(entry.losses) == {run.schedule for run in task.runs}
        for losses in entry.losses.values():
            assert losses.shape == (len(SEEDS), 2, len(task.horizons), len(task.rates))
            assert not np.isnan(losses).any()
        assert entry.learns("constant", entry.horizons[-1]), name
