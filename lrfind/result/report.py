"""The summary of a sweep: a table and a few sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.comparison import Comparison
from lrfind.analysis.curve_rows import CurveRow
from lrfind.analysis.curves import UNUSABLE
from lrfind.analysis.smoothing import USUAL
from lrfind.multitask.disagreement import TaskDisagreement
from lrfind.result.record import SweepRecord
from lrfind.support.text import decades, plain_text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


@dataclass(frozen=True)
class Summary:
    """What `RangeTestResult.summary` returns: print it.

    Attributes:
        ending: How the sweep ended.
        comparison: The minima and shifts; a sentence explains the shift at the last beta.
        answer: The suggested learning rate.
        tasks: How far the tasks disagree; None with a single loss.
    """

    ending: str
    comparison: Comparison
    answer: Suggestion | CannotTell
    tasks: TaskDisagreement | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.ending
        yield ""
        yield self.comparison
        yield ""
        yield shift_sentence(self._shown)
        yield str(self.answer)
        if self.tasks is not None:
            yield str(self.tasks)

    def __str__(self) -> str:
        return plain_text(self)

    @property
    def _shown(self) -> CurveRow:
        return [row for row in self.comparison.rows if row.curve == USUAL][-1]


def shift_sentence(row: CurveRow) -> str:
    """How far smoothing moved the minimum from the raw one, and why.

    Args:
        row: A row with a beta.

    Returns:
        One sentence.
    """
    if row.from_raw is None or row.smoothing is None:
        reason = next(flag.value for flag in row.minimum.flags if flag in UNUSABLE)
        return f"The shift of the {row.label} minimum cannot be measured: {reason}."
    debiasing = "" if row.debiasing is None else f" ({decades(row.debiasing)} of it from debiasing)"
    return (
        f"The {row.label} minimum lies {decades(row.from_raw.decades)} decades from the raw "
        f"minimum: {decades(row.smoothing)} from smoothing{debiasing} and "
        f"{decades(row.noise_from_raw)} from noise."
    )


def ending(record: SweepRecord) -> str:
    """How the sweep ended, as a sentence."""
    steps, last = record.lr.size, record.lr[-1] if record.lr.size else record.settings.start_lr
    return f"Ended after {steps} steps at lr {last:.2e}: {record.stop_reason.value}."
