"""The figure of a sweep as text, for a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.curves import RAW, SweepCurves
from lrfind.analysis.defaults import BETA
from lrfind.analysis.flags import Flag
from lrfind.analysis.smoothing import USUAL
from lrfind.comparison.curve_rows import CurveRow, curve_row
from lrfind.result.figures import y_limits
from lrfind.result.marks import name_of
from lrfind.support.arrays import Array
from lrfind.support.axes import loss_label
from lrfind.support.missing import missing
from lrfind.support.text import plain_text, rate

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

HEIGHT = 20
"""Lines of the plot, with its frame and the ticks."""
WIDEST = 120
"""Columns of the plot on a wide terminal."""
TICK = 8
"""Columns for each tick of the learning rate."""
GREEN, ORANGE, GREY = 2, 3, 8
"""Colours of a terminal, by their numbers."""
ASCII = str.maketrans("·•┊│┃─┌┐└┘├┤┬┴┼", ".o:|#-+++++++++")
"""In place of what an encoding without them cannot write."""


class Drawn(NamedTuple):
    """Points, or a line through them, in one character and colour."""

    name: str
    character: str
    colour: int
    lr: Array
    loss: Array
    line: bool = True

    @property
    def style(self) -> str:
        """The colour as a style of rich."""
        return f"color({self.colour})"


@dataclass(frozen=True)
class TextFigure:
    """The curve of a sweep as text: print it, or take its `str()`.

    As wide as the console, at most `WIDEST`; in colour where the console has any. The diverging
    loss leaves it at the top.

    Attributes:
        curves: The sweep.
        answer: The suggested learning rate.
        beta: Weight of the old value for the debiased EMA, in [0, 1).
    """

    curves: SweepCurves
    answer: Suggestion | CannotTell
    beta: float = BETA

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.columns import Columns
        from rich.text import Text

        low, high = _limits(self.curves)
        drawn = [*self._marks(low, high), *self._lines()]
        label = loss_label(self.curves.unit)
        plot = _plot(drawn, (low, high), label, min(options.max_width, WIDEST))
        instead = ASCII if options.ascii_only else {}
        yield Text.from_ansi(plot.translate(instead), no_wrap=True)
        legend = [
            Text.assemble((each.character.translate(instead), each.style), f" {each.name}")
            for each in reversed(drawn)
        ]
        yield Columns(legend, (0, 2))

    def __str__(self) -> str:
        return plain_text(self, width=80)

    @property
    def _rows(self) -> list[CurveRow]:
        """The raw losses, and their average unless they are averages themselves."""
        raw = curve_row(self.curves, RAW)
        if Flag.SMOOTHED in self.curves.sweep_flags:
            return [raw]
        return [raw, curve_row(self.curves, USUAL, self.beta)]

    def _lines(self) -> Iterator[Drawn]:
        """The losses above their average, in the order of drawing."""
        for row in self._rows:
            losses = self.curves.curve(row.curve, self.beta)
            if row.curve == RAW:
                yield Drawn(f"{row.label} losses", "·", GREY, self.curves.lr, losses, line=False)
            else:
                yield Drawn(row.label, "•", ORANGE, self.curves.lr, losses)

    def _marks(self, low: float, high: float) -> Iterator[Drawn]:
        """The suggested rate and the minima, as vertical lines."""
        ends = np.array([low, high])
        if isinstance(self.answer, Suggestion):
            lr = self.answer.lr
            yield Drawn(f"train at {rate(lr)}", "┃", GREEN, np.full(2, lr), ends)
        looks = {RAW: ("┊", GREY), USUAL: ("│", ORANGE)}
        for row in reversed(self._rows):
            if row.minimum.usable:
                lr = row.minimum.lr
                name = f"{name_of(row)} minimum {rate(lr)}"
                yield Drawn(name, *looks[row.curve], np.full(2, lr), ends)


def _limits(curves: SweepCurves) -> tuple[float, float]:
    """The limits of the figure, without its room for labels at the bottom."""
    _, high = y_limits(curves)
    lowest = float(curves.loss.min())
    return lowest - 0.05 * (high - lowest), high


def _plot(drawn: Sequence[Drawn], limits: tuple[float, float], label: str, width: int) -> str:
    """What plotext draws, as lines with terminal escapes; in its own figure, left empty."""
    plotext = _plotext()
    terminal, figure = plotext.terminal, plotext.figure
    low, high = limits
    figure.clear()
    try:
        terminal.limit(False, False)
        figure.plot_size(width, HEIGHT)
        figure.theme("simple")
        for each in drawn:
            marker = plotext.marker(each.character, plotext.pixel(foreground=each.colour))
            # A line that leaves the plot is drawn to where it ends: not far above.
            losses = np.clip(each.loss, 2 * low - high, 2 * high - low).tolist()
            signal = figure.signal(np.log10(each.lr).tolist(), losses, marker=marker)
            figure.draw(signal.lines(each.line))
        rates = np.concatenate([each.lr for each in drawn])
        across, up = figure.ruler("x", "lower"), figure.ruler("y", "left")
        across.lim(*np.log10([rates.min(), rates.max()]).tolist())
        across.ticks(*_rate_ticks(float(rates.min()), float(rates.max()), width // TICK))
        figure.label("learning rate", "x", "lower")
        figure.label(label, "y", "left")
        up.lim(low, high)
        up.ticks(*_loss_ticks(low, high))
        return str(figure.build().string())
    finally:
        terminal.limit()
        figure.clear()


def _rate_ticks(first: float, last: float, most: int) -> tuple[list[float], list[str]]:
    """Places and labels at powers of ten; at the ends of a range without two of them."""
    low, high = math.ceil(math.log10(first) - 1e-9), math.floor(math.log10(last) + 1e-9)
    powers = list(range(low, high + 1, max(1, math.ceil((high - low + 1) / most))))
    if len(powers) > 1:
        return [float(power) for power in powers], [f"{10.0**power:g}" for power in powers]
    return [math.log10(first), math.log10(last)], [rate(first), rate(last)]


def _loss_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Places and labels of losses, none below zero where no loss is."""
    from lrfind.support.ticks import TicksFrom

    ticks = TicksFrom(low).tick_values(low, high)
    places = [float(tick) for tick in ticks if tick <= high]
    return places, [f"{place:g}" for place in places]


def _plotext() -> Any:
    try:
        import plotext
    except ImportError as error:
        raise missing("plotext", "terminal") from error
    return plotext
