"""Shared by all figures: colours, line styles, axes, legends and titles."""

from __future__ import annotations

import textwrap
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

import numpy as np

from lrfind.support.heads import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

    from lrfind.support.arrays import Array

# Okabe & Ito's palette, distinguishable with all common forms of colour blindness; without colour,
# line styles and shades of grey still distinguish the curves.
BLACK, GREY, SKY, BLUE, RED = "#000000", "#9a9a9a", "#56b4e9", "#0072b2", "#d55e00"
GREEN, PINK, ORANGE = "#009e73", "#cc79a7", "#e69f00"

PALETTE = (BLUE, RED, GREEN, PINK, ORANGE, SKY)
"""Colours for many curves of one kind, darkest first, without yellow, too pale for a line."""
LINES = ("-", "--", "-.", ":")
"""Line styles to combine with it."""

RAW: dict[str, Any] = {"color": GREY, "marker": "o", "linestyle": "none"}
CENTRED: dict[str, Any] = {"color": BLACK, "marker": "o", "linestyle": "--"}
EXPECTED: dict[str, Any] = {"color": GREEN, "marker": "v", "linestyle": "none"}
PROBE: dict[str, Any] = {"color": PINK, "linestyle": "-."}
SUGGESTED = GREEN
BAND: dict[str, Any] = {"color": SUGGESTED, "alpha": 0.12, "linewidth": 0, "zorder": 0.2}

FONT, FONT_PER_INCH = (6.0, 8.5), 1.4
"""Smallest and largest size of labels and legends, in points, and points per inch of width."""
EXTREME = 1e-200, 1e200
"""Rates beyond which margins and ticks of an axis may be no numbers."""
BELOW_AXIS = 3.3
"""Height of the labels below the axes, in heights of their letters."""
COLUMN = 22.0
"""Width of a column of the legend, in heights of its letters."""
CHARACTERS_PER_INCH = 14, 12
"""Characters of a title per inch of width, small and medium."""
LONGEST = 32
"""Characters of a name in a figure."""

KEPT = 10
"""Figures of ours that pyplot keeps where it cannot show them; it warns of more than 20."""
_OPENED: deque[ReferenceType[Figure]] = deque()


def new_figure(width: float, height: float) -> Figure:
    """A new figure of pyplot, of this size in inches.

    Where the backend shows no figures, as on a server, pyplot forgets the oldest of ours beyond
    `KEPT`. Whoever holds such a figure can still draw on it and save it.
    """
    import matplotlib.pyplot as plt
    from matplotlib.backends.registry import BackendFilter, backend_registry

    figure = plt.figure(figsize=(width, height), layout="constrained")
    _OPENED.append(ref(figure))
    shown_nowhere = backend_registry.list_builtin(  # type: ignore[no-untyped-call]
        BackendFilter.NON_INTERACTIVE
    )
    while len(_OPENED) > KEPT:
        oldest = _OPENED.popleft()()
        if oldest is not None and plt.get_backend().lower() in shown_nowhere:
            plt.close(oldest)
    return figure


def new_axes(height: float = 5.0) -> Axes:
    """The axes of a new figure, 8 inches wide; see `new_figure`."""
    return new_figure(8, height).subplots()


@contextmanager
def without_tex() -> Iterator[None]:
    """Set texts without LaTeX, whatever the user's matplotlibrc says, as in all that we save.

    LaTeX may not be installed, and it would take the names of layers and files for commands.
    """
    import matplotlib

    with matplotlib.rc_context({"text.usetex": False}):
        yield


def rate_axes(ax: Axes | None, label: str = "learning rate") -> Axes:
    """Axes for losses against a logarithmic learning rate; new ones if None."""
    ax = new_axes() if ax is None else ax
    ax.set_xscale("log")
    ax.set_xlabel(label)
    ax.set_ylabel("loss")
    return ax


def keep_to_floats(axis: Axis, lr: Array, unit: float = 1.0) -> None:
    """Leave no margins beside extreme rates, and no ticks beyond them: these would overflow.

    Args:
        axis: That of the rates.
        lr: Shape `(n,)`, rising.
        unit: What the losses are drawn in; named if it is not 1.
    """
    if unit != 1:
        axis.axes.set_ylabel(loss_label(unit))
    if EXTREME[0] <= lr[0] and lr[-1] <= EXTREME[1]:
        return
    from matplotlib.ticker import FixedLocator, NullLocator

    axis.axes.margins(0)
    logs = np.linspace(np.log10(lr[0]), np.log10(lr[-1]), 5)
    axis.set_major_locator(FixedLocator((10**logs).tolist()))
    axis.set_minor_locator(NullLocator())


def loss_label(unit: float) -> str:
    """The label of an axis of losses, with the unit that they are drawn in if it is not 1."""
    return "loss" if unit == 1 else f"loss / {unit:.2g}"


def font_size(ax: Axes) -> float:
    """Size of labels and legends, in points; smaller on small axes."""
    smallest, largest = FONT
    return min(largest, max(smallest, FONT_PER_INCH * inches(ax)))


def ink(ax: Axes) -> Any:
    """The colour of the text of these axes: black, or white in a dark style."""
    return ax.xaxis.label.get_color()


def paper(ax: Axes) -> Any:
    """Their background colour."""
    return ax.get_facecolor()


def text_style(ax: Axes) -> dict[str, Any]:
    """Style of text labels: on the background colour, since data may lie underneath."""
    back = {"facecolor": paper(ax), "edgecolor": "none", "alpha": 0.8, "pad": 0.8}
    return {"fontsize": font_size(ax), "bbox": back}


def legend_columns(ax: Axes) -> int:
    """The number of columns of a legend as wide as the axes."""
    return max(1, int(72 * inches(ax) / (COLUMN * font_size(ax))))


def draw_legend(ax: Axes, heading: str | None = None) -> None:
    """Draw the legend, with an optional heading; smaller on small axes.

    Below the axes where a layout engine makes room for it, so that it covers nothing; else where it
    covers least.
    """
    size = font_size(ax)
    style: dict[str, Any] = {"fontsize": size, "title_fontsize": size, "title": heading}
    if ax.figure.get_layout_engine() is None:
        ax.legend(loc="best", framealpha=0.9, **style)
        return
    # Below the tick labels and the axis label, whose size is another; matplotlib counts in letters.
    pad = (BELOW_AXIS * float(ax.xaxis.label.get_fontsize()) + 8) / size
    style |= {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "borderaxespad": pad}
    ax.legend(ncols=legend_columns(ax), frameon=False, **style)


def shown_name(name: str, *, end: bool = False) -> str:
    r"""A name of the user's for a figure: cut to `LONGEST`, on one line, and never a formula.

    Args:
        name: Any text.
        end: Whether to keep the end of a long name, and not its start.

    Example:
        >>> print(shown_name("encoder.layers.0.self_attention.out_proj"), shown_name("$x$"))
        encoder.layers.0.self_attention… \$x\$
    """
    name = printable(name)  # no font has a shape for what is not
    if len(name) > LONGEST:
        name = "…" + name[1 - LONGEST :] if end else name[: LONGEST - 1] + "…"
    return no_formula(name)


def no_formula(text: str) -> str:
    """A text whose dollars matplotlib draws as they are."""
    return text.replace("$", r"\$")


def title(ax: Axes, *texts: str) -> None:
    """Set the title: the first of the texts that fits on one line, else the last, wrapped."""
    small, medium = (max(30, int(each * inches(ax))) for each in CHARACTERS_PER_INCH)
    text = next((text for text in texts if len(text) <= small), texts[-1])
    size = "medium" if len(text) <= medium else "small"
    ax.set_title(
        no_formula(textwrap.fill(printable(" ".join(text.split())), width=small)), fontsize=size
    )


def inches(ax: Axes) -> float:
    """Width of the axes in inches."""
    return float(ax.bbox.width / ax.figure.dpi)
