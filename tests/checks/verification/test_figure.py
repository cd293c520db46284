"""The figure of a verification, through the numbers it draws."""

import math
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from makers import line, make_trial, make_verification
from matplotlib import pyplot

from lrfind.result.constant_run import ConstantRun
from lrfind.support.text import rate


def make(*trials, suggested=0.03, level=2.0):
    return make_verification([make_trial(*trial) for trial in trials], suggested, level)


def usual():
    return make((0.01, 1.8, 1.5), (0.1, 1.0, 0.5), (1.0, 9.0, 7.0), (3.0, math.inf, math.inf))


def test_the_measured_and_the_extrapolated_losses_of_every_trial():
    answer = usual()
    ax = answer.plot()
    expected = {
        "after 2 steps": [1.8, 1.0, 9.0, math.nan],
        "after 4 steps": [1.5, 0.5, 7.0, math.nan],
        "extrapolated to 8 steps": [*answer.scores[:3], math.nan],
    }
    for label, values in expected.items():
        rates, losses = line(ax, label)
        np.testing.assert_array_equal(rates, answer.rates)
        np.testing.assert_array_equal(losses, values)
    assert ax.get_xscale() == "log"
    assert ax.get_title() == ""


def test_trials_of_several_lengths_are_named_by_no_number_of_steps():
    trials = [make_trial(0.01, 1.8, 1.5), make_trial(0.1, 1.0, 0.5)]
    trials.append(replace(trials[1], run=ConstantRun(1.0, [2.0, 1.5, 1.2, 1.0, 0.8, 0.7])))
    ax = make_verification(trials, regrets=(0.8, 0.3, 0.0)).plot()
    for label, values in {"half-way": [1.8, 1.0, 1.0], "at the end": [1.5, 0.5, 0.5]}.items():
        np.testing.assert_array_equal(line(ax, label)[1], values)
    np.testing.assert_array_equal(line(ax, "extrapolated")[0], [0.01, 0.1, 1.0])
    assert line(ax, "best trial 1.0")[0] == 1.0


def test_the_rates_and_the_interval_are_lines_and_a_band_with_their_numbers():
    answer = usual()
    ax = answer.plot()
    assert set(line(ax, f"train at {rate(answer.lr)}")[0]) == {answer.lr}
    assert set(line(ax, "suggestion 0.030")[0]) == {0.03}
    assert line(ax, "best trial 0.10")[1] == answer.scores[1]
    assert set(line(ax, "before the first step")[1]) == {2.0}
    (band,) = ax.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx(answer.interval)


def test_a_suggestion_that_holds_up_is_one_line():
    ax = make((0.01, 1.8, 1.5), (0.1, 1.0, 0.5), (1.0, 9.0, 7.0), suggested=0.1).plot()
    assert set(line(ax, "train at 0.10, the suggestion")[0]) == {0.1}
    upright = [item for item in ax.get_lines() if len(set(item.get_xdata())) == 1]
    assert [str(item.get_label()) for item in upright if len(item.get_xdata()) == 2] == [
        "train at 0.10, the suggestion"
    ]


def test_what_rose_or_blew_up_is_marked_at_the_top():
    ax = usual().plot()
    low, high = ax.get_ylim()
    assert low < 0.5 * 0.5**2
    assert 2.0 < high < 3.0
    rates, heights = line(ax, "diverged: 3.0")
    assert (rates, heights) == (3.0, high)
    arrows = [item for item in ax.get_lines() if item.get_marker() == "^"]
    assert all(list(item.get_xdata()) == [1.0] for item in arrows)
    assert len(arrows) == 3


def test_when_all_blew_up_the_title_says_it_and_no_rate_is_drawn():
    ax = make((0.1, math.inf, math.inf), (1.0, math.inf, math.inf), level=math.nan).plot()
    assert "every trial diverged" in ax.get_title()
    assert not ax.patches
    assert not any("train at" in str(item.get_label()) for item in ax.get_lines())
    ax.figure.canvas.draw()


def test_a_verdict_other_than_clear_is_the_title():
    assert "highest" in make((0.01, 1.5, 1.2), (0.1, 1.0, 0.5)).plot().get_title()


def test_only_few_rates_are_named_on_the_axis():
    few = usual().plot()
    assert [text.get_text() for text in few.get_xticklabels()] == [
        rate(each) for each in usual().rates
    ]
    many = make(*((10.0**-k, 1.0, 0.5) for k in range(8, 0, -1)), suggested=None).plot()
    assert "1.0e-08" not in {text.get_text() for text in many.get_xticklabels()}


def test_it_draws_on_the_axes_given_and_shows_and_sets_nothing(monkeypatch):
    monkeypatch.setattr(pyplot, "show", lambda: pytest.fail("nothing is to be shown"))
    before = dict(matplotlib.rcParams)
    _, axes = pyplot.subplots(1, 2)
    assert usual().plot(axes[1]) is axes[1]
    assert not axes[0].has_data()
    assert dict(matplotlib.rcParams) == before
