"""The minima of a comparison beside each other, through what they draw."""

import numpy as np
from makers import make_result
from matplotlib.figure import Figure

from lrfind.comparison.figure import draw_minima, size_for


def drawn(rows):
    ax = Figure(figsize=size_for(rows), layout="constrained").add_subplot()
    draw_minima(ax, rows)
    return ax


def test_each_curve_has_its_minimum_and_one_decade_below_in_its_row():
    rows = make_result().compare().rows
    ax = drawn(rows)
    below, lowest = ax.lines
    assert lowest.get_xdata().tolist() == [row.minimum.lr for row in rows]
    np.testing.assert_allclose(below.get_xdata(), lowest.get_xdata() / 10)
    assert lowest.get_ydata().tolist() == below.get_ydata().tolist() == [*range(len(rows))]
    assert [text.get_text() for text in ax.get_yticklabels()] == [row.label for row in rows]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first row is on top"


def test_a_curve_without_a_minimum_has_its_name_alone():
    rows = make_result(np.ones(100)).compare().rows
    ax = drawn(rows)
    assert [line.get_xdata().size for line in ax.lines] == [0, 0]
    assert len(ax.get_yticks()) == len(rows)
    assert size_for(rows)[1] > size_for(rows[:1])[1]
