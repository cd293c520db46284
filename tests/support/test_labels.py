"""Labels find their places when the figure is drawn."""

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.text import Text

from lrfind.support.labels import LEFT, RIGHT, Labels


@pytest.fixture
def ax():
    ax = pyplot.figure(figsize=(6, 4)).subplots()
    ax.set(xlim=(0, 10), ylim=(0, 10))
    return ax


def boxes(ax):
    ax.figure.draw_without_rendering()
    return [Text.get_window_extent(text) for text in ax.texts]


def middle(ax):
    return ax.transData.transform((5, 5))[0]


def test_a_label_is_beside_its_anchor_and_the_next_makes_way(ax):
    labels = Labels(ax)
    for _ in range(2):
        labels.add("here", 5, 5, size=8, around=[RIGHT, LEFT])
    first, second = boxes(ax)
    assert first.x0 > middle(ax) > second.x1
    assert first.y0 == second.y0


def test_a_mark_is_not_covered_and_a_line_is_spared(ax):
    labels = Labels(ax)
    labels.keep_clear(5.5, 5, 10)
    labels.add("here", 5, 5, around=[RIGHT, LEFT])
    assert boxes(ax)[0].x1 < middle(ax)
    spared = Labels(ax)
    spared.spare_line([5, 10], [5, 5])
    spared.add("there", 5, 5, around=[RIGHT, LEFT])
    assert boxes(ax)[1].x1 < middle(ax)


def test_an_artist_is_kept_clear_of(ax):
    legend = ax.legend(handles=ax.plot([0], [0], label="a long label"), loc="upper right")
    labels = Labels(ax)
    labels.keep_clear_of(legend)
    labels.add("here", 9.5, 1, on_axis=True, around=[(0, -1), (-1, -1)])
    (box,) = boxes(ax)
    assert not box.overlaps(legend.get_window_extent())


def test_only_a_far_label_has_a_line_to_its_mark(ax):
    labels = Labels(ax)
    labels.add("near", 5, 5, size=8, leader=True, around=[RIGHT])
    labels.add("far", 2, 5, size=8, leader=True, around=[(0, 1)])
    labels.keep_clear(np.array([1.85]), 5.5, 20)
    boxes(ax)
    assert [text.arrow_patch.get_visible() for text in ax.texts] == [False, True]


@pytest.mark.parametrize("far", [1e3, 1e12])
def test_a_line_far_out_of_the_view_is_followed_no_further_than_a_view_beyond(ax, far):
    labels = Labels(ax)
    labels.spare_line([0, 5, 10], [5, 5, far])
    labels.add("here", 5, 5)
    ax.figure.draw_without_rendering()
    spared = labels._surroundings(ax.figure.canvas.get_renderer()).spared
    left, bottom, right, top = ax.bbox.extents
    assert len(spared) < 3 * ((right - left) + (top - bottom))
    assert spared[:, 1].max() <= top + (top - bottom)
