"""The figures of the layers: heat map over layers and learning rates, and ridgeline plots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.smoothing import label_of
from lrfind.layers.histograms import Stretches, histograms
from lrfind.layers.layer_norms import QUANTITIES, BlowUp, Layers
from lrfind.support.arguments import require_choice
from lrfind.support.arrays import Array
from lrfind.support.axes import (
    BLACK,
    SUGGESTED,
    font_size,
    ink,
    new_axes,
    new_figure,
    shown_name,
)
from lrfind.support.heads import printable
from lrfind.support.text import rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = "viridis"
RATIOS = ("update_ratio", "lars_ratio", "lamb_ratio", "applied")
"""Quantities for which 1 is a reference value."""
DECADES = 6
"""Maximum number of decades that the colours span; smaller values get the lowest colour."""
LINE = 0.17
"""Height of a layer name, in inches."""
OVERLAP = 1.7
"""Height of a histogram in a ridgeline plot, relative to the distance between two of them."""


def plot_layers(
    layers: Layers,
    answer: Suggestion | CannotTell,
    ax: Axes | None = None,
    *,
    quantity: str = "update_ratio",
) -> Axes:
    """Draw a quantity over layers and learning rates; see `RangeTestResult.plot_layers`."""
    from matplotlib import colors

    values = layers.quantity(quantity)
    height = min(max(3.0, 1.6 + 0.28 * len(layers.names)), 16.0)
    ax = new_axes(height) if ax is None else ax
    drawn = np.ma.masked_invalid(np.where(values > 0, values, np.nan).T)
    if drawn.count():
        low, high = np.quantile(drawn.compressed(), (0.01, 0.99))
        low = max(low, high / 10**DECADES)
        mesh = ax.pcolormesh(
            rate_edges(layers.lr), np.arange(len(layers.names) + 1) - 0.5, drawn,
            cmap=COLOURS, norm=colors.LogNorm(low, max(high, 1.001 * low)), rasterized=True,
        )  # fmt: skip
        bar = ax.figure.colorbar(mesh, ax=ax, extend="both")
        bar.set_label(QUANTITIES[quantity])
    ax.set_facecolor("0.85")
    ax.set_xscale("log")
    ax.set_xlabel("learning rate" + ("; grey: zero or undefined" if drawn.mask.any() else ""))
    ax.invert_yaxis()
    _name_layers(ax, layers.names)
    _mark_rates(ax, answer)
    _mark_blow_ups(ax, layers)
    return ax


def plot_histograms(
    layers: Layers,
    quantity: str = "lamb_ratio",
    *,
    stretches: int = 8,
    names: Sequence[str] | None = None,
) -> Figure:
    """Draw ridgeline plots of histograms; see `RangeTestResult.plot_layer_histograms`.

    Also works for a recording at a constant learning rate, whose stretches are labelled by their
    steps.
    """
    found = histograms(layers.quantity(quantity), stretches)
    names = layers.names if names is None else names
    picked = [layers.names.index(require_choice("names", name, layers.names)) for name in names]
    columns = max(1, min(4, math.ceil(math.sqrt(len(picked)))))
    rows = max(1, math.ceil(len(picked) / columns))
    figure = new_figure(2.6 * columns + 1.2, 2.2 * rows + 0.8)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for ax in grid.flat[len(picked) :]:
        ax.set_axis_off()
    for place, (ax, layer) in enumerate(zip(grid.flat, picked, strict=False)):
        _draw_ridge(ax, found, layer)
        ax.tick_params(labelbottom=place + columns >= len(picked))
        ax.set_title(_shown(layers.names[layer]), fontsize="small")
        if quantity in RATIOS:
            ax.axvline(1, color="0.5", linewidth=0.8, linestyle="--", zorder=0)
    words, labels = stretch_labels(layers.lr, found)
    for ax in grid[:, 0]:
        ax.set_yticks(range(len(labels)), labels)
    figure.supylabel(words, fontsize="medium")
    figure.supxlabel(QUANTITIES[quantity], fontsize="medium")
    return figure


def rate_edges(lr: Array) -> Array:
    """Edges of the columns of a heat map: midway between two learning rates in log10.

    Args:
        lr: Shape `(n,)`, rising.

    Returns:
        Shape `(n + 1,)`.
    """
    logs = np.log10(lr)
    if logs.size < 2:
        logs = np.append(logs, logs[-1:] + 0.1)[: logs.size + 1]
        return np.asarray(10.0**logs)
    middles = (logs[1:] + logs[:-1]) / 2
    ends = (2 * logs[0] - middles[0], 2 * logs[-1] - middles[-1])
    return np.asarray(10.0 ** np.concatenate([ends[:1], middles, ends[1:]]))


def stretch_labels(lr: Array, found: Stretches) -> tuple[str, list[str]]:
    """Labels of the stretches: learning rate in the middle, or steps if it is constant.

    Args:
        lr: Shape `(n,)`, the learning rate of each step.
        found: The stretches of those steps.

    Returns:
        The axis label, and the tick labels.
    """
    if not lr.size:
        return "", []
    starts, ends = np.array(found.starts[:-1]), np.array(found.starts[1:]) - 1
    if lr[0] == lr[-1]:
        pairs = zip(starts, ends, strict=True)
        return "steps of the stretch", [f"{start} to {end}" for start, end in pairs]
    rates = np.sqrt(lr[starts] * lr[ends])
    return "learning rate, middle of the stretch", [rate(each) for each in rates]


def _name_layers(ax: Axes, names: Sequence[str]) -> None:
    """Label every row, or every k-th if the figure is not high enough for all."""
    room = max(1, int(ax.bbox.height / ax.figure.dpi / LINE))
    every = math.ceil(len(names) / room) or 1
    shown = range(0, len(names), every)
    ax.set_yticks(list(shown), [_shown(names[row]) for row in shown], fontsize="small")


def _shown(name: str) -> str:
    """The end of a long name, which is more specific than its start."""
    return shown_name(name, end=True)


def _mark_rates(ax: Axes, answer: Suggestion | CannotTell) -> None:
    if not isinstance(answer, Suggestion):
        return
    minimum = f"{label_of(answer.curve, answer.beta)} minimum"
    marks = [
        (answer.lr, "train at", SUGGESTED, "right", "-"),
        (answer.minimum.lr, minimum, BLACK, "left", "--"),
    ]
    for lr, word, colour, side, style in marks:
        # A white line underneath makes it stand out from any colour of the map.
        ax.axvline(lr, color="white", linewidth=2.8)
        ax.axvline(lr, color=colour, linewidth=1.6, linestyle=style)
        ax.annotate(
            f"{word} {rate(lr)}", (lr, 1), (0, 3), xycoords=("data", "axes fraction"),
            textcoords="offset points", ha=side, va="bottom", fontsize=font_size(ax),
            color=ink(ax) if colour == BLACK else colour,
        )  # fmt: skip


def _mark_blow_ups(ax: Axes, layers: Layers) -> None:
    found = layers.blow_ups()
    rows = [layers.names.index(each.layer) for each in found]
    cross: dict[str, Any] = {"linestyle": "none", "marker": "X", "markersize": 8, "zorder": 5}
    ax.plot(
        [each.lr for each in found], rows, color="white", markeredgecolor="black",
        **cross,
    )  # fmt: skip
    named = [replace(each, layer=_shown(each.layer)) for each in found]
    ax.set_title(blow_up_sentence(named), fontsize="small", pad=20)


def blow_up_sentence(found: Sequence[BlowUp]) -> str:
    """Which layer blew up first, and at which learning rate.

    Args:
        found: The result of `Layers.blow_ups` with its default factor.

    Returns:
        One sentence.
    """
    if not found:
        return "No layer blew up: none grew to ten times its initial norm."
    first, others = found[0], len(found) - 1
    rest = {0: "no other did", 1: "1 other followed"}.get(others, f"{others} others followed")
    return (
        f"First to blow up (crosses): {printable(first.layer)}, which grew to ten times its "
        f"initial norm at lr {rate(first.lr)} ({rest})."
    )


def _draw_ridge(ax: Axes, found: Stretches, layer: int) -> None:
    from matplotlib import colormaps

    counts = found.counts[layer]
    edges = 10.0**found.edges
    ax.set_xscale("log")
    ax.set_ylim(-0.2, len(counts) - 1 + OVERLAP + 0.2)
    for row, each in enumerate(counts):
        height = OVERLAP * each / (each.max() or 1.0)
        colour = colormaps[COLOURS](row / max(1, len(counts) - 1) * 0.92)
        for style in ({"fill": True, "alpha": 0.6}, {"linewidth": 0.9}):
            shape: Any = style | {"baseline": row, "color": colour, "zorder": 2 + len(counts) - row}
            ax.stairs(row + height, edges, **shape)
