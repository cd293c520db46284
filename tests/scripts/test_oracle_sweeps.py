"""A sweep that is recorded is the range test that a user would run."""

from itertools import product

import numpy as np
import oracle_sweeps
import pytest
import torch
from oracle_families import FAMILY_OF, LOCKED, ORACLE_TASKS
from oracle_sweeps import FILE, PROBED, SEEDS, load, main, record, sweep

from lrfind.analysis.schedule import lr_sequence
from lrfind.result.settings import DEFAULTS

NAME, OTHER = "condition 10, SGD", "petals linear, Adagrad"
SHUT = next(name for name in ORACLE_TASKS if FAMILY_OF[name] in LOCKED)


@pytest.fixture(autouse=True)
def full_precision():
    """A sweep has small numbers count as 0: afterwards they no longer do."""
    yield
    torch.set_flush_denormal(False)


@pytest.mark.parametrize("seed", [0, 3])
def test_what_is_written_and_loaded_is_what_the_range_test_gave(seed, monkeypatch, tmp_path):
    monkeypatch.setattr(oracle_sweeps, "SEEDS", (seed,))
    record([NAME], 1, tmp_path / "sweeps.npz")
    loaded = load(tmp_path / "sweeps.npz")
    assert list(loaded) == [(NAME, seed)]
    # By hand; the threads and small numbers are those that recording left.
    inputs, targets = ORACLE_TASKS[NAME].split()[1]
    result = (
        ORACLE_TASKS[NAME]
        .build(seed)
        .range_test(probe=(inputs[:PROBED], targets[:PROBED]), progress=False)
    )
    found = loaded[NAME, seed]
    assert len(result.lr) > 100
    for field in ("lr", "loss", "probe"):
        assert getattr(found, field).tobytes() == getattr(result, field).tobytes(), field
    assert result == sweep(NAME, seed)


def test_every_task_is_swept_with_every_seed(monkeypatch, tmp_path):
    monkeypatch.setattr(oracle_sweeps, "SEEDS", (0, 1))
    record([OTHER, NAME], 1, tmp_path / "sweeps.npz")
    loaded = load(tmp_path / "sweeps.npz")
    assert set(loaded) == set(product((NAME, OTHER), (0, 1)))
    assert not np.array_equal(loaded[NAME, 0].loss[:9], loaded[NAME, 1].loss[:9])


@pytest.mark.parametrize(
    ("arguments", "names", "file"), [([], [NAME], "FILE"), (["--locked"], [SHUT], "LOCKED_FILE")]
)
def test_locked_families_are_swept_only_when_asked_for_and_then_alone(
    arguments, names, file, monkeypatch, tmp_path
):
    asked = []
    monkeypatch.setattr(oracle_sweeps, "ORACLE_TASKS", {n: ORACLE_TASKS[n] for n in (NAME, SHUT)})
    monkeypatch.setattr(oracle_sweeps, "record", lambda *given: asked.append(given))
    main([*arguments, "--jobs", "1"])
    assert asked == [(names, 1, getattr(oracle_sweeps, file))]


made = pytest.mark.skipif(not FILE.exists(), reason="the sweeps have not been made")


@made
def test_the_committed_file_has_every_open_task_and_no_locked_one():
    loaded = load()
    open_ = [name for name in ORACLE_TASKS if FAMILY_OF[name] not in LOCKED]
    assert set(loaded) == set(product(open_, SEEDS))
    rates = lr_sequence(DEFAULTS.start_lr, DEFAULTS.end_lr, DEFAULTS.num_iter)
    for name, found in loaded.items():
        assert found.lr.shape == found.loss.shape == found.probe.shape, name
        assert found.lr.size > 30
        np.testing.assert_array_equal(found.lr, rates[: found.lr.size])
        assert np.isfinite(found.loss[:-1]).all()


@made
def test_the_committed_sweep_of_a_quick_task_can_be_made_again():
    committed, again = load()[NAME, 0], sweep(NAME, 0)
    assert committed.lr.size == pytest.approx(again.lr.size, abs=2)
    # Near the end rounding decides.
    np.testing.assert_allclose(committed.loss[:200], again.loss[:200], rtol=1e-4)
    np.testing.assert_allclose(committed.probe[:200], again.probe[:200], rtol=1e-4)
