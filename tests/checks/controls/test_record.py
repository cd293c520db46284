"""The record of the controls: comparable, on disk, and in words."""

import dataclasses
import json
import re

import numpy as np
import pytest
from makers import BATCHES, FALLEN, N, make_controls, make_result

from lrfind import CannotTellError, Controls, ResultFileError
from lrfind.result.constant_run import ConstantRun


def test_the_frozen_losses_cannot_be_changed_and_belong_to_the_sweep():
    found = make_controls()
    with pytest.raises(ValueError, match="read-only"):
        found.frozen[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.frozen = np.empty(0)
    with pytest.raises(ValueError, match="`frozen` must be empty or as long"):
        dataclasses.replace(found, frozen=np.ones(3))
    with pytest.raises(ValueError, match="`constant`"):
        dataclasses.replace(found, constant=ConstantRun(1e-7, np.array([np.nan, 1.0])))


def test_controls_are_equal_by_content():
    assert make_controls() == make_controls()
    assert make_controls() != make_controls(frozen=False)
    assert make_controls() != make_controls(suggested=ConstantRun(0.1, np.ones(N)))
    assert make_controls() != dataclasses.replace(make_controls(), same_numbers=False)
    assert make_controls() != "controls"


def test_taking_time_off_gives_back_what_the_constant_run_has_fallen():
    found = make_controls()
    np.testing.assert_allclose(found.time_fall, FALLEN, atol=1e-9)
    np.testing.assert_allclose(found.curves("time").loss, found.result.loss + FALLEN, atol=1e-9)
    assert found.time.time_fall == pytest.approx(FALLEN[found.time.step])
    assert found.time.minimum == found.curves("time").minimum("centred")


def test_taking_the_data_off_leaves_the_sweep_that_was_made_up():
    found = make_controls()
    expected = make_result().loss - FALLEN + BATCHES.mean()
    np.testing.assert_allclose(found.curves("data").loss, expected, atol=1e-9)
    assert [each.explained for each in found.data.stretches] == pytest.approx([1, 1, 1], abs=0.02)


def test_the_minima_stand_side_by_side_with_that_of_the_probe():
    probe = make_result().loss + 0.1
    rows = make_controls(probe=probe).minima
    names = ["mini-batch", "time taken off", "data taken off", "probe batch"]
    assert [(row.name, row.curve) for row in rows] == [(n, c) for n in names for c in KINDS]
    sweep = make_controls(probe=probe).result
    assert rows[1].minimum == sweep.curves().minimum("centred")
    assert rows[-1].minimum == sweep.curves("probe").minimum("centred")
    for row in rows:
        own = sweep.curves().minimum(row.curve)
        assert row.shift == pytest.approx(np.log10(row.minimum.lr / own.lr))
    assert [row.name for row in make_controls(frozen=False).minima] == names[:1] * 2 + names[
        1:2
    ] * 2


KINDS = ("raw", "centred")


def test_without_a_frozen_control_the_data_cannot_be_told():
    found = make_controls(frozen=False)
    with pytest.raises(CannotTellError, match="no frozen control"):
        found.curves("data")
    with pytest.raises(ValueError, match="`taken_off` must be one of 'time', 'data'"):
        found.curves("probe")
    assert found.to_dict()["data"] is None
    assert "Data:" not in str(found)


def test_a_non_finite_end_of_the_sweep_stays_one():
    loss = np.append(make_result().loss[:60] - FALLEN[:60], np.nan)
    found = Controls(
        make_result(loss), ConstantRun(1e-7, 2.3 - FALLEN[:61]), frozen=np.full(61, 2.3)
    )
    assert found.time_fall.shape == (60,)
    assert found.curves("time").loss.shape == (60,)


def test_the_numbers_are_ready_for_json():
    read = json.loads(json.dumps(make_controls(suggested=ConstantRun(0.1, np.ones(N))).to_dict()))
    found = make_controls()
    assert read["time"]["share"] == found.time.share
    assert read["data"]["stretches"][0]["explained"] == found.data.stretches[0].explained
    assert (read["constant_lr"], read["suggested_lr"]) == (1e-7, 0.1)
    assert read["minima"][1]["minimum"]["lr"] == found.result.curves().minimum("centred").lr
    assert read["minima"][1]["minimum"]["flags"] == []


def test_controls_come_back_from_a_file_equal(tmp_path):
    blown_up = ConstantRun(1e-3, np.array([2.3, 7.0, np.inf]), np.array([1.0, 2.0, np.nan]))
    for found in (make_controls(), make_controls(frozen=False, suggested=blown_up)):
        found.save(tmp_path / "controls.json")
        assert Controls.load(tmp_path / "controls.json") == found


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda d: d.pop("frozen"), "'frozen' is missing"),
        (lambda d: d["frozen"].pop(), "`frozen` must be"),
        (lambda d: d["constant"].update(lr=0), "`lr` must be"),
        (lambda d: d["result"]["lr"].reverse(), "rising"),
        (
            lambda d: d.update(format="lrfind range test"),
            "no file of controls|not a file of controls",
        ),
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
    with pytest.raises(ResultFileError, match="not a file of controls"):
        Controls.load(tmp_path / "run.json")


def test_it_shows_itself_briefly():
    assert repr(make_controls()) == "<Controls: lr 1e-07, frozen, 100 steps>"
    second = make_controls(frozen=False, suggested=ConstantRun(0.1, np.ones(N)))
    assert repr(second) == "<Controls: lr 1e-07, lr 0.1, 100 steps>"


def words(controls):
    return re.sub(r"\s+", " ", str(controls))


def test_the_sentence_on_time_says_the_share_and_the_move():
    found = make_controls()
    time = found.time
    assert f"{time.share:.0%} of the sweep's fall is time alone" in words(found)
    assert f"lies at {time.minimum.lr:.2e}, {time.shift + 0.0:+.2f} decades away" in words(found)
    nothing = make_controls(drift=0)
    assert "none of the sweep's fall is time alone" in words(nothing)


def test_where_time_is_all_the_words_say_why_no_minimum_is_left():
    drift = 1.5 * np.arange(N) / N
    result = make_result(2.3 - drift + BATCHES)
    found = Controls(result, ConstantRun(1e-7, 2.3 - drift + BATCHES), frozen=2.3 + BATCHES)
    assert found.time.share == pytest.approx(1)
    assert "100% of the sweep's fall is time alone. With that taken off no" in words(found)
    flat = Controls(make_result(2.3 + BATCHES), ConstantRun(1e-7, 2.3 + BATCHES))
    assert "the sweep did not fall" in words(flat)
    assert "* no_descent (mini-batch)" in words(flat)


def test_the_sentence_on_data_says_what_they_explain_where():
    found = make_controls()
    assert f"standard deviation of {found.data.sd:.2g}" in words(found)
    assert (
        "explain 100% before the descent, 100% in the descent and 100% around the minimum"
        in words(found)
    )
    short = Controls(make_result([3.0, 2.0, 1.0]), ConstantRun(1e-7, [3.0] * 3), frozen=[3.0] * 3)
    assert "Of that variance" not in words(short)


def test_a_second_rate_is_told_with_its_fall_or_its_end():
    found = make_controls(suggested=ConstantRun(0.02, 2.3 - 1.5 * np.arange(N) / N + BATCHES))
    assert found.suggested_fall[-1] == pytest.approx(1.485)
    fallen = f"has fallen by {found.suggested_fall[-1]:.3g} after as many steps"
    assert f"Training at the constant rate 2.00e-02 {fallen}" in words(found)
    ended = make_controls(suggested=ConstantRun(0.02, [2.3, np.inf]))
    assert "ended after 2 steps" in words(ended)


def test_a_constant_run_that_ended_early_and_other_random_numbers_are_told():
    found = make_controls()
    early = dataclasses.replace(found, constant=ConstantRun(1e-7, found.constant.loss[:40]))
    assert "gave 40 losses to compare, the sweep 100" in words(early)
    other = dataclasses.replace(found, same_numbers=False)
    assert "other dropout masks" in words(other)


def test_the_sentence_on_the_probe_says_how_far_its_minimum_lies():
    probe = make_result().loss[::-1]
    row = make_controls(probe=probe).minima[-1]
    assert f"lies at {row.minimum.lr:.2e}, {row.shift:+.2f} decades from" in words(
        make_controls(probe=probe)
    )
    assert "Probe:" not in words(make_controls())
    level = make_controls(probe=np.ones(N))
    assert "Probe: its minimum cannot be compared" in words(level)
