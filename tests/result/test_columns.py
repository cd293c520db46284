"""The columns of a sweep: all that was recorded at every step, in every table, under its name."""

import csv
import dataclasses
import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from makers import make_result

import lrfind

STEPS = np.arange(100)
FULL = make_result(
    group_scale=(0.1, 1.0),
    probe=np.where(STEPS % 2, 2.0 + STEPS, np.nan),
    metric=np.where(STEPS % 2, 0.01 * STEPS, np.nan),
    tasks={"lr": 10.0 + STEPS, "step": 20.0 + STEPS, "lr group 0": np.full(100, np.inf)},
    skipped=(3, *[0] * 98, 1, 2),
)
"""One with everything that a table holds, three tasks that bear names of columns among it."""
ALONE = ["step", "lr", "loss", "ema", "debiased"]
NAMES = [
    *ALONE, "probe", "metric", "task lr", "task step", "task lr group 0",
    "lr group 0", "lr group 1", "skipped",
]  # fmt: skip
IN_COLUMNS = {"lr", "loss", "probe", "metric", "tasks", "group_scale", "skipped"}
OF_THE_WHOLE_SWEEP = {
    "stop_reason", "settings", "optimizer", "seed", "state_bytes", "versions", "cold_starts",
    "epoch_steps", "origin", "loop_options",
}  # fmt: skip
OF_EVERY_LAYER = {"layers"}
"""A table for every step, not a row."""


def expected():
    return {
        "step": STEPS,
        "lr": FULL.lr,
        "loss": FULL.loss,
        "ema": lrfind.ema(FULL.loss, 0.9),
        "debiased": lrfind.debiased_ema(FULL.loss, 0.9),
        "probe": FULL.probe,
        "metric": FULL.metric,
        **{f"task {name}": losses for name, losses in FULL.tasks.items()},
        "lr group 0": 0.1 * FULL.lr,
        "lr group 1": FULL.lr,
        "skipped": [3, *[0] * 98, 1],
    }


def test_every_field_of_a_record_has_its_columns_or_is_no_matter_of_steps():
    fields = {each.name for each in dataclasses.fields(FULL)}
    assert fields == IN_COLUMNS | OF_THE_WHOLE_SWEEP | OF_EVERY_LAYER
    without = make_result()
    assert list(without.to_dict()["columns"]) == ALONE
    assert list(FULL.to_dict()["columns"]) == NAMES
    # Each of the former adds columns of its own, if there is anything to tell.
    for name in IN_COLUMNS - {"lr", "loss"}:
        more = dataclasses.replace(without, **{name: getattr(FULL, name)})
        columns = more.to_dict()["columns"]
        assert set(columns) > set(ALONE)
        assert {key: FULL.to_dict()["columns"][key] for key in columns} == columns


def test_a_csv_file_holds_every_column_in_full_precision(tmp_path):
    FULL.to_csv(tmp_path / "a.csv", beta=0.9)
    with (tmp_path / "a.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == NAMES
    np.testing.assert_array_equal(np.array(rows, float).T, list(expected().values()))
    assert [rows[0][0], rows[0][-1]] == ["0", "3"]


def test_a_pandas_frame_holds_every_column_and_the_step_is_its_index():
    frame = FULL.to_frame(beta=0.9)
    assert list(frame) == NAMES[1:]
    assert frame.index.name == "step"
    for name, values in expected().items():
        np.testing.assert_array_equal(frame.reset_index()[name], values)
    assert {frame[name].dtype.kind for name in NAMES[1:-1]} == {"f"}
    assert (frame.index.dtype.kind, frame["skipped"].dtype.kind) == ("i", "i")
    frame.loc[:, "loss"] = 0.0
    assert FULL.loss.min() > 0


def test_a_polars_frame_holds_every_column_and_the_step_is_the_first():
    frame = FULL.to_frame("polars", beta=0.9)
    assert frame.columns == NAMES
    for name, values in expected().items():
        np.testing.assert_array_equal(frame[name].to_numpy(), values)


def test_a_dictionary_holds_every_column_as_plain_values():
    columns = json.loads(json.dumps(FULL.to_dict(), allow_nan=False))["columns"]
    wanted = expected() | {
        "ema": lrfind.ema(FULL.loss, 0.98), "debiased": lrfind.debiased_ema(FULL.loss, 0.98),
    }  # fmt: skip
    assert list(columns) == list(wanted)
    for name, values in wanted.items():
        np.testing.assert_array_equal(np.array(columns[name], float), values)
    assert (columns["probe"][0], columns["step"][1]) == ("nan", 1)


def test_groups_that_share_a_rate_and_a_sweep_without_steps_add_nothing():
    assert list(make_result(group_scale=(1.0, 1.0)).to_frame()) == ALONE[1:]
    empty = make_result(np.empty(0), skipped=(25,))
    assert (empty.to_frame().shape, empty.to_frame("polars").shape) == ((0, 5), (0, 6))
    assert empty.to_dict()["columns"] == {name: [] for name in [*ALONE, "skipped"]}


@given(st.lists(st.text(), unique=True).filter(lambda names: {"train", "probe"}.isdisjoint(names)))
def test_no_name_of_a_task_takes_or_hides_a_column(names):
    tasks = {name: np.full(100, float(place)) for place, name in enumerate(names)}
    frame = dataclasses.replace(FULL, tasks=tasks).to_frame("polars")
    np.testing.assert_array_equal(frame["lr"].to_numpy(), FULL.lr)
    for name, losses in tasks.items():
        np.testing.assert_array_equal(frame[f"task {name}"].to_numpy(), losses)
    assert frame.width == len(NAMES) - 3 + len(names)


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_library_that_is_not_installed_is_named_with_its_extra(library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf"pip install \"lrfind\[{library}\]\""):
        FULL.to_frame(library)


def test_another_library_and_a_wrong_beta_are_refused():
    with pytest.raises(ValueError, match="`library` must be one of 'pandas', 'polars', got 'dask'"):
        FULL.to_frame("dask")
    with pytest.raises(ValueError, match="`beta`"):
        FULL.to_frame(beta=1.0)
