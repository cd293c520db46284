"""The controls on disk, as JSON and in one line."""

import json

import numpy as np
import pytest
from makers import BEFORE, N, make_controls, make_result

from lrfind import Controls, ResultFileError
from lrfind.result.constant_run import ConstantRun


def test_the_numbers_are_ready_for_json():
    read = json.loads(json.dumps(make_controls(suggested=ConstantRun(0.1, np.ones(N))).to_dict()))
    found = make_controls()
    assert read["time"]["share"] == found.time.share
    assert read["data"]["stretches"][0]["explained"] == found.data.stretches[0].explained
    assert (read["constant_lr"], read["suggested_lr"]) == (1e-7, 0.1)
    row = read["minima"][3]
    assert (row["name"], row["curve"]) == ("time-corrected", "centred")
    assert row["minimum"]["lr"] == found.time.minimum.lr
    assert row["minimum"]["flags"] == []
    assert make_controls(frozen=False).to_dict()["data"] is None


def test_flags_go_into_json_by_name():
    flat = Controls(make_result(np.ones(N)), ConstantRun(1e-7, np.ones(N))).to_dict()
    assert flat["time"]["minimum"]["flags"] == ["no_descent"]
    assert flat["minima"][0]["minimum"]["flags"] == ["no_descent"]


def test_controls_come_back_from_a_file_equal(tmp_path):
    blown_up = ConstantRun(1e-3, np.array([2.3, 7.0, np.inf]), np.array([1.0, 2.0, np.nan]))
    for found in (make_controls(), make_controls(frozen=False, suggested=blown_up)):
        found.save(tmp_path / "controls.json")
        assert Controls.load(tmp_path / "controls.json") == found


def test_a_file_of_the_version_before_is_read_and_written_as_it_was(tmp_path):
    found = Controls.load(BEFORE / "controls.json")
    found.save(tmp_path / "controls.json")
    written = json.loads((tmp_path / "controls.json").read_text())
    before = json.loads((BEFORE / "controls.json").read_text())
    # That version did not record how long an epoch is.
    assert "epoch_steps" not in before["result"]
    before["result"]["epoch_steps"] = None
    assert written == before
    assert Controls.load(tmp_path / "controls.json") == found


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: d.pop("frozen"), "`frozen` is missing"),
        (lambda d: d["frozen"].pop(), "`frozen` must have 0 or 100 entries, got 99"),
        (lambda d: d["constant"].update(lr=0), "`constant.lr`: expected `float` > 0"),
        (lambda d: d["result"]["lr"].reverse(), "rising"),
        (lambda d: d.update(format="lrfind range test"), "not an lrfind controls file"),
        (lambda d: d.update(schema=2), "upgrade lrfind"),
    ],
)
def test_a_bad_file_is_one_clear_error(tmp_path, damage, message):
    path = tmp_path / "controls.json"
    make_controls().save(path)
    document = json.loads(path.read_text())
    damage(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ResultFileError, match=message):
        Controls.load(path)


def test_a_sweep_is_no_file_of_controls(tmp_path):
    make_result().save(tmp_path / "run.json")
    with pytest.raises(ResultFileError, match="not an lrfind controls file"):
        Controls.load(tmp_path / "run.json")


def test_it_shows_itself_briefly():
    assert repr(make_controls()) == "<Controls: lr 1e-07, frozen weights, 100 steps>"
    second = make_controls(frozen=False, suggested=ConstantRun(0.1, np.ones(N)))
    assert repr(second) == "<Controls: lr 1e-07, lr 0.1, 100 steps>"
