"""The controls of a sweep: checked, comparable, and the numbers that were put in come out."""

import dataclasses

import numpy as np
import pytest
from makers import BATCHES, FALLEN, N, make_controls, make_result

from lrfind import CannotTellError, Controls
from lrfind.result.constant_run import ConstantRun

ROWS = [
    (name, curve)
    for name in ("mini-batch", "time-corrected", "data-corrected", "probe batch")
    for curve in ("raw", "centred")
]


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


def test_the_time_correction_gives_back_what_the_constant_run_has_fallen():
    found = make_controls()
    np.testing.assert_allclose(found.time_fall, FALLEN, atol=1e-9)
    np.testing.assert_allclose(found.curves("time").loss, found.result.loss + FALLEN, atol=1e-9)
    assert found.time.time_fall == pytest.approx(FALLEN[found.time.step])
    assert found.time.minimum == found.curves("time").minimum("centred")


def test_the_data_correction_leaves_the_sweep_that_was_made_up():
    found = make_controls()
    expected = make_result().loss - FALLEN + BATCHES.mean()
    np.testing.assert_allclose(found.curves("data").loss, expected, atol=1e-9)
    assert [each.explained for each in found.data.stretches] == pytest.approx([1, 1, 1], abs=0.02)
    assert found.data.minimum == found.curves("data").minimum("centred")


def test_the_minima_stand_side_by_side_with_that_of_the_probe():
    found = make_controls(probe=make_result().loss + 0.1)
    rows, sweep = found.minima, found.result
    assert [(row.name, row.curve) for row in rows] == ROWS
    assert rows[1].minimum == sweep.curves().minimum("centred")
    assert rows[-1].minimum == sweep.curves("probe").minimum("centred")
    for row in rows:
        own = sweep.curves().minimum(row.curve)
        assert row.shift == pytest.approx(np.log10(row.minimum.lr / own.lr))
        assert (row.interval is None) == (row.curve == "raw")


def test_what_was_not_run_has_no_minimum():
    assert [(row.name, row.curve) for row in make_controls(frozen=False).minima] == ROWS[:4]
    one_look = make_controls(probe=np.append(1.0, np.full(N - 1, np.nan)))
    assert [(row.name, row.curve) for row in one_look.minima] == ROWS[:6]


def test_without_a_frozen_weights_control_the_data_cannot_be_told():
    found = make_controls(frozen=False)
    with pytest.raises(CannotTellError, match="no frozen-weights control"):
        found.curves("data")
    with pytest.raises(CannotTellError, match="no frozen-weights control"):
        _ = found.data
    with pytest.raises(ValueError, match="`taken_off` must be one of 'time', 'data'"):
        found.curves("probe")


def test_a_non_finite_end_of_the_sweep_stays_one():
    loss = np.append(make_result().loss[:60] - FALLEN[:60], np.nan)
    found = Controls(
        make_result(loss), ConstantRun(1e-7, 2.3 - FALLEN[:61]), frozen=np.full(61, 2.3)
    )
    assert found.time_fall.shape == (60,)
    assert found.curves("time").loss.shape == (60,)


def test_the_fall_at_a_second_rate_is_that_which_was_put_in():
    drift = 1.5 * np.arange(N) / N
    found = make_controls(suggested=ConstantRun(0.02, 2.3 - drift + BATCHES))
    np.testing.assert_allclose(found.suggested_fall, drift, atol=1e-9)
    assert make_controls().suggested_fall.size == 0
