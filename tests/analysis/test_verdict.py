"""One sweep for each verdict, made so that it must be given, and which comes first."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrfind import Verdict
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.posterior import MinimumPosterior
from lrfind.analysis.verdict import (
    CLIFF,
    COARSE,
    DEPTH,
    EARLY,
    EARLY_WORDS,
    EDGE,
    FAR,
    FEWEST_CLEAR,
    FLAT,
    MIDDLE,
    MOVED,
    OPEN,
    SHALLOW,
    far_apart,
    judge,
    middle,
    near_optimal,
    width,
)
from lrfind.analysis.whittaker import CentredFit
from lrfind.support.text import rate

RATES = np.linspace(-7, 1, 300)


def noise(scale, seed=0, size=300):
    return scale * np.random.default_rng(seed).normal(size=size)


def fall(at, steepness, depth=2.0):
    return 2.3 - depth / (1 + np.exp(-(RATES - at) * steepness))


def wall(at, steepness):
    return np.exp(np.minimum((RATES - at) * steepness, 4))


def verdict(loss):
    return SweepCurves(10 ** RATES[: len(loss)], loss).verdict


def typical():
    return fall(-2.2, 3) + wall(-0.2, 5)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("scale", [0.0, 0.02, 0.1])
def test_a_typical_sweep_is_clear(scale, seed):
    assert verdict(typical() + noise(scale, seed)) is Verdict.CLEAR


@pytest.mark.parametrize("seed", range(5))
def test_a_bottom_of_three_decades_is_flat(seed):
    assert verdict(fall(-4, 8) + wall(0.3, 8) + noise(0.02, seed)) is Verdict.FLAT


@pytest.mark.parametrize("scale", [0.0, 0.05])
def test_a_loss_that_falls_until_the_sweep_ends_is_at_the_end(scale):
    assert verdict(fall(0.5, 2) + noise(scale)) is Verdict.AT_END


def test_a_loss_that_a_nan_ended_while_it_fell_is_not_at_the_end_but_at_a_cliff():
    loss = fall(0.5, 2)
    assert verdict(loss) is Verdict.AT_END
    assert verdict(np.append(loss[:-1], np.nan)) is Verdict.CLIFF


@pytest.mark.parametrize("after", [0.0, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_noise_without_a_fall_is_no_descent_with_and_without_a_blow_up(seed, after):
    loss = 2.3 + noise(0.05, seed) + after * np.maximum(RATES, 0)
    assert verdict(loss) is Verdict.NO_DESCENT


def test_a_shallow_fall_in_much_noise_is_noisy():
    # Two standard deviations deep, with a bottom of two decades.
    loss = fall(-2.5, 2, depth=1.0) + wall(0.8, 8)
    verdicts = [verdict(loss + noise(0.5, seed)) for seed in range(10)]
    assert Verdict.CLEAR not in verdicts
    assert verdicts.count(Verdict.NOISY) >= 5


def test_a_blow_up_right_beside_the_minimum_is_a_cliff():
    loss = fall(-1.2, 2) + np.maximum(RATES + 0.5, 0) * 60 + noise(0.02)
    assert verdict(loss) is Verdict.CLIFF


@pytest.mark.parametrize("stretch", [10, 30])
def test_data_in_a_meaningful_order_are_no_clear_descent(stretch):
    def ordered(seed):
        levels = np.random.default_rng(100 + seed).normal(size=300 // stretch)
        return 2.3 + 0.6 * np.repeat(levels, stretch) + noise(0.05, seed) + wall(0, 8)

    verdicts = [verdict(ordered(seed)) for seed in range(40)]
    assert verdicts.count(Verdict.CLEAR) <= 6  # it was about 25


@pytest.mark.parametrize("size", [2, 9])
def test_fewer_than_ten_losses_are_too_short_whatever_they_show(size):
    assert verdict(np.linspace(3, 1, size)) is Verdict.TOO_SHORT
    assert verdict(np.linspace(3, 1, 10)) is not Verdict.TOO_SHORT


LR = 10 ** np.linspace(-4, 0, 401)


def made(low=-2.0, high=-2.0, blow_up=-1.0, depth=10.0, significant=True):
    """A fit and a posterior of which everything but the arguments is clear.

    Half of the chance lies at `low`, half at `high`; `depth` is in deviations of the noise.
    """
    at = [int(np.argmin(np.abs(np.log10(LR) - place))) for place in (low, high)]
    chance = np.bincount(at, minlength=LR.size) / 2
    curve = np.full(LR.size, 1.0)
    curve[round(np.mean(at))] -= depth * 0.1
    # A smoother that leaves the losses as they are: its errors are `deviation` everywhere.
    identity = np.zeros((3, LR.size))
    identity[2] = 1
    deviation = 1e-4 if significant else 0.1 * depth
    fit = CentredFit(curve, curve, 1.0, 0.1, deviation=deviation, factor=identity)
    return fit, MinimumPosterior(LR, chance, chance, None if blow_up is None else 10**blow_up)


def judged(*parts):
    return judge(*parts).verdict


def test_what_is_made_clear_is_clear():
    assert judged(*made()) is Verdict.CLEAR


@pytest.mark.parametrize(("distance", "given_"), [(0.9, Verdict.CLIFF), (1.1, Verdict.CLEAR)])
def test_the_distance_to_the_blow_up_decides_the_cliff(distance, given_):
    assert judged(*made(blow_up=-2 + distance * CLIFF)) is given_


@pytest.mark.parametrize(("distance", "given_"), [(0.9, Verdict.AT_END), (1.1, Verdict.CLEAR)])
def test_the_distance_to_the_end_decides_where_nothing_blew_up(distance, given_):
    at = -distance * EDGE
    assert judged(*made(low=at, high=at, blow_up=None)) is given_
    assert judged(*made(low=at, high=at, blow_up=1.0)) is Verdict.CLEAR


@pytest.mark.parametrize(("times", "given_"), [(0.9, Verdict.CLEAR), (1.1, Verdict.FLAT)])
def test_the_width_decides_the_flat_one(times, given_):
    fit, posterior = made(low=-2 - times * FLAT / 2, high=-2 + times * FLAT / 2, blow_up=0)
    assert width(posterior) == pytest.approx(times * FLAT)
    assert judged(fit, posterior) is given_


@pytest.mark.parametrize(
    ("depth", "deviation", "given_"),
    [
        (0.9 * DEPTH, 1.1 * OPEN, Verdict.NOISY),
        (1.1 * DEPTH, 1.1 * OPEN, Verdict.CLEAR),
        (0.9 * DEPTH, 0.9 * OPEN, Verdict.CLEAR),
        (1.1 * SHALLOW, 0.9 * OPEN, Verdict.CLEAR),
        (0.9 * SHALLOW, 0.9 * OPEN, Verdict.NOISY),
    ],
)
def test_noisy_needs_a_shallow_fall_and_an_open_minimum(depth, deviation, given_):
    fit, posterior = made(low=-2 - deviation, high=-2 + deviation, blow_up=0, depth=depth)
    assert fit.depth == pytest.approx(depth * fit.noise)
    assert posterior.deviation == pytest.approx(deviation, rel=0.05)
    assert judged(fit, posterior) is given_


@pytest.mark.parametrize(("distance", "given_"), [(0.9, Verdict.AT_START), (1.1, Verdict.CLEAR)])
def test_the_distance_to_the_start_decides_whether_the_sweep_started_too_high(distance, given_):
    at = -4 + distance * EDGE
    assert judged(*made(low=at, high=at)) is given_


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(("times", "given_"), [(0.9, Verdict.CLEAR), (1.1, Verdict.DISPUTED)])
def test_a_minimum_that_the_blow_up_moved_is_disputed_and_the_words_say_how_far(
    times, given_, side
):
    fit, posterior = made()
    # A third in common, so that it is the distance that decides.
    elsewhere = np.roll(posterior.chance, round(side * times * MOVED * 1.5 * 100))
    moved = replace(posterior, unaided=posterior.chance / 3 + elsewhere * 2 / 3)
    assert abs(np.log10(moved.unaided_mean / moved.mean)) == pytest.approx(times * MOVED, abs=0.01)
    answer = judge(fit, moved)
    assert answer.verdict is given_
    where = "above" if side > 0 else "below"
    said = f"the losses alone put the minimum at {moved.unaided_mean:.1e}, 0.3 decades {where}"
    assert (said in answer.reason) == (times > 1)


def test_two_distributions_with_little_in_common_are_disputed_however_close():
    fit, posterior = made()
    beside = replace(posterior, unaided=np.roll(posterior.chance, 3))
    assert judged(fit, beside) is Verdict.DISPUTED


@pytest.mark.parametrize(("times", "given_"), [(0.9, Verdict.CLEAR), (1.1, Verdict.DISPUTED)])
def test_a_minimum_far_from_the_middle_of_its_well_is_disputed(times, given_):
    # Below half of the depth from `edge` to just above the minimum at -1.5.
    fit, posterior = made(low=-1.5, high=-1.5, blow_up=-0.5)
    edge = -1.5 - 2 * times * MIDDLE
    curve = np.where((np.log10(LR) > edge) & (np.log10(LR) < -1.5), 0.4, 1.0)
    curve[250] = 0.0
    lopsided = replace(fit, curve=curve, smooth=curve)
    assert np.log10(middle(lopsided, LR)) == pytest.approx(-1.5 - times * MIDDLE, abs=0.02)
    answer = judge(lopsided, posterior)
    assert answer.verdict is given_
    assert ("middle of the well at half its depth lies at" in answer.reason) == (times > 1)


@pytest.mark.parametrize(("losses", "given_"), [(0.9, Verdict.CLEAR), (1.1, Verdict.TOO_SHORT)])
def test_decades_per_loss_decide_what_is_too_short(losses, given_):
    steps = int(7 / (losses * COARSE)) + 1
    assert steps > FEWEST_CLEAR
    rates = np.linspace(-6, 1, steps)
    loss = 2.3 - 2 / (1 + np.exp(-(rates + 2.2) * 3)) + np.exp(np.minimum(rates * 5, 4))
    assert SweepCurves(10**rates, loss).verdict is given_


def test_few_losses_are_too_short_however_close_together():
    rates = np.linspace(-3, 1, FEWEST_CLEAR)
    loss = 1 + (rates + 1) ** 2
    assert SweepCurves(10**rates, loss).verdict is Verdict.CLEAR
    assert SweepCurves(10 ** rates[:-1], loss[:-1]).verdict is Verdict.TOO_SHORT


@pytest.mark.parametrize(("decades", "given_"), [(0.9, Verdict.AT_START), (1.1, Verdict.CLEAR)])
def test_a_loss_that_diverges_in_the_first_decade_says_to_start_lower(decades, given_):
    start = LR[0]
    fit, posterior = made(low=-3.6, high=-3.6, blow_up=np.log10(start) + decades * EARLY)
    judgement = judge(fit, posterior)
    assert judgement.verdict is given_
    if given_ is Verdict.AT_START:
        assert judgement.reason == EARLY_WORDS.format(rate(posterior.blow_up))
        assert "within a decade of where the sweep starts" in judgement.reason


@pytest.mark.parametrize(("times", "far"), [(0.9, False), (1.1, True)])
@pytest.mark.parametrize("side", [-1, 1])
def test_the_distance_of_the_minimum_by_the_losses_alone_decides_what_is_far(times, far, side):
    _, posterior = made()
    apart = side * times * FAR
    other = np.eye(LR.size)[int(np.argmin(np.abs(np.log10(LR) + 2 - apart)))]
    assert far_apart(replace(posterior, unaided=other)) is far


def test_what_tells_most_comes_first():
    wide = {"low": -3.0, "high": 0.0}
    assert judged(*made(**wide, blow_up=-1.4)) is Verdict.FLAT
    assert judged(*made(**wide, blow_up=-1.4, depth=2.0)) is Verdict.NOISY
    end = {"low": 0.0, "high": 0.0, "blow_up": None}
    assert judged(*made(**end, depth=2.0)) is Verdict.AT_END
    assert judged(*made(**end, significant=False)) is Verdict.NO_DESCENT


def test_every_verdict_says_its_reason_and_all_but_clear_a_remedy():
    assert len({each.value for each in Verdict}) == len(Verdict) == 11
    for each in Verdict:
        assert (": " in each.value) == (each is not Verdict.CLEAR)


def test_the_width_is_that_of_the_central_nine_tenths():
    chance = np.full(401, 1 / 401)
    posterior = MinimumPosterior(LR, chance, np.eye(401)[0], None)
    assert width(posterior) == pytest.approx(0.9 * 4, abs=0.02)
    assert width(MinimumPosterior(LR, np.eye(401)[7], chance, None)) == 0


def test_near_the_minimum_is_what_stays_within_5_percent_of_the_descent():
    curve = np.full(401, 2.0)
    curve[100:300] = 0.099  # of a descent of 2
    curve[200] = 0.0
    fit, posterior = made()
    flat = replace(fit, curve=curve, smooth=curve, deviation=0.0)
    assert near_optimal(flat, posterior) == pytest.approx(np.log10(LR[299] / LR[100]))
    curve[[100, 150]] = 0.101
    assert near_optimal(flat, posterior) == pytest.approx(np.log10(LR[299] / LR[101]))


def test_near_the_minimum_is_also_what_one_standard_error_cannot_tell_from_it():
    curve = np.full(401, 2.0)
    curve[100:300] = 0.2
    curve[200] = 0.0
    fit, posterior = made()
    # The errors of the made fit are independent, so that a difference has root 2 of one.
    for error, wide in ((0.12, 1.99), (0.08, 0.0)):
        blurred = replace(fit, curve=curve, smooth=curve, deviation=error / 2**0.5)
        assert near_optimal(blurred, posterior) == pytest.approx(wide)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.floats(-3, 3))
def test_units_of_loss_and_rate_do_not_change_a_verdict(seed, scale, decades):
    loss = typical() + noise(0.3, seed)
    scaled = SweepCurves(10 ** (RATES + decades), scale * loss)
    assert scaled.verdict is verdict(loss)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_no_scale_is_too_large_or_too_small(scale):
    assert verdict(scale * typical()) is Verdict.CLEAR


@pytest.mark.filterwarnings("error")
def test_a_fall_of_one_denormal_beside_rises_is_judged():
    losses = np.resize([0.0] * 5 + [1.0, -2.2250738585072014e-309], 138)
    judged = SweepCurves(np.geomspace(1e-9, 100, 138), losses).judgement
    assert judged.verdict is not Verdict.CLEAR
