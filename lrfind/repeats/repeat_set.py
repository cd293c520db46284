"""Repeated sweeps of one problem, or of a grid of problems, as one record."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrfind.analysis.curves import CENTRED
from lrfind.analysis.defaults import BETA
from lrfind.analysis.posterior import CONFIDENCE
from lrfind.repeats.figure import COLORS, SettingCurves, plot_repeats
from lrfind.repeats.rows import SettingRow
from lrfind.repeats.runs import RunSet
from lrfind.repeats.table import RepeatTable
from lrfind.result.record import TRAIN
from lrfind.support.html import record_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console, ConsoleOptions, RenderResult


class RepeatSet(RunSet):
    """Repeated range tests, as returned by `lrfind.repeat` and `lrfind.load_repeats`.

    Attributes:
        runs: The runs; those with the same settings differ in their seeds.

    Example:
        >>> import numpy as np
        >>> from lrfind.repeats.runs import Run
        >>> from lrfind.result.range_test_result import RangeTestResult
        >>> from lrfind.result.settings import StopReason, SweepSettings
        >>> lr, settings = np.geomspace(1e-3, 1e1, 81), SweepSettings(1e-3, 1e1, 81, "exp", None)
        >>> def run(seed, best):
        ...     loss = (np.log10(lr) - best) ** 2
        ...     return Run(seed, {}, RangeTestResult(lr, loss, StopReason.COMPLETED, settings))
        >>> runs = RepeatSet(tuple(run(seed, -1 + 0.1 * seed) for seed in range(5)))
        >>> answer = runs.suggest()
        >>> f"{answer.lr:.3f} from {answer.interval[0]:.3f} to {answer.interval[1]:.3f}"
        '0.028 from 0.018 to 0.044'
    """

    def __repr__(self) -> str:
        return f"<RepeatSet: {len(self.runs)} runs of {len(self.by_setting())} setting(s)>"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.table()

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        table = self.table()
        alt = "The curves of the runs against the learning rate, and what they suggest together."
        return record_html(table, draw=partial(self.plot, table=table), alt=alt)

    def table(
        self,
        *,
        confidence: float = CONFIDENCE,
        rule: str | None = None,
        curve: str | None = None,
        beta: float | None = None,
        source: str = TRAIN,
        **question: Any,
    ) -> RepeatTable:
        """One row for each setting: minimum, spread, suggested learning rate and interval.

        Args:
            confidence: Confidence level of the intervals, between 0 and 1.
            rule: As in `RangeTestResult.suggest`, like all that follow.
            curve: For a rule on one curve; the minima are of this curve too, or of the centred one
                if None.
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased"; None for 0.98.
            source: "train", "probe", or the name of a task.
            question: Further arguments of `suggest`, such as `schedule`.

        Returns:
            `rows`, `str()`, `to_dict()`, `to_csv()`. Pass it to `plot`, `to_dict` and `to_csv` for
            the same suggestions in all of them.

        Raises:
            ValueError: An argument is out of range.
        """
        question |= {"curve": curve, "beta": beta, "source": source}
        smoothing = BETA if beta is None else beta
        rows = (
            SettingRow(
                settings=runs.settings,
                minima=runs.minima(curve or CENTRED, beta=smoothing, source=source),
                suggestions=runs.suggestions(rule, **question),
                answer=runs.suggest(rule, confidence=confidence, **question),
            )
            for runs in self.by_setting()
        )
        return RepeatTable(self.names, tuple(rows), confidence)

    def to_dict(
        self, *, confidence: float = CONFIDENCE, table: RepeatTable | None = None
    ) -> dict[str, object]:
        """The table as plain values, ready for JSON; missing values are None.

        Args:
            confidence: Confidence level of the intervals; ignored if `table` is given.
            table: The result of `table`; None calls it with its defaults.
        """
        return self._table(table, confidence).to_dict()

    def to_csv(
        self,
        path: str | Path,
        *,
        confidence: float = CONFIDENCE,
        table: RepeatTable | None = None,
    ) -> None:
        """Write the table to a CSV file: a column for each setting, then the columns of a row.

        Args:
            path: The file to write; replaced atomically.
            confidence: Confidence level of the intervals; ignored if `table` is given.
            table: The result of `table`; None calls it with its defaults.

        Raises:
            OSError: The file cannot be written.
        """
        self._table(table, confidence).to_csv(path)

    def plot(
        self, ax: Axes | None = None, *, curve: str = CENTRED, table: RepeatTable | None = None
    ) -> Axes:
        """Draw the median curve with its band, the single runs, their minima and the suggestion.

        With several settings, each has its own colour and single runs are not drawn.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
            curve: "raw", "centred", "ema" or "debiased".
            table: The result of `table`, whose suggestions are drawn; None calls it with its
                defaults.

        Returns:
            The Axes.

        Raises:
            ValueError: There are more settings than colours; `select` some.
        """
        groups = self.by_setting()
        if len(groups) > len(COLORS):
            raise ValueError(
                f"the runs have {len(groups)} settings, but a figure can show {len(COLORS)}: "
                "`select` some."
            )
        rows = self._table(table).rows
        drawn = [runs._drawn(row, curve) for runs, row in zip(groups, rows, strict=True)]
        return plot_repeats(drawn, ax, curve=curve)

    def _table(self, table: RepeatTable | None, confidence: float = CONFIDENCE) -> RepeatTable:
        """The given table, or else that of the default arguments."""
        return self.table(confidence=confidence) if table is None else table

    def _drawn(self, row: SettingRow, curve: str) -> SettingCurves:
        """What to draw for runs with one setting."""
        curves = tuple(of_run for _, of_run in self._curves())
        return SettingCurves(row, curves, self.band(curve) if curves else None, self.minima(curve))
