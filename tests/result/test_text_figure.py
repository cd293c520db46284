"""The curve as text: every point in the cell where it belongs."""

import io
import re
import sys
from dataclasses import replace

import numpy as np
import plotext
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import BEFORE, curves_of, make_result
from rich.console import Console

import lrfind
from lrfind.analysis.curves import SweepCurves
from lrfind.result.figures import y_limits
from lrfind.result.text_figure import ASCII, HEIGHT, TextFigure
from lrfind.support.text import rate

RAW, AVERAGE, RAW_MINIMUM, AVERAGE_MINIMUM, SUGGESTED = "·•┊│┃"
WIDTHS = (60, 72, 120)


def printed(figure, width, **options):
    out = io.StringIO()
    Console(file=out, width=width, markup=False, **options).print(figure)
    return out.getvalue()


def figure_of(result):
    return TextFigure(result.curves(), result.suggest())


def canvas(text):
    """The rows between the frame, from the top, and the labels of the losses beside them."""
    lines = text.splitlines()
    left = lines[0].index("┌")
    rows = lines[1 : next(n for n, line in enumerate(lines) if "└" in line)]
    return [row[left + 1 :].rstrip()[:-1] for row in rows], [row[:left].strip() for row in rows]


def columns_with(text, character):
    rows, _ = canvas(text)
    width = max(map(len, rows))
    counts = [sum(row[at : at + 1] == character for row in rows) for at in range(width)]
    return [at for at, count in enumerate(counts) if count > len(rows) / 3]


@pytest.fixture(scope="module")
def result():
    return lrfind.load(BEFORE / "result.json")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["result", "tasks", "probe_metric_layers", "non_finite"])
def test_it_is_as_wide_as_the_console_and_no_wider(name, width):
    lines = printed(figure_of(lrfind.load(BEFORE / f"{name}.json")), width).splitlines()
    assert {len(line) for line in lines[: HEIGHT - 2]} == {width}
    assert max(map(len, lines)) == width
    assert lines[0].strip().startswith("┌")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_marks_stand_at_the_rates_that_the_legend_names(result, width):
    text, curves = printed(figure_of(result), width), result.curves()
    rows, _ = canvas(text)
    whole = np.log10([curves.lr[0], curves.lr[-1]])
    marks = {
        RAW_MINIMUM: (curves.minimum("raw").lr, "raw minimum"),
        AVERAGE_MINIMUM: (curves.minimum("debiased").lr, "debiased EMA minimum"),
        SUGGESTED: (result.suggest().lr, "train at"),
    }
    for character, (lr, name) in marks.items():
        (column,) = columns_with(text, character)
        place = (np.log10(lr) - whole[0]) / (whole[1] - whole[0]) * (len(rows[0]) - 1)
        assert abs(column - place) <= 1
        assert f"{character} {name} {rate(lr)}" in text
    assert f"{RAW} raw losses" in text
    assert f"{AVERAGE} debiased EMA 0.98" in text


@pytest.mark.parametrize("width", WIDTHS)
def test_ticks_are_powers_of_ten_and_losses_in_order(result, width):
    text = printed(figure_of(result), width)
    rates = [float(word) for word in text.splitlines()[HEIGHT - 2].split()]
    powers = np.log10(rates)
    np.testing.assert_array_equal(powers, np.round(powers))
    assert len(rates) >= 3
    assert len(set(np.diff(powers))) == 1
    losses = [float(label) for label in canvas(text)[1] if label]
    assert losses == sorted(losses, reverse=True)
    assert len(losses) >= 4
    assert min(losses) >= 0


def test_every_raw_loss_lies_in_its_cell():
    curves = SweepCurves(np.geomspace(1e-3, 1e2, 200), np.linspace(3, 1, 200))
    text = printed(TextFigure(curves, lrfind.CannotTell("x", "expected")), 72)
    rows, labels = canvas(text)
    # The ticks say which loss each row stands for, to half a row.
    ticked = [(row, float(label)) for row, label in enumerate(labels) if label]
    slope, offset = np.polyfit([loss for _, loss in ticked], [row for row, _ in ticked], 1)
    places = [(y, x) for y, row in enumerate(rows) for x, each in enumerate(row) if each == RAW]
    assert len(places) > 20
    for y, x in places:
        loss = 3 - 2 * x / (len(rows[0]) - 1)
        assert abs(y - (slope * loss + offset)) <= 1.5


@pytest.mark.parametrize("huge", [1e3, 1e9, 1e300])
def test_the_diverging_end_does_not_flatten_the_descent(result, huge):
    curves = result.curves()
    blown = curves.loss.copy()
    blown[-1] = huge
    text = printed(TextFigure(SweepCurves(curves.lr, blown), result.suggest()), 72)
    plain = printed(TextFigure(SweepCurves(curves.lr[:-1], blown[:-1]), result.suggest()), 72)
    labels = [[float(each) for each in canvas(one)[1] if each] for one in (text, plain)]
    assert max(labels[0]) < 2 * max(labels[1])
    rows, _ = canvas(text)
    # The points still fill the height.
    assert sum(RAW in row or AVERAGE in row for row in rows) > len(rows) / 2


def test_without_a_suggestion_or_a_minimum_there_is_no_mark():
    flat = curves_of(np.full(100, 2.3))
    text = printed(TextFigure(flat, lrfind.CannotTell("flat", "expected")), 72)
    assert not {RAW_MINIMUM, SUGGESTED} & set(text)
    assert "minimum" not in text
    assert "train at" not in text


def test_smoothed_losses_are_named_so_and_not_averaged_again():
    loss = make_result().curves()
    curves = SweepCurves(loss.lr, loss.loss, smoothed=True)
    text = printed(TextFigure(curves, make_result().suggest()), 72)
    assert "smoothed losses" in text
    assert "EMA" not in text
    assert AVERAGE not in text


def test_a_narrow_range_has_ticks_at_its_ends():
    lr = np.geomspace(2e-2, 8e-2, 60)
    curves = SweepCurves(lr, np.linspace(2, 1, 60))
    text = printed(TextFigure(curves, lrfind.CannotTell("x", "expected")), 60)
    assert text.splitlines()[HEIGHT - 2].split() == [rate(2e-2), rate(curves.lr[-1])]


def test_another_beta_is_that_of_the_average(result):
    figure = TextFigure(result.curves(), result.suggest(), 0.5)
    assert f"{AVERAGE} debiased EMA 0.5" in str(figure)


def test_colours_are_those_of_the_console(result):
    figure = figure_of(result)
    plain = printed(figure, 72)
    assert "\x1b" not in plain
    coloured = printed(figure, 72, force_terminal=True, color_system="256")
    for colour, character in ((32, SUGGESTED), (33, AVERAGE), (33, AVERAGE_MINIMUM), (90, RAW)):
        assert f"\x1b[{colour}m{character}" in coloured
        assert f"\x1b[{colour}m{character}\x1b[0m " in coloured.partition("learning rate")[2]
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == plain


def test_an_encoding_without_its_characters_has_others(result):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(file=out, width=72).print(figure_of(result))
    out.seek(0)
    shown = [line.rstrip() for line in out.read().splitlines()]
    plain = printed(figure_of(result), 72).translate(ASCII)
    assert shown == [line.rstrip() for line in plain.splitlines()]


def test_plotexts_own_figure_is_left_empty(result):
    plotext.figure.clear()
    size = plotext.figure.size()
    printed(figure_of(result), 60)
    assert plotext.figure.size() == size
    assert RAW not in plotext.figure.build().string()


def test_without_plotext_the_error_names_the_extra(result, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", None)
    with pytest.raises(ImportError, match=r'pip install "lrfind\[terminal\]"'):
        str(figure_of(result))


@settings(max_examples=40)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=10, max_size=40),
    st.floats(-9, 1),
    st.floats(0.01, 12),
    st.integers(60, 140),
)
def test_any_sweep_can_be_drawn(losses, first, decades, width):
    curves = SweepCurves(np.logspace(first, first + decades, len(losses)), np.array(losses))
    text = printed(TextFigure(curves, lrfind.CannotTell("x", "expected")), width)
    assert max(map(len, text.splitlines())) <= width
    assert len(canvas(text)[0]) >= HEIGHT - 5


def test_extreme_losses_are_drawn_with_their_unit(result):
    extreme = replace(result, loss=result.loss * 2.0**1010)
    unit = extreme.curves().unit
    assert unit > 1
    text = printed(figure_of(extreme), 100)
    assert f"loss / {unit:.2g}" in text
    highest = max(float(each.rstrip("┤")) for each in canvas(text)[1] if each)
    _, high = y_limits(extreme.curves())
    assert high / 2 < highest <= high
    assert len(columns_with(text, RAW_MINIMUM)) == 1
