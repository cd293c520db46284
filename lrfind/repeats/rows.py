"""One row of the table of repeated runs: the findings for one setting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from lrfind.analysis.answers import CannotTell
from lrfind.problems.build import Plain
from lrfind.repeats.agreement import RepeatSuggestion
from lrfind.repeats.spread import Spread
from lrfind.support.heads import printable

COLUMNS = ("runs", "missing", "minimum_lr", "sd", "lr", "low", "high", "note")
"""Columns of a row after its setting, also in CSV files."""


@dataclass(frozen=True)
class SettingRow:
    """A setting and the findings of its runs.

    Attributes:
        settings: The setting.
        minima: The minima of the single runs.
        suggestions: The suggestions of the single runs.
        answer: The learning rate that they suggest together, or why there is none.
    """

    settings: Mapping[str, Plain]
    minima: Spread
    suggestions: Spread
    answer: RepeatSuggestion | CannotTell

    @property
    def label(self) -> str:
        """The setting for display, such as `batch_size=64, optimizer=adam`."""
        return ", ".join(f"{name}={value_words(value)}" for name, value in self.settings.items())

    @property
    def runs(self) -> int:
        """Number of runs with a minimum."""
        return len(self.minima.decades)

    @property
    def missing(self) -> int:
        """Number of runs without one."""
        return self.minima.missing

    @property
    def total(self) -> int:
        """Number of runs."""
        return self.runs + self.missing

    @property
    def minimum_lr(self) -> float:
        """Learning rate at the median of the minima; NaN if there is none."""
        return self.minima.median_lr

    @property
    def sd(self) -> float:
        """Standard deviation of the minima over the runs, in decades; NaN for fewer than two."""
        return self.minima.sd

    @property
    def lr(self) -> float:
        """The suggested learning rate; for one or two runs their median; NaN if most have none."""
        if isinstance(self.answer, RepeatSuggestion):
            return self.answer.lr
        enough = len(self.suggestions.decades) >= self.suggestions.missing
        return self.suggestions.median_lr if enough else math.nan

    @property
    def low(self) -> float:
        """Lower end of the interval of `lr`; NaN for fewer than three runs."""
        return self._interval[0]

    @property
    def high(self) -> float:
        """Upper end of the interval of `lr`; NaN for fewer than three runs."""
        return self._interval[1]

    @property
    def note(self) -> str:
        """Why there is no suggestion or no interval, or the flags of the suggestion."""
        if isinstance(self.answer, RepeatSuggestion):
            return "; ".join(flag.value for flag in self.answer.flags)
        return self.answer.reason

    def to_dict(self) -> dict[str, object]:
        """The row as plain values, ready for JSON; missing values are None."""
        values = {name: getattr(self, name) for name in COLUMNS}
        gaps = [name for name, value in values.items() if value != value]  # NaN only
        return {"settings": dict(self.settings), **values, **dict.fromkeys(gaps)}

    @property
    def _interval(self) -> tuple[float, float]:
        answer = self.answer
        return answer.interval if isinstance(answer, RepeatSuggestion) else (math.nan, math.nan)


def value_words(value: Plain) -> str:
    """The value of a setting for display."""
    return f"{value:g}" if isinstance(value, float) else printable(str(value))
