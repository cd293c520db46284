"""The losses of a sweep as a picture that is drawn again while it runs."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import numpy as np

from lrfind.analysis.defaults import BETA
from lrfind.analysis.loss_unit import loss_unit
from lrfind.analysis.smoothing import SMOOTHERS, USUAL, debiased_ema
from lrfind.support.arrays import Array
from lrfind.support.axes import RAW, keep_to_floats, loss_label, without_tex

PAUSE_S = 0.5
"""Least time between two drawings."""
SHARE = 0.01
"""Most of the time that drawing may take."""
POINTS = 500
"""Most points that are drawn of a curve."""
SIZE, DPI, FRAME = (6.0, 3.2), 80, (0.15, 0.15, 0.83, 0.75)
"""In inches; dots per inch; left, lower, width and height of the axes, as shares of the figure."""


class LiveCurve:
    """The raw losses of a sweep and their debiased EMA, so far.

    Args:
        span: The first and the last learning rate planned.
        publish: Takes each picture, as PNG.

    Attributes:
        ax: What is drawn: the raw losses and their average.
    """

    @without_tex()
    def __init__(self, span: tuple[float, float], publish: Callable[[bytes], object]) -> None:
        # Without pyplot, which would keep it and show it once more.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator, NullLocator

        self._publish = publish
        figure = Figure(figsize=SIZE, dpi=DPI)
        self._canvas: Any = FigureCanvasAgg(figure)
        ax = self.ax = figure.add_axes(FRAME)
        average = SMOOTHERS[USUAL]
        (self._raw,) = ax.plot([], [], markersize=2.5, **RAW)
        (self._average,) = ax.plot([], [], linewidth=2, color=average.style["color"])
        ax.set(xscale="log", xlim=span, xlabel="learning rate")
        self._label = f"{average.label} {BETA:g}"
        # Texts cost most, above all those placed anew each time.
        ax.xaxis.set_minor_locator(NullLocator())
        keep_to_floats(ax.xaxis, np.array(span))
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.xaxis.set_label_coords(0.5, -0.13)
        ax.yaxis.set_label_coords(-0.14, 0.5)
        self._title = ax.set_title("", fontsize="medium", y=1.02)
        self._cost, self._last = 0.0, perf_counter()

    @property
    def is_due(self) -> bool:
        """Whether there was no drawing for as long as the last one asks for."""
        return perf_counter() - self._last >= max(PAUSE_S, self._cost / SHARE)

    @without_tex()
    def draw(self, lr: Array, loss: Sequence[float], title: str) -> None:
        """Draw the losses so far.

        Args:
            lr: Shape `(n,)`, the learning rate of each step.
            loss: Shape `(n,)`, its loss; one that is not finite is left out.
            title: What stands above.
        """
        start = perf_counter()
        values = np.array(loss, dtype=np.float64)
        finite = np.isfinite(values)
        unit = loss_unit(values[finite])
        rates, values = lr[finite], values[finite] / unit
        average = debiased_ema(values, BETA)
        # Every k-th, the last among them.
        every = -(-values.size // POINTS) or 1
        shown = slice((values.size - 1) % every, None, every)
        self._raw.set_data(rates[shown], values[shown])
        self._average.set_data(rates[shown], average[shown])
        if values.size:
            self.ax.set_ylim(limits(values, average))
        self.ax.set_ylabel(f"{loss_label(unit)} (line: {self._label})")
        self._title.set_text(title)
        image = io.BytesIO()
        # `savefig` would lay it out once more before.
        self._canvas.print_png(image, pil_kwargs={"compress_level": 1})
        self._publish(image.getvalue())
        self._last = perf_counter()
        self._cost = self._last - start


def limits(loss: Array, average: Array) -> tuple[float, float]:
    """Limits of the loss that show its fall; what rises beyond leaves the figure at the top.

    Args:
        loss: Shape `(n,)`, finite, at least one.
        average: Shape `(n,)`, their average.
    """
    before = slice(int(np.argmin(average)) + 1)
    low, high = loss.min(), max(average[before].max(), np.quantile(loss[before], 0.95))
    height = (high - low) or max(1.0, 0.1 * abs(low))
    return float(low - 0.1 * height), float(high + 0.35 * height)
