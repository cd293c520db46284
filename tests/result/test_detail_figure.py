"""What the picture of a sweep shows in detail, through the numbers it draws."""

import numpy as np
import pytest
from makers import curves_of, line, make_result, noisy_result, typical_loss
from matplotlib import pyplot

from lrfind.analysis.centred_line import centred_line
from lrfind.comparison.compare import compare
from lrfind.result.detail_figure import split_words
from lrfind.support.text import rate

NAMES = [
    "centred curve",
    "centred minimum",
    "expected minimum",
    "mean minimum over seeds, 90% interval",
]


def test_it_is_left_out_unless_asked_for():
    usual = noisy_result().plot()
    assert not {str(item.get_label()) for item in usual.get_lines()}.intersection(NAMES)
    assert usual.get_legend() is None


def test_the_centred_curve_is_drawn_as_everywhere():
    result = noisy_result()
    rates, values = line(result.plot(detail=True), "centred curve")
    np.testing.assert_array_equal(rates, result.curves().lr)
    np.testing.assert_array_equal(values, centred_line(result.curves()))


def test_the_centred_and_the_expected_minimum_are_marked_on_it():
    loss = typical_loss(size=100, noise=0.05)
    result = make_result(loss)
    lowest = result.curves().minimum("centred").step
    loss[lowest + 2] = 2.2
    for each in (result, make_result(loss)):
        ax, table = each.plot(detail=True), each.compare()
        curve = centred_line(each.curves())
        for name in ("centred", "expected"):
            found = table.row(name).minimum
            at, height = line(ax, f"{name} minimum {rate(found.lr)}")
            assert (at, height) == (found.lr, curve[found.step])


def test_the_interval_is_a_bar_at_the_centred_minimum():
    result = noisy_result()
    rates, heights = line(result.plot(detail=True), NAMES[-1])
    assert list(rates) == list(result.curves().posterior.interval())
    lowest = result.curves().minimum("centred").step
    assert set(heights) == {centred_line(result.curves())[lowest]}


def test_the_legend_names_them_and_the_parts_of_the_shift():
    result = noisy_result()
    legend = result.plot(detail=True).get_legend()
    table = result.compare((0.98,))
    for text, name in zip(legend.get_texts(), NAMES, strict=True):
        assert text.get_text().startswith(name)
    row = table.row("debiased", 0.98)
    said = " ".join(legend.get_title().get_text().split())
    assert said == (
        f"raw to debiased EMA minimum, {row.from_raw.decades:+.2f} decades: {row.smoothing:+.2f} "
        f"±{row.error:.2f} by smoothing, {row.noise_from_raw:+.2f} by noise and fit error"
    )


def test_the_centred_minimum_is_among_the_rates_one_decade_below():
    result = noisy_result()
    ax = result.plot(detail=True)
    lr = result.compare().row("centred").decade_below
    assert lr in [item.get_xdata()[0] for item in ax.get_lines() if item.get_marker() == "^"]
    assert any(text.get_text().endswith(f", centred {rate(lr)}") for text in ax.texts)


@pytest.mark.parametrize("engine", ["constrained", None])
@pytest.mark.parametrize("size", [(5, 3), (6.4, 4.8), (8, 5), (12, 8)])
def test_the_legend_lies_above_every_loss_that_is_a_minimum(size, engine):
    figure = pyplot.figure(figsize=size, layout=engine)
    ax = noisy_result().plot(figure.subplots(), detail=True)
    figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    top = ax.transData.transform((1, noisy_result().curves().fit.level))[1]
    assert legend.y0 > top
    assert legend.x1 <= ax.get_window_extent().x1


def test_a_sweep_without_a_minimum_has_its_curve_alone():
    ax = make_result(np.full(100, 2.0)).plot(detail=True)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["centred curve"]
    assert ax.get_legend().get_title().get_text() == ""


def test_a_shift_of_unknown_parts_is_not_split():
    (*_, row) = compare(curves_of(np.full(100, 2.0)), (0.9,)).rows
    assert split_words(row) is None
