"""Several sweeps of one problem, or of a grid of problems, as one record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.problems.build import Plain
from lrfind.repeats.agreement import RepeatSuggestion, agree
from lrfind.repeats.spread import Band, RunCurve, Spread, between_run_sd, median_band
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import StopReason
from lrfind.support.arguments import require_choice
from lrfind.support.errors import CannotTellError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lrfind.repeats.rows import SettingRow


BLOWN_UP = (StopReason.DIVERGED, StopReason.NON_FINITE, StopReason.OVERFLOW)


@dataclass(frozen=True)
class Run:
    """One sweep of a set.

    Attributes:
        seed: The seed that the global generators had when the problem was made.
        settings: What was varied, by name.
        result: The sweep.
    """

    seed: int
    settings: Mapping[str, Plain]
    result: RangeTestResult


@dataclass(frozen=True)
class RepeatSet:
    """Repeated range tests: what `lrfind.repeat` returns and `lrfind.load_repeats` reads.

    Attributes:
        runs: The runs; those with the same settings differ in their seeds.

    Example:
        >>> import numpy as np
        >>> from lrfind.result.settings import SweepSettings
        >>> lr, settings = np.geomspace(1e-3, 1e1, 81), SweepSettings(1e-3, 1e1, 81, "exp", None)
        >>> def run(seed, best):
        ...     loss = (np.log10(lr) - best) ** 2
        ...     return Run(seed, {}, RangeTestResult(lr, loss, StopReason.COMPLETED, settings))
        >>> runs = RepeatSet(tuple(run(seed, -1 + 0.1 * seed) for seed in range(5)))
        >>> answer = runs.suggest()
        >>> f"{answer.lr:.3f} from {answer.interval[0]:.3f} to {answer.interval[1]:.3f}"
        '0.047 from 0.030 to 0.073'
    """

    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", tuple(self.runs))
        if not self.runs:
            raise ValueError("`runs` must hold at least one run.")

    def __len__(self) -> int:
        return len(self.runs)

    def __repr__(self) -> str:
        return f"<RepeatSet: {len(self.runs)} runs of {len(self.by_setting())} setting(s)>"

    def __str__(self) -> str:
        from lrfind.repeats.text import repeat_text

        return repeat_text(self)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the settings, in order of appearance."""
        return tuple(dict.fromkeys(name for run in self.runs for name in run.settings))

    @property
    def settings(self) -> dict[str, Plain]:
        """The one setting of all runs.

        Raises:
            ValueError: The runs have several settings.
        """
        first = dict(self.runs[0].settings)
        if any(dict(run.settings) != first for run in self.runs):
            raise ValueError(
                f"the runs have {len(self.by_setting())} settings: take one of `by_setting()`, or "
                "`select(...)` it."
            )
        return first

    def by_setting(self) -> tuple[RepeatSet, ...]:
        """One set for each setting, in order of appearance."""
        groups: dict[tuple[Any, ...], list[Run]] = {}
        for run in self.runs:
            # The type too: True and 1 are one key, and not one setting.
            values = (run.settings.get(name) for name in self.names)
            groups.setdefault(tuple((type(value), value) for value in values), []).append(run)
        return tuple(RepeatSet(tuple(runs)) for runs in groups.values())

    def select(self, **settings: Plain) -> RepeatSet:
        """The runs with these settings.

        Args:
            settings: Names and values; what is not named may be anything.

        Raises:
            ValueError: An unknown name, or no run has these values.
        """
        for name in settings:
            require_choice("settings", name, self.names)
        wanted = settings.items()
        chosen = tuple(run for run in self.runs if wanted <= dict(run.settings).items())
        if not chosen:
            raise ValueError(f"no run has {settings!r}.")
        return RepeatSet(chosen)

    def minima(
        self, curve: str = "centred", *, beta: float = 0.98, source: str = "train"
    ) -> Spread:
        """The rates at the minima of the single runs.

        Args:
            curve: "raw", "centred", "ema" or "debiased".
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased".
            source: "train" or "probe".

        Returns:
            Their median and spread; a run without a usable minimum is counted as missing.

        Raises:
            ValueError: The runs have several settings, or an argument is out of range.
        """
        decades = self._minima(curve, beta, source).values()
        return Spread(tuple(decades), len(self.runs) - len(decades))

    def _minima(self, curve: str, beta: float, source: str) -> dict[int, float]:
        _ = self.settings
        found = {}
        for place, run in enumerate(self.runs):
            try:
                minimum = run.result.curves(source).minimum(curve, beta)
            except CannotTellError:
                continue
            if minimum.usable:
                found[place] = math.log10(minimum.lr)
        return found

    def suggestions(self, rule: str | None = None, **question: Any) -> Spread:
        """The rates that the single runs suggest.

        Args:
            rule: As in `RangeTestResult.suggest`.
            question: Its further arguments.

        Returns:
            Their median and spread; a run that cannot tell is counted as missing.

        Raises:
            ValueError: The runs have several settings, or an argument is out of range.
        """
        told = [answer for answer in self._answers(rule, **question) if answer]
        decades = tuple(math.log10(answer.lr) for answer in told)
        return Spread(decades, len(self.runs) - len(told))

    def _answers(self, rule: str | None, **question: Any) -> list[Suggestion | CannotTell]:
        _ = self.settings
        return [run.result.suggest(rule, **question) for run in self.runs]

    def between_run(self) -> float:
        """Standard deviation of the expected minimum from run to run, in decades.

        The scatter of the expected minima, less what the noise within each sweep adds to it (see
        `between_run_sd`). It takes the place of the default in the interval of a single sweep:
        `result.suggest(between=runs.between_run())`.

        Raises:
            CannotTellError: Fewer than 3 runs have a suggestion.
            ValueError: The runs have several settings.
        """
        answers = self._answers(None)
        told = [run for run, answer in zip(self.runs, answers, strict=True) if answer]
        posteriors = [run.result.curves().posterior for run in told]
        return between_run_sd(
            [math.log10(each.mean) for each in posteriors], [each.deviation for each in posteriors]
        )

    def suggest(
        self, rule: str | None = None, *, confidence: float = 0.9, **question: Any
    ) -> RepeatSuggestion | CannotTell:
        """One rate for all runs: the median of theirs in log10, with an interval.

        The interval is for the median that very many runs would have (see `Spread.interval`), and
        no narrower than one step of the sweep to either side. A single run scatters more: by `sd`.
        Repeats say nothing on how far the best rate of a training lies from it: that part of a
        single sweep's interval (`Uncertainty.transfer`) stays, and is stated in `transfer`.

        Args:
            rule: As in `RangeTestResult.suggest`.
            confidence: Of the interval, between 0 and 1.
            question: Further arguments of `RangeTestResult.suggest`.

        Returns:
            A `RepeatSuggestion`; or a `CannotTell`, which is false, where fewer than 3 runs or
            fewer than half of them have a suggestion.

        Raises:
            ValueError: The runs have several settings, or an argument is out of range.
        """
        answers = self._answers(rule, **question)
        scale = self.runs[0].result.group_scale
        return agree(answers, rule, confidence, least=self._step(), group_scale=scale)

    def _step(self) -> float:
        """The widest mean step of the sweeps, in decades."""
        asked = [run.result.settings for run in self.runs]
        return max(math.log10(each.end_lr / each.start_lr) / (each.num_iter - 1) for each in asked)

    def band(
        self,
        curve: str = "centred",
        *,
        beta: float = 0.98,
        source: str = "train",
        coverage: float = 0.8,
    ) -> Band:
        """The pointwise median of the runs' curves, and the band that holds most of them.

        Args:
            curve: "raw", "centred", "ema" or "debiased".
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased".
            source: "train" or "probe".
            coverage: Share of the runs in the band; 0.8 is from the 10 % to the 90 % quantile.

        Returns:
            The band; see `median_band` for runs over other rates and for those that ended early.

        Raises:
            CannotTellError: No run has two finite losses.
            ValueError: The runs have several settings, or an argument is out of range.
        """
        _ = self.settings
        curves = []
        for run in self.runs:
            try:
                of_run = run.result.curves(source)
            except CannotTellError:
                continue
            blew_up = run.result.stop_reason in BLOWN_UP
            curves.append(RunCurve(of_run.lr, of_run.curve(curve, beta), blew_up))
        if not curves:
            raise CannotTellError("no run has two finite losses")
        return median_band(curves, coverage)

    def table(self, *, confidence: float = 0.9) -> tuple[SettingRow, ...]:
        """One row for each setting: minimum, spread, suggested rate and interval.

        Args:
            confidence: Of the intervals, between 0 and 1.
        """
        from lrfind.repeats.rows import setting_row

        return tuple(setting_row(runs, confidence) for runs in self.by_setting())

    def to_dict(self, *, confidence: float = 0.9) -> dict[str, object]:
        """The table as plain values, ready for JSON; what is not there is None."""
        rows = [row.to_dict() for row in self.table(confidence=confidence)]
        return {"runs": len(self.runs), "confidence": confidence, "rows": rows}

    def to_csv(self, path: str | Path, *, confidence: float = 0.9) -> None:
        """Write the table: a column for each setting, then those of `SettingRow`.

        Args:
            path: The file to write; replaced whole or not at all.
            confidence: Of the intervals, between 0 and 1.

        Raises:
            OSError: The file cannot be written.
        """
        from lrfind.repeats.rows import to_csv

        to_csv(self.table(confidence=confidence), self.names, path)

    def plot(self, ax: Axes | None = None, *, curve: str = "centred") -> Axes:
        """Draw the median curve with its band, the single runs, their minima and the suggestion.

        With several settings, a colour for each.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
            curve: "raw", "centred", "ema" or "debiased".

        Returns:
            The Axes.

        Raises:
            ValueError: There are more settings than colours; `select` some.
        """
        from lrfind.repeats.figure import plot_repeats

        return plot_repeats(self, ax, curve=curve)
