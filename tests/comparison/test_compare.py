"""Shifts against their closed forms, and the split into smoothing, debiasing and noise."""

import json
import math

import numpy as np
import pytest
from makers import curves_of

from lrfind import Flag
from lrfind.analysis.curves import SweepCurves
from lrfind.comparison.compare import compare

BETA = 0.98
LAG = BETA / (1 - BETA)


def quadratic(size, at):
    return ((np.arange(size) - at) / size) ** 2


def v_shape(size, at, fall, rise):
    away = np.arange(size) - at
    return np.where(away < 0, -fall * away, rise * away).astype(float)


def steps_right(loss, beta=BETA):
    return compare(curves_of(loss), (beta,)).row("debiased", beta).from_raw.steps


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.98])
def test_a_quadratic_minimum_moves_by_the_lag(beta):
    # Exact once beta**t is negligible: s'' = const, so the EMA is the loss delayed by the lag.
    assert steps_right(quadratic(3000, 2000), beta) == round(beta / (1 - beta))


@pytest.mark.parametrize(("fall", "rise"), [(1, 1), (1, 10), (1, 0.2), (3, 2)])
@pytest.mark.parametrize("beta", [0.9, 0.98])
def test_a_v_minimum_moves_by_the_lag_times_log_of_one_plus_the_slopes_ratio(fall, rise, beta):
    # The EMA of a V still falls at t steps past its minimum as long as
    # beta**t > rise / (fall + rise), and is lowest at the last such t.
    turn = -np.log1p(fall / rise) / np.log(beta)
    shift = steps_right(v_shape(3000, 2000, fall, rise), beta)
    assert shift == math.floor(turn)
    # In continuous time that is tau ln(1 + fall / rise) with tau = beta / (1 - beta) steps.
    assert shift == pytest.approx(beta / (1 - beta) * np.log1p(fall / rise), abs=1)


def test_a_wall_shifts_less_than_the_lag_and_a_slow_rise_more():
    assert steps_right(v_shape(3000, 2000, 1, 10)) < LAG < steps_right(v_shape(3000, 2000, 1, 0.2))


def test_raw_and_ema_minima_one_decade_apart_with_the_decade_explained_by_the_smoothing():
    # The forum thread's picture: raw minimum near 0.2, EMA(0.98) minimum near 2.0. A quadratic
    # shifts by the lag of 49 steps, less one that the EMA's finite history takes off: with 48
    # steps a decade, that is one decade.
    lr = np.geomspace(1e-7, 10, 8 * 48 + 1)
    loss = 0.3 + 0.1 * np.log10(lr / 0.2) ** 2
    table = compare(SweepCurves(lr, loss), (BETA,))
    raw, debiased = table.row("raw"), table.row("debiased", BETA)
    assert raw.minimum.lr == pytest.approx(0.2, rel=0.03)
    assert debiased.minimum.lr == pytest.approx(2.0, rel=0.03)
    assert debiased.from_raw.decades == pytest.approx(1.0)
    assert debiased.smoothing == pytest.approx(1.0, abs=0.02)
    assert debiased.noise_from_raw == pytest.approx(0.0, abs=0.02)
    assert debiased.lag == pytest.approx(49 / 48, abs=0.02)
    # The thread's open question: here the EMA does all of it, the debiasing nothing.
    assert debiased.debiasing == 0
    assert table.row("ema", BETA).from_raw == debiased.from_raw


def test_a_tenth_of_the_smoothed_minimum_above_the_raw_one_is_warned_of():
    lr = np.geomspace(1e-7, 10, 8 * 40 + 1)
    loss = 0.3 + 0.1 * np.log10(lr / 0.2) ** 2
    table = compare(SweepCurves(lr, loss), (0.9, BETA))
    assert Flag.ABOVE_RAW not in table.row("debiased", 0.9).minimum.flags
    assert Flag.ABOVE_RAW in table.row("debiased", BETA).minimum.flags
    assert "a tenth of this smoothed minimum is not below the raw minimum" in str(table)


def test_a_noise_free_sweep_has_hardly_a_noise_part():
    table = compare(curves_of(quadratic(400, 250)), (0.5, 0.9, 0.98))
    for row in table.rows[3:]:
        assert abs(row.noise_from_raw or 0) < 0.02  # a step of this sweep


@pytest.mark.parametrize("beta", [0.9, 0.98])
def test_the_smoothing_part_of_a_noisy_sweep_is_that_of_the_same_sweep_without_noise(beta):
    clean = 20 * quadratic(1000, 700)
    truth = compare(curves_of(clean), (beta,)).row("debiased", beta).from_raw.decades
    rng = np.random.default_rng(0)
    found = [
        compare(curves_of(clean + rng.normal(scale=0.1, size=1000)), (beta,)).rows[-1]
        for _ in range(20)
    ]
    assert np.mean([row.smoothing for row in found]) == pytest.approx(truth, abs=0.03)
    assert all(abs(row.smoothing - truth) < 3 * row.error for row in found)


def test_debiasing_pulls_an_early_minimum_to_the_right():
    # ema = debiased * (1 - beta**t), and the second factor still rises: so the EMA turns sooner.
    row = compare(curves_of(2 + 20 * quadratic(300, 100)), (BETA,)).row("debiased", BETA)
    assert row.debiasing > 0.1


def test_debiasing_is_untold_where_the_ema_has_no_minimum():
    loss = 2.3 - 0.1 * np.exp(-(((np.arange(100) - 60) / 10) ** 2))
    table = compare(curves_of(loss), (0.99,))
    ema, debiased = table.row("ema", 0.99), table.row("debiased", 0.99)
    assert (ema.from_raw, ema.smoothing, debiased.debiasing) == (None, None, None)
    assert debiased.from_raw.decades == pytest.approx(debiased.smoothing)
    assert "?" in str(table)


def mean_age(beta, count):
    """Of the debiased weights of `count` losses, in steps, as a plain sum."""
    weights = beta ** np.arange(count)
    return weights @ np.arange(count) / weights.sum()


def test_the_lag_is_the_mean_age_of_the_losses_in_decades_of_this_sweep():
    table = compare(curves_of(quadratic(101, 50)), (0.9, 0.98))
    assert table.row("debiased", 0.9).lag == pytest.approx(mean_age(0.9, 51) * 0.08)
    assert table.row("ema", 0.98).lag == pytest.approx(mean_age(0.98, 51) * 0.08)
    assert table.row("raw").lag is None


def test_a_quadratic_over_300_steps_shifts_nearly_by_the_lag():
    lr = np.geomspace(1e-6, 10, 300)
    row = compare(SweepCurves(lr, np.log10(lr / 1e-2) ** 2), (BETA,)).rows[-1]
    assert row.from_raw.decades == pytest.approx(0.98, abs=0.01)
    assert row.lag == pytest.approx(1.02, abs=0.01)  # b / (1 - b) steps would be 1.15


def test_a_linear_sweep_takes_the_spacing_at_the_minimum():
    lr = np.linspace(0.001, 1, 1000)
    table = compare(SweepCurves(lr, quadratic(1000, 500)), (0.5,))
    assert table.rows[-1].lag == pytest.approx(np.log10(lr[500] / lr[499]), rel=0.02)


def test_rows_come_in_order_and_are_found_by_name():
    table = compare(curves_of(quadratic(100, 60)), (0.9, 0.98))
    assert [row.label for row in table.rows] == [
        "raw", "centred", "expected", "EMA 0.9", "debiased EMA 0.9", "EMA 0.98",
        "debiased EMA 0.98",
    ]  # fmt: skip
    assert table.row("ema", 0.9) is table.rows[3]
    with pytest.raises(KeyError, match=r"'ema' with beta 0\.5"):
        table.row("ema", 0.5)


def test_the_expected_minimum_is_a_row_with_its_distances_and_no_parts():
    curves = curves_of(quadratic(100, 60))
    row = compare(curves).row("expected")
    assert row.minimum.lr == curves.posterior.mean
    assert row.from_raw.decades == pytest.approx(np.log10(row.minimum.lr / curves.lr[60]))
    assert row.minimum.loss == curves.fit.curve[row.minimum.step]
    assert (row.smoothing, row.noise_from_raw, row.lag) == (None, None, None)


def test_the_table_as_a_dictionary_is_json_with_the_same_numbers():
    table = compare(curves_of(quadratic(100, 60)), (0.98,))
    read = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    last, row = read["rows"][-1], table.rows[-1]
    assert (last["curve"], last["beta"], last["lr"]) == ("debiased", 0.98, row.minimum.lr)
    assert last["from_raw"] == {"decades": row.from_raw.decades, "steps": row.from_raw.steps}
    assert last["decade_below"] == row.minimum.lr / 10
    assert read["notes"] == list(table.notes)


def test_a_flat_sweep_is_told_as_such_for_every_curve():
    table = compare(curves_of(np.full(100, 2.3)), (0.9,))
    assert all(Flag.NO_DESCENT in row.minimum.flags for row in table.rows)
    assert all(row.from_raw is None for row in table.rows)
    assert "no_descent (every curve)" in str(table)


def test_betas_must_be_a_flat_sequence():
    with pytest.raises(ValueError, match="`betas`"):
        compare(curves_of(quadratic(100, 60)), [[0.9, 0.98]])


def test_a_beta_that_is_repeated_has_one_row_of_each_average_and_rule():
    curves = curves_of(quadratic(100, 60))
    assert compare(curves, (0.9, 0.5, 0.9)) == compare(curves, (0.9, 0.5))


def test_a_beta_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`beta`"):
        compare(curves_of(quadratic(100, 60)), (0.9, 1.0))
