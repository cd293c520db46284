"""The figure of repeated runs, through the numbers it draws."""

import math

import numpy as np
import pytest
from makers import FIVE, flat, grid, line, make_set, parabola
from matplotlib import pyplot
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex

from lrfind import RepeatSet
from lrfind.repeats.figure import COLORS, until_it_leaves
from lrfind.repeats.runs import Run
from lrfind.support.text import rate


def rugs(ax):
    """The rates of each row of ticks, and their colour."""
    rows = [each for each in ax.collections if isinstance(each, LineCollection)]
    return [
        ([float(tick[0, 0]) for tick in row.get_segments()], to_hex(row.get_color()[0]))
        for row in rows
    ]


def test_the_median_its_band_and_every_run_are_drawn():
    runs = make_set(*FIVE)
    ax = runs.plot()
    band = runs.band()
    rates, median = line(ax, "median of 5 centred curves")
    np.testing.assert_array_equal(rates, band.lr)
    shown = np.isfinite(median)
    assert shown.sum() > 50
    np.testing.assert_array_equal(median[shown], band.median[shown])
    thin = [item for item in ax.get_lines() if item.get_linewidth() < 1]
    assert len(thin) == 5
    assert ax.get_xscale() == "log"


def test_every_minimum_is_a_tick():
    ((rates, color),) = rugs(make_set(*FIVE).plot())
    assert np.log10(rates) == pytest.approx(FIVE)
    assert color == COLORS[0]


def test_the_suggested_rate_and_its_interval_are_drawn_and_named():
    runs = make_set(*FIVE)
    answer, ax = runs.suggest(), runs.plot()
    assert any(list(item.get_xdata()) == [answer.lr] * 2 for item in ax.get_lines())
    low, high = answer.interval
    said = f"Train at {rate(answer.lr)} ({rate(low)} to {rate(high)}): {answer.reason}"
    assert ax.get_title() == said
    (span,) = ax.patches
    assert (span.get_x(), span.get_x() + span.get_width()) == pytest.approx(answer.interval)


def test_without_a_suggestion_the_title_says_why():
    assert "at least 3 runs" in make_set(-1.0, -1.1).plot().get_title()
    ax = RepeatSet((flat(), flat(8), flat(7))).plot()
    assert "No rate: 3 of 3 runs have no suggestion" in ax.get_title()


def test_each_setting_has_a_colour_and_a_row_of_ticks_and_the_legend_its_rate():
    runs = grid()
    ax = runs.plot()
    rows = rugs(ax)
    assert [color for _, color in rows] == list(COLORS[:4])
    for (rates, _), group in zip(rows, runs.by_setting(), strict=True):
        assert np.log10(rates) == pytest.approx(group.minima().decades)
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == [
        *(
            f"size={group.settings['size']}, kind={group.settings['kind']}: "
            f"{rate(group.suggest().lr)}"
            for group in runs.by_setting()
        ),
        "minimum of each run",
    ]


def test_a_setting_that_cannot_tell_says_so_in_the_legend():
    runs = RepeatSet((Run(0, {"a": 1}, parabola(-1.0)), flat(a=2)))
    legend = [text.get_text() for text in runs.plot().get_legend().get_texts()]
    assert legend[:2] == ["a=1: no suggestion", "a=2: no suggestion"]


def test_runs_that_hold_nothing_are_an_empty_picture_with_a_reason():
    nothing = Run(0, {}, parabola(-1.0, stop=1))
    ax = RepeatSet((nothing, nothing)).plot()
    assert "No rate" in ax.get_title()


def test_more_settings_than_colours_are_refused():
    runs = [Run(0, {"a": value}, parabola(-1.0)) for value in range(8)]
    with pytest.raises(ValueError, match="8 settings, but a figure can show 7: `select` some"):
        RepeatSet(tuple(runs)).plot()


def test_axes_of_ones_own_are_used():
    _, ax = pyplot.subplots()
    assert make_set(*FIVE).plot(ax, curve="raw") is ax


def test_what_comes_back_from_a_blow_up_is_not_drawn():
    values = np.array([5.0, 3.0, 1.0, 4.0, 9.0, 2.0, math.inf, 1.5])
    drawn = until_it_leaves(values, top=6.0)
    np.testing.assert_array_equal(drawn, [5, 3, 1, 4, 9, np.nan, np.nan, np.nan])
    assert np.isnan(until_it_leaves(np.array([math.inf, math.nan]), 1.0)).all()


def test_the_colours_are_told_apart_without_colour_vision_as_okabe_and_ito_chose_them():
    assert len(set(COLORS)) == len(COLORS) == 7
