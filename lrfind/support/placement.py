"""Where to put a label: near its anchor, off all marks and other labels, hiding little else.

All lengths are in one unit, such as points or pixels. A box is `left, bottom, right, top`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lrfind.support.arrays import Array

Flags = NDArray[np.bool_]

GAPS = np.array([2, 5, 9, 14, 20, 28, 38, 50, 64, 80, 100, 125, 160])
"""Distances between a mark and its label that are tried, in points."""
NEAR = 12.0
"""A label further from its mark, in points, needs a line to it."""
TURN, MOVE = 0.3, 0.3
"""What a later direction and a later anchor cost, in points of distance."""
SAMPLES = 16
"""Number of points of such a line at which it may cross something."""


class Surroundings(NamedTuple):
    """What is drawn already."""

    room: Array
    """Shape `(4,)`, the box that labels must lie in."""
    taken: Array
    """Shape `(k, 4)`, boxes that must not be covered."""
    spared: Array
    """Shape `(m, 3)`: points that should not be covered, and what it costs, in points of
    distance."""
    point: float
    """Length of a point (1/72 inch) in the unit of all others."""


class Place(NamedTuple):
    """Where a label goes."""

    box: Array
    """Shape `(4,)`."""
    gap: float
    """Its distance from its mark, in points."""


def best_place(
    width: float, height: float, anchors: Array, radius: float, around: Array, seen: Surroundings
) -> Place | None:
    """The best place for a label.

    Args:
        width: Of the label.
        height: Of the label.
        anchors: Shape `(k, 2)`, the points that it may stand at, the better first.
        radius: Of the mark at each of them.
        around: Shape `(m, 2)`, directions from there, the better first: (1, 0) is right of it,
            (0.5, 1) above it, with a quarter of the label to the left.
        seen: What is drawn already.

    Returns:
        The place of least cost: its distance from the anchor and what it hides. None if no
        candidate lies in the room and is free.

    Example:
        >>> nothing = Surroundings(np.array([0, 0, 99, 99]), np.empty((0, 4)), np.empty((0, 3)), 1)
        >>> best_place(20, 10, np.array([[50, 50]]), 3, np.array([[1, 0]]), nothing).box.tolist()
        [55.0, 45.0, 75.0, 55.0]
    """
    which, turn, far = (
        each.ravel()
        for each in np.meshgrid(*map(np.arange, (len(anchors), len(around), len(GAPS))))
    )
    cost = GAPS[far] + TURN * turn + MOVE * which
    directions = around / np.hypot(*around.T)[:, None]
    half = np.array([width / 2, height / 2])
    starts = anchors[which] + (radius + GAPS[far, None] * seen.point) * directions[turn]
    centres = starts + around[turn] * half
    boxes = np.hstack([centres - half, centres + half])
    fits = (boxes[:, :2] >= seen.room[:2]) & (boxes[:, 2:] <= seen.room[2:])
    free: Flags = np.asarray(fits.all(1))
    free[free] = ~overlaps(boxes[free], seen.taken).any(1)
    long = free & (GAPS[far] > NEAR)
    free[long] = ~_crossed(centres[long], anchors[which[long]], radius + 2 * seen.point, seen)
    if not free.any():
        return None
    cost[free] += hidden(boxes[free], seen)
    best = int(np.argmin(np.where(free, cost, np.inf)))
    return Place(boxes[best], float(GAPS[far[best]]))


def overlaps(boxes: Array, others: Array) -> Flags:
    """Whether each of `(n, 4)` boxes overlaps each of `(k, 4)` others; shape `(n, k)`."""
    x, y = (
        np.maximum(boxes[:, None, low], others[:, low])
        < np.minimum(boxes[:, None, low + 2], others[:, low + 2])
        for low in (0, 1)
    )
    return np.asarray(x & y)


def inside(points: Array, boxes: Array) -> Flags:
    """Whether each of `(m, 2)` points lies in each of `(n, 4)` boxes; shape `(n, m)`."""
    x, y = points.T
    left, bottom, right, top = boxes.T[..., None]
    return np.asarray((x > left) & (x < right) & (y > bottom) & (y < top))


def hidden(boxes: Array, seen: Surroundings) -> Array:
    """What is hidden by each of `(n, 4)` boxes in the room, counted in cells of about a point.

    A sum over a table of running sums, so that a sweep of 100,000 steps costs no more than a short
    one.

    Returns:
        Shape `(n,)`, in points of distance.
    """
    low, high = seen.room[:2], seen.room[2:]
    cells = np.maximum(np.ceil((high - low) / seen.point), 1).astype(int)
    edges = [np.linspace(low[axis], high[axis], cells[axis] + 1) for axis in (0, 1)]
    x, y, cost = seen.spared.T
    table, *_ = np.histogram2d(x, y, bins=edges, weights=cost)
    sums = np.pad(table.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    corners = np.rint((boxes - np.tile(low, 2)) / np.tile(high - low, 2) * np.tile(cells, 2))
    left, bottom, right, top = np.clip(corners, 0, np.tile(cells, 2)).astype(int).T
    return np.asarray(sums[right, top] - sums[left, top] - sums[right, bottom] + sums[left, bottom])


def _crossed(centres: Array, anchors: Array, short: float, seen: Surroundings) -> Flags:
    """Whether the line from a label to its mark, `short` of it, crosses what must stay clear."""
    way = anchors - centres
    length = np.hypot(*way.T)[:, None]
    ends = anchors - way * np.minimum(short / np.maximum(length, 1e-9), 1.0)
    share = np.linspace(0, 1, SAMPLES)[:, None, None]
    samples = (centres + share * (ends - centres)).reshape(-1, 2)
    hit = inside(samples, seen.taken).reshape(len(seen.taken), SAMPLES, len(centres))
    return np.asarray(hit.any((0, 1)))
