"""A suggested rate on one line, through what it draws."""

import pytest
from matplotlib.figure import Figure

from lrfind.analysis.answer_figure import SIZE, draw_answer


def drawn(*arguments, **options):
    ax = Figure(figsize=SIZE, layout="constrained").add_subplot()
    draw_answer(ax, *arguments, band="90% interval", **options)
    return ax


def test_the_rate_its_interval_and_the_minimum_stand_where_they_lie():
    ax = drawn(0.018, (0.003, 0.3), minimum=("expected minimum", 0.091))
    assert [line.get_xdata()[0] for line in ax.lines] == [0.018, 0.091]
    (band,) = ax.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.003, 0.3))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [
        "train at 0.018",
        "90% interval, 0.0030 to 0.30",
        "expected minimum 0.091",
    ]
    low, high = ax.get_xlim()
    assert low < 0.003
    assert high > 0.3


def test_a_rate_may_lie_outside_its_interval_or_have_none():
    low, high = drawn(1.0, (0.003, 0.3)).get_xlim()
    assert low < 0.003
    assert high > 1.0
    ax = drawn(1.0, None)
    assert not ax.patches
    assert len(ax.lines) == 1
