"""A suggested rate in its interval, on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfind.support.axes import BAND, SUGGESTED, draw_legend, ink
from lrfind.support.text import rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = (8, 1.4)
"""In inches."""
MARGIN = 10**0.4
"""Around the rates shown, as a factor."""


def draw_answer(
    ax: Axes,
    lr: float,
    interval: tuple[float, float] | None,
    *,
    band: str,
    minimum: tuple[str, float] | None = None,
) -> None:
    """Draw a rate as a line, and its interval as a band.

    Args:
        ax: Axes for nothing else, of about `SIZE`.
        lr: The rate.
        interval: Its interval; None if there is none.
        band: What the interval is.
        minimum: The name and place of the minimum that the rate lies below.
    """
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    ax.set_yticks([])
    ax.spines[["left", "right", "top"]].set_visible(False)
    shown = [lr, *(interval or ())]
    ax.axvline(lr, color=SUGGESTED, linewidth=2.5, label=f"train at {rate(lr)}")
    if interval is not None:
        low, high = map(rate, interval)
        ax.axvspan(*interval, label=f"{band}, {low} to {high}", **(BAND | {"alpha": 0.25}))
    if minimum is not None:
        name, at = minimum
        shown.append(at)
        ax.axvline(at, color=ink(ax), linestyle=":", label=f"{name} {rate(at)}")
    ax.set_xlim(min(shown) / MARGIN, max(shown) * MARGIN)
    draw_legend(ax)
