"""The runs of a set: what they say together, of sweeps whose minima are known."""

import json
import math

import numpy as np
import pytest
from makers import FIVE, flat, grid, make_set, parabola

from lrfind import CannotTell, CannotTellError, RepeatSet, RepeatSuggestion
from lrfind.repeats.runs import Run


def test_the_minima_are_those_of_the_single_runs():
    spread = make_set(*FIVE).minima()
    assert spread.decades == pytest.approx(FIVE)
    assert spread.median_lr == pytest.approx(0.1)
    assert spread.sd == pytest.approx(np.std(FIVE, ddof=1))


def test_the_suggestion_is_a_decade_below_their_median_with_an_interval():
    runs = make_set(*FIVE)
    answer = runs.suggest("minimum")
    assert isinstance(answer, RepeatSuggestion)
    assert answer.lr == pytest.approx(0.01)
    assert answer.group_lr == pytest.approx((0.01, 0.001))
    # t of 4 degrees of freedom at 95 %: 2.132.
    half = 2.1318 * math.sqrt(math.pi / 2) * np.std(FIVE, ddof=1) / math.sqrt(5)
    assert np.log10(answer.interval) == pytest.approx([-2 - half, -2 + half], abs=1e-4)
    assert (answer.runs, answer.missing, answer.flags) == (5, 0, ())
    assert runs.suggest("minimum", factor=1).lr == pytest.approx(0.1)
    assert runs.suggest("minimum", confidence=0.99).interval[0] < answer.interval[0]
    assert json.loads(json.dumps(answer.to_dict()))["interval"] == list(answer.interval)


def test_the_suggestion_is_a_sentence():
    answer = make_set(*FIVE).suggest("minimum")
    assert answer.reason == "the median suggestion of 5 runs"
    assert str(answer) == (
        "Train at about 0.010 (0.010, 0.0010 for the parameter groups), the median "
        "suggestion of 5 runs. The 90 % confidence interval of the median is 0.0037 to 0.027; "
        "the standard deviation between runs is 0.36 decades."
    )
    assert repr(answer) == "<RepeatSuggestion: lr 0.01, 0.0037 to 0.027, 5 runs>"


def test_runs_that_agree_leave_an_interval_of_one_step_either_way():
    low, high = make_set(-1.0, -1.0, -1.0).suggest("minimum").interval
    assert np.log10([low, high]) == pytest.approx([-2.1, -1.9])


def test_a_run_without_a_minimum_is_counted_as_missing():
    runs = RepeatSet((*make_set(*FIVE).runs, flat()))
    assert (runs.minima().missing, runs.suggest().missing, runs.suggest().runs) == (1, 1, 5)


def test_too_few_runs_or_too_few_minima_cannot_tell():
    two = make_set(-1.0, -0.5).suggest()
    assert isinstance(two, CannotTell)
    assert "at least 3 runs" in two.reason
    most = RepeatSet(
        (*make_set(-1.0, -0.8, -0.6).runs, *(flat(seed) for seed in range(4)))
    ).suggest()
    assert isinstance(most, CannotTell)
    assert "4 of 7 runs have no suggestion: the loss never fell" in most.reason


def test_a_flag_of_half_of_the_runs_is_told():
    assert make_set(3.0, -1.0, -1.0).suggest().flags == ()
    (flag,) = make_set(3.0, 3.0, -1.0).suggest().flags
    assert flag.name == "AT_END"


def test_the_default_suggestion_is_the_median_of_the_runs_own_with_the_transfer_stated():
    runs = make_set(*FIVE)
    own = [run.result.suggest(schedule="constant") for run in runs.runs]
    answer = runs.suggest(schedule="constant")
    assert answer.lr == pytest.approx(np.median([each.lr for each in own]))
    assert answer.transfer == own[0].uncertainty.transfer
    usual = runs.suggest()
    assert runs.suggest("minimum").transfer == usual.transfer


def test_the_between_run_part_is_what_the_sweeps_noise_does_not_explain():
    runs = RepeatSet((*make_set(*FIVE).runs, flat()))
    posteriors = [run.result.curves().posterior for run in runs.runs[:5]]
    expected = [np.log10(each.mean) for each in posteriors]
    noise = np.mean([each.deviation**2 for each in posteriors])
    assert runs.between_run() == pytest.approx(np.sqrt(np.var(expected, ddof=1) - noise))
    assert runs.between_run() == pytest.approx(np.std(FIVE, ddof=1), rel=0.01)
    single = runs.runs[0].result.suggest(between=runs.between_run())
    assert single.uncertainty.between == runs.between_run()


def test_the_band_is_over_the_curves_that_were_asked():
    runs = make_set(*FIVE)
    raw = np.array([run.result.loss for run in runs.runs])
    np.testing.assert_allclose(runs.band("raw").median, np.median(raw, axis=0))
    smooth = [run.result.curves().curve("ema", 0.5) for run in runs.runs]
    np.testing.assert_allclose(runs.band("ema", beta=0.5).median, np.median(smooth, axis=0))


def test_a_run_that_diverged_early_is_above_all_others_beyond_its_end():
    runs = RepeatSet((Run(0, {}, parabola(-1.0, stop=60)), *make_set(-1.0, -1.0).runs))
    band = runs.band("raw", coverage=0.5)
    assert np.isfinite(band.median).all()
    assert np.isfinite(band.high[:60]).all()
    assert np.isinf(band.high[60:]).all()


def test_runs_without_two_finite_losses_have_no_band():
    nothing = Run(0, {}, parabola(-1.0, stop=1))
    with pytest.raises(CannotTellError, match="no run has two finite losses"):
        RepeatSet((nothing, nothing)).band()
    assert RepeatSet((nothing, *make_set(-1.0).runs)).band().median.size == 81


def test_settings_are_told_apart_and_selected():
    runs = grid()
    assert runs.names == ("size", "kind")
    assert [tuple(group.settings.values()) for group in runs.by_setting()] == [
        (64, "a"), (64, "b"), (16, "a"), (16, "b"),
    ]  # fmt: skip
    assert runs.select(size=16, kind="b").suggest("minimum").lr == pytest.approx(1e-3)
    assert all(type(part) is RepeatSet for part in (runs.select(size=16), *runs.by_setting()))
    assert len(runs.select(size=16)) == 6
    with pytest.raises(ValueError, match="no run has"):
        runs.select(size=17)
    with pytest.raises(ValueError, match="`settings` must be one of 'size', 'kind'"):
        runs.select(sizes=16)


@pytest.mark.parametrize("ask", ["suggest", "minima", "suggestions", "band", "between_run"])
def test_one_answer_is_not_given_for_several_settings(ask):
    with pytest.raises(ValueError, match="the runs have 4 settings"):
        getattr(grid(), ask)()


def test_values_that_are_equal_but_of_other_types_are_other_settings():
    runs = [Run(0, {"flag": value}, parabola(-1.0)) for value in (1, True, 1.0, None)]
    assert len(RepeatSet(tuple(runs)).by_setting()) == 4
    with pytest.raises(ValueError, match="the runs have 2 settings"):
        RepeatSet(tuple(runs[:2])).suggest()
