"""The regret of finders against the optimizer steps they take, as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from oracle_scores import Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS, PEER, AUTOMATIC = "#009e73", "#4d4d4d", "#0072b2"
TITLES = {"constant": "constant rate", "one_cycle": "one cycle"}
NONE_AT = 15.0
"""Where finders that take no step are drawn on the axis of steps."""
LABEL = 0.036
"""Height of a label as a share of the axis."""
APART = 1.7
"""Points further apart in steps than this factor have their labels in columns of their own."""


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Places for labels, in the same order, each as near to its height as a gap between them lets.

    Args:
        heights: Wanted places.
        gap: Least distance between two.

    Returns:
        Places, of which neighbours that would overlap stand around the mean of what they want.
    """
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    blocks: list[tuple[float, int]] = []
    for i in order:
        centre, size = heights[i], 1
        while blocks and centre - blocks[-1][0] < gap * (size + blocks[-1][1]) / 2:
            other, count = blocks.pop()
            centre, size = (centre * size + other * count) / (size + count), size + count
        blocks.append((centre, size))
    places = [0.0] * len(heights)
    sorted_places = [
        centre + gap * (k - (size - 1) / 2) for centre, size in blocks for k in range(size)
    ]
    for i, place in zip(order, sorted_places, strict=True):
        places[i] = place
    return places


def clusters(steps: Sequence[float]) -> list[list[int]]:
    """Indices of points that are near each other in steps, from the left."""
    order = sorted(range(len(steps)), key=lambda i: steps[i])
    found: list[list[int]] = []
    for i in order:
        if found and steps[i] <= APART * steps[found[-1][-1]]:
            found[-1].append(i)
        else:
            found.append([i])
    return found


def colour(score: Score) -> str:
    """Ours, a peer's, or that of an optimizer that needs no rate."""
    if score.finder.startswith("lrfind"):
        return OURS
    return PEER if score.steps or score.finder == "documented default" else AUTOMATIC


def draw(ax: Axes, scores: Sequence[Score], schedule: str) -> None:
    """A labelled point for each finder; the limits of the axes must be set."""
    steps = [max(each.steps, NONE_AT) for each in scores]
    heights = [each.mean(schedule) for each in scores]
    low, high = ax.get_ylim()
    for cluster in clusters(steps):
        right = max(steps[i] for i in cluster) * 1.25
        places = spread([heights[i] for i in cluster], LABEL * (high - low))
        for i, place in zip(cluster, places, strict=True):
            ax.plot(steps[i], heights[i], "o", color=colour(scores[i]), markersize=6)
            ax.annotate(
                scores[i].finder, (steps[i], heights[i]), (right, place), fontsize=8,
                color=colour(scores[i]), verticalalignment="center", annotation_clip=False,
                arrowprops={"arrowstyle": "-", "color": "#bbbbbb", "linewidth": 0.6,
                            "shrinkA": 1, "shrinkB": 3},
            )  # fmt: skip


def picture(scores: Sequence[Score], path: Path) -> None:
    """Draw all finders into a file: a row as they are and one with a factor, by schedule."""
    from matplotlib.figure import Figure

    rows = {
        "as documented": [each for each in scores if not each.fitted],
        "with one factor fitted on the other families": [each for each in scores if each.fitted],
    }
    figure = Figure(figsize=(12, 10), layout="constrained", dpi=110)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    furthest = max([each.steps for each in scores] + [100.0])
    values = [v for each in scores for s in TITLES if not math.isnan(v := each.mean(s))]
    panels[0, 0].set_xscale("log")
    panels[0, 0].set_xlim(NONE_AT / 1.5, furthest * 8)
    panels[0, 0].set_xticks([NONE_AT, 100, 300, 1000], ["none", "100", "300", "1000"])
    panels[0, 0].minorticks_off()
    # Below the lowest point there is room for two labels that are pushed down.
    panels[0, 0].set_ylim(min(0.0, *values) - 2 * LABEL * max(values), max(values) + 0.04)
    for axes, (row, shown) in zip(panels, rows.items(), strict=True):
        for ax, (schedule, title) in zip(axes, TITLES.items(), strict=True):
            ax.axhline(0, color="#dddddd", linewidth=1, zorder=0)
            ax.set_title(f"{title}, {row}", fontsize="medium")
            draw(ax, [each for each in shown if not math.isnan(each.mean(schedule))], schedule)
    figure.supxlabel("optimizer steps that the answer takes")
    figure.supylabel("mean regret: share of the achievable improvement that is lost")
    save(figure, path)


def save(figure: Figure, path: Path) -> None:
    """Write a picture of few colours as a PNG with a palette, a third as large."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    pixels.quantize(64).save(path, optimize=True)
