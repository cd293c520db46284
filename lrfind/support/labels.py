"""Text labels in a figure, placed when it is drawn so that they cover neither marks nor each other.

Where there is room depends on the size of the figure, its style and the file format, which are
known only when it is drawn. So each label is an annotation whose position is a function of the
renderer, which matplotlib calls then.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrfind.support.arrays import Array, ArrayLike
from lrfind.support.axes import text_style
from lrfind.support.placement import NEAR, Surroundings, best_place

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.text import Annotation
    from matplotlib.transforms import Affine2D

RIGHT, LEFT, ABOVE, BELOW = (1, 0), (-1, 0), (0, 1), (0, -1)
SIDES = (RIGHT, LEFT, ABOVE, BELOW)
AROUND = (*SIDES, *((across, up) for across in (1, -1, 0.5, -0.5) for up in (1, -1)))
"""Directions from a mark, the better first."""
PAD = 1.5
"""Room around labels and marks, in points."""
SPACING = 5.0
"""Distance of the points that stand for a line, in points."""
HIDDEN_POINT, HIDDEN_LINE = 2.0, 6.0
"""What it costs to hide a data point, or `SPACING` of a line, in points of distance."""


class _Drawn(NamedTuple):
    """Points in the figure, shape `(k, 2)`."""

    points: Array
    on_axis: bool
    size: float
    """Diameter in points."""


class Labels:
    """The labels of one Axes, the most important first, and what they must not or should not cover.

    A label for which there is no free place, in a tiny figure, is not shown.

    Args:
        ax: The Axes.
    """

    def __init__(self, ax: Axes) -> None:
        self._ax = ax
        self._notes: list[tuple[Annotation, _Drawn, Array]] = []
        self._artists: list[Artist] = []
        self._marks: list[_Drawn] = []
        self._points: list[_Drawn] = []
        self._lines: list[_Drawn] = []
        self._spots: list[tuple[float, float]] = []
        self._placed_for: tuple[object, ...] = ()

    def add(
        self,
        text: str,
        x: ArrayLike,
        y: ArrayLike,
        *,
        on_axis: bool = False,
        size: float = 0.0,
        around: ArrayLike = AROUND,
        leader: bool = False,
        **style: Any,
    ) -> None:
        """Add a label.

        Args:
            text: What it says.
            x: In data coordinates: a number, or shape `(k,)` for anchors to choose from, the better
                first.
            y: Likewise.
            on_axis: Whether `y` is a share of the height of the axes instead.
            size: Diameter of the mark at the anchor, or width of the line, in points.
            around: Shape `(m, 2)`, the directions that are tried, the better first.
            leader: Whether a label that ends up far from its mark gets a line to it.
            style: Passed to matplotlib, such as `color`.
        """
        drawn = _drawn(x, y, size, on_axis)
        line = {"arrowstyle": "-", "linewidth": 0.7, "shrinkA": 0, "shrinkB": size / 2}
        line |= {"color": style["color"]} if "color" in style else {}
        note = self._ax.annotate(
            text, tuple(drawn.points[0]), (0, 0), zorder=6, annotation_clip=False,
            xycoords=("data", "axes fraction") if on_axis else "data",
            textcoords=partial(self._spot, len(self._notes)), ha="center", va="center",
            arrowprops=line if leader else None,
            **(text_style(self._ax) | style),
        )  # fmt: skip
        note.set_in_layout(False)
        self._notes.append((note, drawn, np.asarray(around, dtype=np.float64)))
        self._spots.append((0.0, 0.0))

    def keep_clear(self, x: ArrayLike, y: ArrayLike, size: float, *, on_axis: bool = False) -> None:
        """Cover none of these marks, `size` points in diameter."""
        self._marks.append(_drawn(x, y, size, on_axis))

    def spare_points(self, x: ArrayLike, y: ArrayLike) -> None:
        """Rather cover none of these points."""
        self._points.append(_drawn(x, y))

    def spare_line(self, x: ArrayLike, y: ArrayLike, *, on_axis: bool = False) -> None:
        """Rather cover no part of this line."""
        self._lines.append(_drawn(x, y, on_axis=on_axis))

    def keep_clear_of(self, artist: Artist) -> None:
        """Cover nothing of this."""
        self._artists.append(artist)

    def _spot(self, number: int, renderer: RendererBase) -> Affine2D:
        """Where matplotlib is to draw a label, in pixels; places all if the figure has changed."""
        from matplotlib.transforms import Affine2D

        ax = self._ax
        now = (ax.figure.dpi, *ax.bbox.bounds, *ax.viewLim.bounds, ax.get_xscale(), ax.get_yscale())
        if now != self._placed_for:
            self._placed_for = now  # set first, since measuring a label asks for its spot
            self._place(renderer)
        return Affine2D().translate(*self._spots[number])

    def _place(self, renderer: RendererBase) -> None:
        from matplotlib.text import Text
        from matplotlib.transforms import IdentityTransform

        seen = self._surroundings(renderer)
        for number, (note, drawn, around) in enumerate(self._notes):
            note.set_visible(True)
            note.set_transform(IdentityTransform())  # as if drawn at (0, 0)
            box = np.array(Text.get_window_extent(note, renderer).extents)
            width, height = box[2:] - box[:2] + 2 * PAD * seen.point
            anchors = self._pixels(drawn)
            shown = self._ax.bbox.padded(1)
            anchors = anchors[[shown.contains(*each) for each in anchors]]
            radius = drawn.size / 2 * seen.point
            found = best_place(width, height, anchors, radius, around, seen)
            note.set_visible(found is not None)
            if found is None:
                continue
            move = (found.box[:2] + found.box[2:] - box[:2] - box[2:]) / 2
            self._spots[number] = (float(move[0]), float(move[1]))
            if note.arrow_patch is not None:
                note.arrow_patch.set_visible(found.gap > NEAR)
            seen = seen._replace(taken=np.vstack([seen.taken, found.box]))

    def _surroundings(self, renderer: RendererBase) -> Surroundings:
        """What is drawn already, in pixels."""
        point = self._ax.figure.dpi / 72
        boxes = [np.empty((0, 4))]
        boxes += [
            np.array(each.get_window_extent(renderer).padded(PAD * point).extents)
            for each in self._artists
        ]
        for each in self._marks:
            middle, half = self._pixels(each), (each.size / 2 + PAD) * point
            boxes.append(np.hstack([middle - half, middle + half]))
        view = np.array(self._ax.bbox.extents).reshape(2, 2)
        lines = [_along(self._pixels(each), SPACING * point, view) for each in self._lines]
        spared = [_costly(each, HIDDEN_LINE) for each in lines]
        spared += [_costly(self._pixels(each), HIDDEN_POINT) for each in self._points]
        room = np.array(self._ax.bbox.padded(-2 * point).extents)
        return Surroundings(room, np.vstack(boxes), np.vstack([np.empty((0, 3)), *spared]), point)

    def _pixels(self, drawn: _Drawn) -> Array:
        to = self._ax.get_xaxis_transform() if drawn.on_axis else self._ax.transData
        return np.asarray(to.transform(drawn.points), dtype=np.float64)


def _drawn(x: ArrayLike, y: ArrayLike, size: float = 0.0, on_axis: bool = False) -> _Drawn:
    both = np.broadcast_arrays(*(np.atleast_1d(np.asarray(each, np.float64)) for each in (x, y)))
    return _Drawn(np.column_stack(both), on_axis, size)


def _costly(points: Array, cost: float) -> Array:
    """The finite ones of the points, shape `(k, 3)`, each with its cost."""
    points = points[np.isfinite(points).all(1)]
    return np.column_stack([points, np.full(len(points), cost)])


def _along(line: Array, spacing: float, view: Array) -> Array:
    """Points along a line, that far apart; shape `(k, 2)`.

    A line that leaves the view by far, as where a loss diverges, is followed a view's size beyond.
    """
    size = view[1] - view[0]
    line = np.clip(line[np.isfinite(line).all(1)], view[0] - size, view[1] + size)
    if len(line) < 2:
        return line
    way = np.append(0.0, np.cumsum(np.hypot(*np.diff(line, axis=0).T)))
    at = np.arange(0, way[-1], spacing)
    return np.column_stack([np.interp(at, way, line[:, 0]), np.interp(at, way, line[:, 1])])
