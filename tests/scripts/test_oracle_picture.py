"""The picture's points are the scores, and its labels do not lie on each other."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from oracle_picture import NONE_AT, PEER, clusters, draw, picture, spread
from oracle_scores import Score
from PIL import Image


def made(finder, regret, steps, *, fitted=False):
    means = {("constant", 300): regret, ("constant", 1200): regret + 0.2}
    return Score(finder, means, 0.0, 0.0, steps, fitted)


@pytest.mark.parametrize(
    ("heights", "places"),
    [
        ([], []),
        ([0.5], [0.5]),
        ([3.0, 1.0], [3.0, 1.0]),
        ([0.0, 0.0], [-0.5, 0.5]),
        ([1.0, 0.0, 1.0, 5.0], [1.0 - 1 / 3, -1 / 3, 2 - 1 / 3, 5.0]),
    ],
)
def test_labels_move_no_further_than_they_must(heights, places):
    assert spread(heights, 1.0) == pytest.approx(places)


def test_spread_labels_keep_their_order_and_their_gap():
    heights = np.random.default_rng(0).uniform(0, 5, 20).tolist()
    places = spread(heights, 0.3)
    assert np.argsort(places).tolist() == np.argsort(heights).tolist()
    assert np.diff(np.sort(places)).min() >= 0.3 - 1e-9


def test_points_near_each_other_in_steps_share_a_column_of_labels():
    assert clusters([100, 15, 396, 91, 15]) == [[1, 4], [3, 0], [2]]


def test_every_finder_has_its_point_and_its_label():
    ax = Figure().subplots()
    ax.set_ylim(0, 1)
    draw(ax, [made("one", 0.1, 100), made("two", 0.3, 0)], "constant")
    points = {tuple(np.ravel(line.get_xydata()).round(9)) for line in ax.lines}
    assert points == {(100, 0.2), (NONE_AT, 0.4)}
    assert {text.get_text(): text.xy for text in ax.texts} == {
        "one": (100, pytest.approx(0.2)), "two": (NONE_AT, pytest.approx(0.4)),
    }  # fmt: skip


def test_the_picture_is_written_with_a_palette_that_holds_its_colours(tmp_path):
    scores = [made("one", 0.1, 100), made("one", 0.05, 100, fitted=True), made("two", -0.1, 0)]
    picture(scores, tmp_path / "peers.png")
    with Image.open(tmp_path / "peers.png") as written:
        assert (written.mode, written.size) == ("P", (1320, 1100))
        colours = np.array([colour for _, colour in written.convert("RGB").getcolors()])
    for named in (PEER, "white"):
        distance = np.abs(colours - 255 * np.array(to_rgb(named))).max(axis=1)
        assert distance.min() <= 4
