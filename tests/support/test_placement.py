"""Where a label goes, in exact boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrfind.support.placement import NEAR, Surroundings, best_place, hidden, inside, overlaps

ROOM = np.array([0.0, 0.0, 200.0, 100.0])
NOTHING = np.empty((0, 4))
RIGHT, LEFT = (1, 0), (-1, 0)


def place(anchors=((100, 50),), around=(RIGHT, LEFT), taken=NOTHING, spared=(), size=(20, 10)):
    seen = Surroundings(ROOM, np.asarray(taken, float), np.reshape(spared, (-1, 3)), 1.0)
    return best_place(*size, np.array(anchors, float), 3.0, np.array(around, float), seen)


def test_the_first_direction_comes_first_close_to_the_mark():
    assert place().box.tolist() == [105, 45, 125, 55]
    assert place(around=(LEFT, RIGHT)).box.tolist() == [75, 45, 95, 55]
    above = place(around=[(0.5, 1)]).box
    assert (above[0] + above[2]) / 2 == pytest.approx(100 + 5 / np.sqrt(5) + 5)
    assert above[1] == pytest.approx(50 + 10 / np.sqrt(5))


def test_what_is_taken_is_avoided():
    assert place(taken=[[110, 0, 120, 100]]).box.tolist() == [75, 45, 95, 55]
    # Above the mark at the first distance that is free.
    assert place(around=[(0, 1)], taken=[[90, 40, 110, 60]]).box[1] >= 60


def test_nothing_leaves_the_room():
    assert place(anchors=[(190, 50)]).box.tolist() == [165, 45, 185, 55]
    assert place(size=(300, 10)) is None
    assert place(anchors=np.empty((0, 2))) is None


def test_a_hidden_point_costs_distance():
    # Left costs 0.3 more than right: a point is worth that or is not.
    assert place(spared=[(115, 50, 0.2)]).box[0] == 105
    assert place(spared=[(115, 50, 0.4)]).box[0] == 75


def test_a_far_label_has_a_free_line_to_its_mark():
    aside, between = [88, 40, 95, 75], [99, 60, 101, 62]
    assert place(around=[(0, 1)], taken=[aside]).gap > NEAR
    assert place(around=[(0, 1)], taken=[aside, between]) is None


def test_what_a_box_hides_is_the_sum_over_the_points_in_it():
    rng = np.random.default_rng(0)
    # Boxes on the edges of cells and points within cells: then the count is exact.
    points = rng.integers(0, ROOM[2:], (500, 2)) + 0.5
    corners = np.sort(rng.integers(0, 101, (40, 2, 2)), axis=1).reshape(40, 4).astype(float)
    cost = rng.uniform(0, 5, 500)
    seen = Surroundings(ROOM, NOTHING, np.column_stack([points, cost]), 1.0)
    expected = inside(points, corners) @ cost
    np.testing.assert_allclose(hidden(corners, seen), expected, atol=1e-9)


def test_points_outside_the_room_are_hidden_by_nothing():
    seen = Surroundings(ROOM, NOTHING, np.array([[-5.0, 50, 3], [300, 50, 3], [50, 1e9, 3]]), 1.0)
    assert hidden(ROOM[None], seen).tolist() == [0]


boxes = st.tuples(*[st.floats(0, 90), st.floats(0, 90), st.floats(1, 60), st.floats(1, 60)]).map(
    lambda box: [box[0], box[1], box[0] + box[2], box[1] + box[3]]
)


@given(
    taken=st.lists(boxes, max_size=8),
    anchors=st.lists(st.tuples(st.floats(0, 200), st.floats(0, 100)), min_size=1, max_size=4),
    size=st.tuples(st.floats(1, 80), st.floats(1, 30)),
)
def test_a_place_is_free_and_in_the_room(taken, anchors, size):
    taken = np.array(taken, float).reshape(-1, 4)
    found = place(anchors, taken=taken, size=size)
    if found is not None:
        box = found.box
        assert not overlaps(box[None], taken).any()
        assert (box[:2] >= ROOM[:2]).all()
        assert (box[2:] <= ROOM[2:]).all()
        assert box[2] - box[0] == pytest.approx(size[0])
        assert box[3] - box[1] == pytest.approx(size[1])


def test_boxes_that_only_touch_do_not_overlap():
    one = np.array([[0.0, 0, 10, 10]])
    others = np.array([[10.0, 0, 20, 10], [9, 9, 20, 20], [0, 10, 10, 20], [2, 2, 3, 3]])
    assert overlaps(one, others).tolist() == [[False, True, False, True]]
    points = np.array([[5.0, 5], [10, 5], [11, 5]])
    assert inside(points, one).tolist() == [[True, False, False]]
