"""Time- and data-corrected sweeps: the noise of the batch cancels, and closed forms come out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrfind.analysis.curves import SweepCurves
from lrfind.checks.controls.attribution import (
    FEWEST_DIFFERENCES,
    data_part,
    data_share,
    finite_count,
    stretches_of,
    time_fall,
    time_share,
)

N = 100
STEPS = np.arange(N)
LR = np.geomspace(1e-5, 1, N)
BATCHES = np.random.default_rng(0).normal(3, 0.3, N)
SWEPT = 2 / (1 + np.exp(-(STEPS - 60) / 4)) - 3 * np.exp((STEPS - 110) / 8)
"""A fall of 2 and the blow-up after it, without noise."""


def time_corrected(loss, constant, frozen):
    fall = time_fall(constant, frozen, loss.size)
    sweep = SweepCurves(LR, loss)
    last = finite_count(constant) - 1
    return time_share(sweep, SweepCurves(LR, loss + fall), fall, frozen, last)


def test_the_noise_of_the_batches_leaves_no_trace_in_the_fall():
    drift = 0.5 * STEPS / N
    np.testing.assert_allclose(time_fall(BATCHES - drift, BATCHES, N), drift, atol=1e-9)
    alone = time_fall(BATCHES - drift, np.empty(0), N)
    assert np.abs(alone - drift).max() > 0.02


def test_without_a_frozen_weights_control_a_run_without_noise_says_it_alone():
    fall = time_fall(5 * 0.99**STEPS, np.empty(0), N)
    np.testing.assert_allclose(fall, 5 - 5 * 0.99**STEPS, atol=1e-3)


@pytest.mark.parametrize("end", [np.nan, np.inf])
def test_beyond_a_run_that_ended_the_fall_stays_what_it_was(end):
    constant = np.append(BATCHES[:20] - 0.1, [end])
    fall = time_fall(constant, BATCHES, N)
    np.testing.assert_allclose(fall, 0.1)
    assert fall.shape == (N,)


def test_a_frozen_loss_that_is_not_finite_leaves_the_run_to_itself():
    holed = BATCHES.copy()
    holed[3] = np.inf
    np.testing.assert_allclose(time_fall(np.full(N, 4.0), holed, N), 0, atol=1e-12)
    part = data_part(holed, N)
    assert part[3] == 0
    assert part.sum() == pytest.approx(0, abs=1e-9)


@settings(max_examples=20)
@given(share=st.floats(0, 0.9))
def test_the_share_of_time_is_that_which_was_put_in(share):
    """The sweep falls by 2 to its minimum; of that, `share` falls in a straight line anyway."""
    whole = 2 * share * STEPS / 80
    rate = -2 * (1 - share) * np.exp(-(((STEPS - 80) / 8) ** 2))
    loss = BATCHES - whole + rate
    found = time_corrected(loss, BATCHES - whole, BATCHES)
    assert found.share == pytest.approx(whole[found.step] / found.fall)
    assert found.time_fall == pytest.approx(whole[found.step], abs=1e-6)
    assert found.time_step == found.step


@pytest.mark.parametrize("end", [[], [np.nan], [np.inf, 3.0]])
def test_a_constant_run_that_ended_before_the_minimum_says_up_to_which_step_it_knows(end):
    drift = STEPS / N
    loss = BATCHES - drift - np.exp(-(((STEPS - 80) / 8) ** 2))
    found = time_corrected(loss, np.append((BATCHES - drift)[:40], end), BATCHES)
    assert found.step > 75
    assert found.time_step == 39
    assert found.time_fall == pytest.approx(drift[39])
    assert found.share == pytest.approx(drift[39] / found.fall)


def test_where_time_goes_on_falling_its_minimum_lay_too_far_right():
    drift = 2 * STEPS / N
    valley = 1.5 * ((STEPS - 60) / 40) ** 2
    found = time_corrected(5 + valley - drift, 5 - drift, np.full(N, 5.0))
    # valley' = drift' at 60 + 2/N * 40**2 / 3 steps
    assert found.step == round(60 + 2 / N * 40**2 / 3)
    assert found.minimum.step == 60
    assert found.shift == pytest.approx(np.log10(LR[60] / LR[found.step]))


def test_a_sweep_that_never_fell_has_no_share():
    found = time_corrected(BATCHES, BATCHES, BATCHES)
    assert found.share is None
    assert found.shift is None


def shares(loss, frozen):
    corrected = SweepCurves(LR, loss - data_part(frozen, loss.size))
    return data_share(SweepCurves(LR, loss), corrected, frozen)


def test_losses_that_are_data_alone_are_explained_in_full():
    found = shares(BATCHES, BATCHES)
    plateau, *rest = found.stretches
    assert (plateau.steps, plateau.correlation) == (N, pytest.approx(1))
    assert plateau.explained == 1
    assert all((each.steps, each.explained) == (0, None) for each in rest)
    assert found.sd == pytest.approx(BATCHES.std())


def test_equal_batches_explain_nothing():
    found = shares(BATCHES - SWEPT, np.full(N, 0.1))
    assert found.sd == 0
    assert {each.correlation for each in found.stretches} == {None}
    assert [each.explained for each in found.stretches] == [0, 0, 0]
    assert found.shift == 0


def test_where_sweep_and_frozen_weights_share_no_noise_subtracting_it_adds_some():
    own, other = np.random.default_rng(1).normal(0, 0.1, (2, N))
    found = shares(3 - SWEPT + np.where(STEPS < 50, other, own), 3 + other)
    plateau, descent, bottom = found.stretches
    assert plateau.explained > 0.95
    assert plateau.correlation > 0.95
    assert bottom.explained < -0.3
    assert abs(bottom.correlation) < 0.6
    assert descent.steps > FEWEST_DIFFERENCES


@pytest.mark.parametrize("shared", [0.0, 0.5, 1.0])
def test_the_shares_come_out_as_made_up_in_every_stretch(shared):
    """Of equal variances, correlation r leaves 2 (1 - r) of one in the difference."""
    found = []
    for seed in range(120):
        frozen, other = np.random.default_rng(seed).normal(0, 0.1, (2, N))
        noise = shared * frozen + np.sqrt(1 - shared**2) * other
        stretches = shares(3 - SWEPT + noise, 3 + frozen).stretches
        found.append([(each.correlation, each.explained) for each in stretches])
    for correlation, explained in np.median(np.array(found, dtype=float), axis=0):
        assert correlation == pytest.approx(shared, abs=0.1)
        assert explained == pytest.approx(2 * shared - 1, abs=0.3)


def test_the_stretches_follow_each_other_and_meet_the_minimum_last():
    fit = SweepCurves(LR, 3 - SWEPT).fit
    parts = stretches_of(fit)
    assert list(parts) == ["plateau", "descent", "bottom"]
    plateau, descent, bottom = parts.values()
    assert plateau.start == 0
    assert plateau.stop == descent.start
    assert descent.stop == bottom.start <= int(np.argmin(fit.curve)) < bottom.stop
    top = fit.curve[fit.highest]
    assert (fit.curve[descent] < top - 0.1 * fit.depth).all()
    assert (fit.curve[bottom] <= top - 0.9 * fit.depth).all()


def test_too_few_differences_say_nothing():
    short = BATCHES[:FEWEST_DIFFERENCES]
    assert shares(short, short).stretches[0].explained is None
