"""Figures of the moving averages: the effect of beta and of debiasing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.smoothing import debias_factor, debias_steps, debiased_ema, ema
from lrfind.support.arrays import ArrayLike
from lrfind.support.axes import LINES, RAW, new_axes, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BETAS = (0.5, 0.9, 0.98, 0.99)


def plot_ema(values: ArrayLike, betas: Sequence[float] = BETAS) -> Figure:
    """Draw noisy values and their moving averages for several betas, with and without debiasing.

    Args:
        values: Shape `(n,)`, such as the losses of a run.
        betas: Weights of the old value, each in [0, 1).

    Returns:
        A new figure with two Axes: the EMA that starts from zero, and the debiased one. Nothing
        is shown or saved.

    Raises:
        ValueError: A beta outside [0, 1), or `values` not one-dimensional.

    Example:
        >>> noisy = 1 + np.random.default_rng(0).normal(size=200)
        >>> [ax.get_title() for ax in plot_ema(noisy).axes]
        ['EMA, from zero', 'debiased EMA']
    """
    averages = {"EMA, from zero": ema, "debiased EMA": debiased_ema}
    drawn = {title: average(values, betas) for title, average in averages.items()}
    figure = new_figure(10, 4)
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (title, rows) in zip(axes, drawn.items(), strict=True):
        steps = np.arange(1, rows.shape[1] + 1)
        ax.plot(steps, np.asarray(values), markersize=2.5, alpha=0.6, label="values", **RAW)
        for row, beta, look in zip(rows, betas, _looks(len(betas)), strict=True):
            ax.plot(steps, row, label=f"beta {beta:g}", **look)
        ax.set_title(title, fontsize="medium")
        ax.set_xlabel("step")
    axes[0].set_ylabel("value")
    axes[1].legend(loc="best", fontsize="small", framealpha=0.9)
    return figure


def plot_debiasing(
    betas: Sequence[float] = BETAS, ax: Axes | None = None, *, tolerance: float = 0.01
) -> Axes:
    """Draw the debiasing factor `1 / (1 - beta**t)` over steps, and where it becomes negligible.

    Args:
        betas: Weights of the old value, each in [0, 1).
        ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
        tolerance: As in `debias_steps`, whose result is marked.

    Returns:
        The Axes.

    Raises:
        ValueError: A beta outside [0, 1), or `tolerance` outside (0, 1).

    Example:
        >>> plot_debiasing([0.9]).get_lines()[0].get_label()
        'beta 0.9: factor 10 at step 1, negligible after 44'
    """
    gone = [debias_steps(beta, tolerance=tolerance) for beta in betas]
    steps = np.arange(1, 2 * max(gone, default=1) + 1)
    factors = 1 / debias_factor(steps, np.asarray(betas, dtype=np.float64))
    if ax is None:
        ax = new_axes(4.5)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("step t")
    ax.set_ylabel("debias factor 1 / (1 - beta**t)")
    for factor, beta, end, look in zip(factors, betas, gone, _looks(len(betas)), strict=True):
        label = f"beta {beta:g}: factor {factor[0]:.4g} at step 1, negligible after {end}"
        ax.plot(steps, factor, label=label, **look)
        ax.plot(end, factor[end - 1], color=look["color"], marker="o", linestyle="none")
    ax.legend(
        loc="best", fontsize="small", framealpha=0.9, title_fontsize="small",
        title=f"negligible (dots): beta**t at most {tolerance:g}",
    )  # fmt: skip
    return ax


def _looks(count: int) -> list[dict[str, Any]]:
    """Styles from dark and thin to light and thick, so that smoother lines stand out more."""
    from matplotlib import colormaps

    return [
        {
            "color": colormaps["viridis"](0.85 * place),
            "linestyle": LINES[number % len(LINES)],
            "linewidth": 1 + place,
        }
        for number, place in enumerate(np.linspace(0, 1, count))
    ]
