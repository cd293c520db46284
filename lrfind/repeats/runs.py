"""A set of repeated runs with its analysis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.curves import CENTRED, SweepCurves
from lrfind.analysis.defaults import BETA
from lrfind.analysis.posterior import CONFIDENCE
from lrfind.problems.build import Plain
from lrfind.repeats.agreement import RepeatSuggestion, agree, spread_of
from lrfind.repeats.spread import COVERAGE, Band, RunCurve, Spread, between_run_sd, median_band
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.record import TRAIN
from lrfind.result.settings import StopReason
from lrfind.support.arguments import require_choice
from lrfind.support.errors import CannotTellError
from lrfind.support.records import freeze

BLEW_UP = (StopReason.DIVERGED, StopReason.NON_FINITE, StopReason.OVERFLOW)
"""Stop reasons after which the loss of a run counts as larger than any other."""


@dataclass(frozen=True)
class Run:
    """One sweep of a set.

    Attributes:
        seed: The seed of the global generators when the problem was made.
        settings: The settings that vary between runs, by name. Read-only.
        result: The sweep.
    """

    seed: int
    settings: Mapping[str, Plain]
    result: RangeTestResult

    def __post_init__(self) -> None:
        freeze(self, "settings")


Self = TypeVar("Self", bound="RunSet")


@dataclass(frozen=True)
class RunSet:
    """The runs of a `RepeatSet` with their analysis; `RepeatSet` adds tables and figures."""

    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", tuple(self.runs))
        if not self.runs:
            raise ValueError("`runs` must hold at least one run.")

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the settings, in order of appearance."""
        return tuple(dict.fromkeys(name for run in self.runs for name in run.settings))

    @property
    def settings(self) -> Mapping[str, Plain]:
        """The settings, if all runs have the same.

        Raises:
            ValueError: The runs have several settings.
        """
        count = len(self.by_setting())
        if count > 1:
            raise ValueError(
                f"the runs have {count} settings: take one of `by_setting()`, or `select(...)` it."
            )
        return self.runs[0].settings

    def by_setting(self: Self) -> tuple[Self, ...]:
        """One set for each setting, in order of appearance."""
        groups: dict[tuple[Any, ...], list[Run]] = {}
        for run in self.runs:
            # With the type: True and 1 are equal as keys, but not the same setting.
            values = (run.settings.get(name) for name in self.names)
            groups.setdefault(tuple((type(value), value) for value in values), []).append(run)
        return tuple(type(self)(tuple(runs)) for runs in groups.values())

    def select(self: Self, **settings: Plain) -> Self:
        """The runs with these settings.

        Args:
            settings: Names and values; settings not named may have any value.

        Raises:
            ValueError: An unknown name, or no run has these values.
        """
        for name in settings:
            require_choice("settings", name, self.names)
        wanted = settings.items()
        chosen = tuple(run for run in self.runs if wanted <= run.settings.items())
        if not chosen:
            raise ValueError(f"no run has {settings!r}.")
        return type(self)(chosen)

    def minima(self, curve: str = CENTRED, *, beta: float = BETA, source: str = TRAIN) -> Spread:
        """The minima of the single runs.

        Args:
            curve: "raw", "centred", "ema" or "debiased".
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased".
            source: "train", "probe", or the name of a task.

        Returns:
            Their median and spread; a run without a usable minimum is counted as missing.

        Raises:
            ValueError: The runs have several settings, or an argument is out of range.
        """
        minima = [curves.minimum(curve, beta) for _, curves in self._curves(source)]
        decades = tuple(math.log10(each.lr) for each in minima if each.usable)
        return Spread(decades, len(self.runs) - len(decades))

    def suggestions(self, rule: str | None = None, **question: Any) -> Spread:
        """The suggestions of the single runs.

        Args:
            rule: As in `RangeTestResult.suggest`.
            question: Further arguments of `RangeTestResult.suggest`.

        Returns:
            Their median and spread; a run without a suggestion is counted as missing.

        Raises:
            ValueError: The runs have several settings, or an argument is out of range.
        """
        return spread_of(self._answers(rule, **question))

    def suggest(
        self, rule: str | None = None, *, confidence: float = CONFIDENCE, **question: Any
    ) -> RepeatSuggestion | CannotTell:
        """One learning rate from all runs: the median suggestion, with a confidence interval.

        The interval is for the median of very many runs (see `Spread.interval`), and at least one
        step of the sweep to either side. Single runs scatter more, by `sd`. Repeats cannot show how
        far the best learning rate is from the suggested one: this part of a single sweep's interval
        (`Uncertainty.transfer`) remains, and is given as `transfer`.

        Args:
            rule: As in `RangeTestResult.suggest`.
            confidence: Confidence level of the interval, between 0 and 1.
            question: Further arguments of `RangeTestResult.suggest`.

        Returns:
            A `RepeatSuggestion`; or a `CannotTell`, which is falsy, if fewer than 3 runs or fewer
            than half of them have a suggestion.

        Raises:
            ValueError: The runs have several settings, or an argument is out of range.
        """
        answers = self._answers(rule, **question)
        scale = self.runs[0].result.group_scale
        return agree(answers, confidence, least=self._step(), group_scale=scale)

    def between_run(self) -> float:
        """Standard deviation of the expected minimum from run to run, in decades.

        The scatter of the expected minima, corrected for the noise within each sweep (see
        `between_run_sd`). Use it in place of the default in the interval of a single sweep:
        `result.suggest(between=runs.between_run())`.

        Raises:
            CannotTellError: Fewer than 3 runs have a suggestion.
            ValueError: The runs have several settings.
        """
        told = zip(self.runs, self._answers(None), strict=True)
        posteriors = [run.result.curves().posterior for run, answer in told if answer]
        return between_run_sd(
            [math.log10(each.mean) for each in posteriors], [each.deviation for each in posteriors]
        )

    def band(
        self,
        curve: str = CENTRED,
        *,
        beta: float = BETA,
        source: str = TRAIN,
        coverage: float = COVERAGE,
    ) -> Band:
        """The pointwise median of the runs' curves, and a quantile band.

        Args:
            curve: "raw", "centred", "ema" or "debiased".
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased".
            source: "train", "probe", or the name of a task.
            coverage: Share of the runs in the band; 0.8 is from the 10 % to the 90 % quantile.

        Returns:
            The band; see `median_band` for runs over different learning rates, or that ended early.

        Raises:
            CannotTellError: No run has two finite losses.
            ValueError: The runs have several settings, or an argument is out of range.
        """
        curves = [
            RunCurve(each.lr, each.curve(curve, beta), run.result.stop_reason in BLEW_UP)
            for run, each in self._curves(source)
        ]
        if not curves:
            raise CannotTellError("no run has two finite losses")
        return median_band(curves, coverage)

    def _answers(self, rule: str | None, **question: Any) -> list[Suggestion | CannotTell]:
        """The suggestion of each run; all must have the same settings."""
        _ = self.settings
        return [run.result.suggest(rule, **question) for run in self.runs]

    def _curves(self, source: str = TRAIN) -> list[tuple[Run, SweepCurves]]:
        """The runs with two or more finite losses, and their curves; all must share settings."""
        _ = self.settings
        found = []
        for run in self.runs:
            try:
                found.append((run, run.result.curves(source)))
            except CannotTellError:
                continue
        return found

    def _step(self) -> float:
        """The largest mean step size among the sweeps, in decades."""
        asked = [run.result.settings for run in self.runs]
        return max(math.log10(each.end_lr / each.start_lr) / (each.num_iter - 1) for each in asked)
