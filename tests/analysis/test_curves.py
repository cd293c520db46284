"""Minima and what must be said of them."""

import numpy as np
import pytest
from makers import curves_of

from lrfind import CannotTellError, Flag
from lrfind.analysis.curves import CURVES, SweepCurves
from lrfind.analysis.schedule import producing_lr
from lrfind.analysis.smoothing import ema


def well(size=300, at=200, width=40, depth=1.0):
    return 2.3 - depth * np.exp(-(((np.arange(size) - at) / width) ** 2))


def test_a_minimum_is_placed_at_the_rate_that_made_it():
    # On loss w**2 / 2 a step multiplies w by 1 - lr: the loss falls up to lr = 2, rises above.
    lr = np.geomspace(0.01, 10, 101)  # none of them 1, where the weight would be 0
    weight = np.cumprod(np.concatenate([[1.0], 1 - lr[:-1]]))
    raw = SweepCurves(producing_lr(lr), weight**2 / 2).minimum("raw")
    assert raw.lr == lr[raw.step - 1]
    assert lr[raw.step - 1] < 2 < lr[raw.step]


@pytest.mark.parametrize("name", CURVES)
def test_a_clean_well_raises_no_flag_but_the_emas_start(name):
    minimum = curves_of(well()).minimum(name)
    assert minimum.flags == ((Flag.START_ARTEFACT,) if name == "ema" else ())
    assert minimum.usable


def test_the_emas_first_value_is_passed_over_for_the_minimum_after_the_burn_in():
    loss = well()
    average = ema(loss, 0.98)
    minimum = curves_of(loss).minimum("ema", 0.98)
    assert average.argmin() == 0
    assert minimum.step == 150 + average[150:].argmin()
    assert Flag.START_ARTEFACT in minimum.flags


def test_an_ema_that_falls_below_its_start_has_no_artefact():
    loss = np.concatenate([np.full(100, 2.0), np.linspace(2, -50, 100), np.linspace(-50, 5, 50)])
    assert curves_of(loss).minimum("ema", 0.9).flags == ()


def test_an_ema_that_only_climbs_never_left_its_burn_in():
    minimum = curves_of(well(100, 70, depth=0.1)).minimum("ema", 0.99)
    assert {Flag.START_ARTEFACT, Flag.BURN_IN} <= set(minimum.flags)
    assert not minimum.usable


def test_beta_0_has_no_burn_in():
    assert curves_of(well()).minimum("ema", 0.0) == curves_of(well()).minimum("raw")


@pytest.mark.parametrize("name", ["raw", "centred", "debiased"])
def test_a_loss_still_falling_at_the_end_is_flagged(name):
    assert Flag.AT_END in curves_of(np.linspace(3, 1, 100)).minimum(name).flags


def test_a_loss_that_falls_until_it_is_nan_is_not_at_the_end_of_the_sweep():
    loss = np.append(np.linspace(3, 1, 100), np.nan)
    assert Flag.AT_END not in curves_of(loss).minimum("raw").flags


def test_what_follows_a_non_finite_loss_is_left_out():
    loss = np.concatenate([well(), [np.inf, -100.0, np.nan]])
    curves = curves_of(loss)
    assert curves.loss.size == curves.lr.size == 300
    assert curves.minimum("raw").step == 200


@pytest.mark.parametrize("name", CURVES)
def test_a_rising_loss_never_descended(name):
    minimum = curves_of(np.geomspace(2, 50, 100)).minimum(name)
    assert Flag.NO_DESCENT in minimum.flags
    assert not minimum.usable


@pytest.mark.slow
@pytest.mark.parametrize(("size", "sigmas"), [(20, 5), (50, 4), (100, 4), (300, 3)])
def test_flat_noise_is_no_descent_and_a_deep_enough_well_is_one(size, sigmas):
    noise = np.random.default_rng(0).normal(size=(200, size))
    deep = sigmas * well(size, 0.65 * size, 0.13 * size)
    flat = [Flag.NO_DESCENT in curves_of(row).sweep_flags for row in noise]
    well_below = [Flag.NO_DESCENT in curves_of(row + deep).sweep_flags for row in noise]
    assert np.mean(flat) >= (0.95 if size >= 50 else 0.85)
    assert np.mean(well_below) <= 0.05


@pytest.mark.parametrize(("level", "depth", "noise"), [(2.3, 0.3, 0.2), (1.0, 0.5, 0.3)])
@pytest.mark.parametrize("name", ["ema", "debiased"])
def test_the_start_of_an_average_is_never_given_as_its_minimum(name, level, depth, noise):
    # Under noise the zero-started EMA falls a little again and again while it climbs, and the
    # debiased one begins at the first loss, whatever that was.
    rng = np.random.default_rng(0)
    for _ in range(100):
        loss = level - 2.3 + well(300, 195, 30, depth) + rng.normal(scale=noise, size=300)
        minimum = curves_of(loss).minimum(name, 0.98)
        assert minimum.step > 120 or not minimum.usable


@pytest.mark.parametrize("name", ["ema", "debiased"])
def test_an_average_that_a_nan_cut_off_before_it_turned_says_so(name):
    loss = np.append(np.linspace(3, 1, 100), np.nan)
    assert Flag.CUT_OFF in curves_of(loss).minimum(name, 0.9).flags


def test_fewer_than_ten_losses_are_too_short():
    assert curves_of([3.0, 2.0, 1.0, 2.0, 3.0]).minimum("raw").flags == (Flag.TOO_SHORT,)


@pytest.mark.parametrize("loss", [[], [1.0], [np.nan, 1.0], [1.0, np.inf, 2.0]])
def test_zero_or_one_finite_loss_has_a_reason_and_a_remedy(loss):
    with pytest.raises(CannotTellError, match=r"only [01] finite loss.*`start_lr`.*`loss_fn`"):
        curves_of(loss)


def test_an_unknown_curve_is_refused_with_the_choices():
    with pytest.raises(ValueError, match="`curve` must be one of 'raw', 'centred'"):
        curves_of(well()).curve("median")


@pytest.mark.parametrize(
    ("beta", "error"), [(1.5, ValueError), ([0.9, 0.5], TypeError), ("0.9", TypeError)]
)
def test_a_beta_must_be_one_number(beta, error):
    with pytest.raises(error, match="`beta`"):
        curves_of(well()).minimum("debiased", beta)
