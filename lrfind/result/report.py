"""The summary of a sweep: the short text, or a table and a few sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.calibration import TASKS
from lrfind.analysis.curves import CENTRED, EXPECTED, RAW
from lrfind.analysis.flags import UNUSABLE, Flag
from lrfind.analysis.smoothing import USUAL
from lrfind.analysis.transfer import judged_by
from lrfind.analysis.verdict import Verdict
from lrfind.comparison.compare import Comparison
from lrfind.comparison.curve_rows import CurveRow
from lrfind.comparison.rate_shifts import RateShift
from lrfind.comparison.table import with_error
from lrfind.multitask.disagreement import TaskDisagreement
from lrfind.result.brief import Brief, brief
from lrfind.result.brief_tables import brief_tables
from lrfind.result.record import PROBE, TRAIN, SweepRecord
from lrfind.support.errors import CannotTellError
from lrfind.support.html import record_html
from lrfind.support.rates import decades_between
from lrfind.support.text import as_it_is, decades, plain_text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

EARLIER = 0.3
"""A probe that turns this many decades before the batches shows overfitting."""

REPEATED = 10
"""A sweep of this many epochs without a probe cannot tell learning from memorising."""

MANY = (
    "The sweep went through the data {:.3g} times, so its losses cannot tell learning from "
    "memorising: pass a held-out batch as `probe`."
)


@dataclass(frozen=True, eq=False)
class Summary:
    """What `RangeTestResult.summary` returns: print it.

    Attributes:
        record: The sweep.
        comparison: The minima and shifts; the text speaks of those at the last beta.
        answer: The suggested learning rate.
        tasks: How far the tasks disagree; None with a single loss.
        detail: Whether to print every column and interval, and not the short text.
    """

    record: SweepRecord
    comparison: Comparison
    answer: Suggestion | CannotTell
    tasks: TaskDisagreement | None = None
    detail: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.detail:
            yield as_it_is(brief(self.record, self.comparison, self.answer, *self._notes()))
            return
        shown = [row for row in self.comparison.rows if row.curve == USUAL][-1]
        yield ending(self.record)
        if self.record.origin is not None:
            yield as_it_is(str(self.record.origin))
        yield ""
        yield self.comparison
        yield ""
        yield shift_sentence(shown)
        yield rate_sentence(self.comparison.rate_shifts, shown.beta)
        yield decade_sentence(self.comparison.rows, shown.beta, self.answer)
        yield str(self.answer)
        yield from map(as_it_is, self._notes())

    def __str__(self) -> str:
        return plain_text(self)

    def _repr_html_(self) -> str:
        return record_html(*self.parts())

    def parts(self) -> Iterable[RenderableType]:
        """Its texts and tables, one below the other."""
        if self.detail:
            return [self]
        return brief_tables(Brief.of(self.record, self.comparison, self.answer, *self._notes()))

    def _notes(self) -> list[str]:
        tasks = "" if self.tasks is None else str(self.tasks)
        return [each for each in (overfitting_sentence(self.record), tasks) if each]


def shift_sentence(row: CurveRow) -> str:
    """How far smoothing moved the minimum from the raw one, and why.

    Args:
        row: A row with a beta.

    Returns:
        One sentence.
    """
    if row.from_raw is None or row.smoothing is None:
        against = (Flag.SMOOTHED, *UNUSABLE)
        reason = next(flag.value for flag in row.minimum.flags if flag in against)
        return f"The shift of the {row.label} minimum cannot be measured: {reason}."
    debiasing = "" if row.debiasing is None else f" ({decades(row.debiasing)} of it from debiasing)"
    return (
        f"The {row.label} minimum lies {decades(row.from_raw.decades)} decades from the raw "
        f"minimum: {with_error(row.smoothing, row.error)} from smoothing{debiasing} and "
        f"{decades(row.noise_from_raw)} from noise and fit error."
    )


def rate_sentence(shifts: Sequence[RateShift], beta: float | None) -> str:
    """How far smoothing moves the rate to train with, by each rule.

    Args:
        shifts: The shifts of a comparison.
        beta: The beta to speak of.

    Returns:
        One sentence.
    """
    told = [
        f"{row.rule} by {with_error(row.smoothing, row.error)}"
        for row in shifts
        if row.beta == beta and row.smoothing is not None
    ]
    if not told:
        return "By how much smoothing moves the rate to train with cannot be told."
    return f"Smoothing moves the suggested rate, in decades: {', '.join(told)}."


def decade_sentence(
    rows: Sequence[CurveRow], beta: float | None, answer: Suggestion | CannotTell
) -> str:
    """The rates one decade below the minima, beside the suggested one.

    Args:
        rows: Rows of a comparison.
        beta: Beta of the averages to name.
        answer: The suggestion.

    Returns:
        One sentence.
    """
    shown = [
        f"{row.label} {row.decade_below:.1e}"
        for row in rows
        if row.minimum.usable and row.curve in (RAW, CENTRED, USUAL) and row.beta in (None, beta)
    ]
    if not shown:
        return "No curve has a usable minimum."
    said = f"One decade below: {', '.join(shown)}"
    if isinstance(answer, CannotTell):
        return f"{said}; lrfind suggests none."
    own = "lrfind's own" if answer.curve == EXPECTED else "suggested"
    return f"{said}; {own} {answer.lr:.1e}, {answer.because}.{_cost_words(answer)}"


def _cost_words(answer: Suggestion) -> str:
    """What the suggestion costs in the mean over tasks, and what one decade below does."""
    cost, below = answer.expected_regret, answer.decade_below_regret
    if cost is None or below is None or answer.verdict is Verdict.COLD_START:
        return ""
    return (
        f" On {TASKS} tasks, each left out, this cost {cost:.0%} of the achievable decrease of the "
        f"{judged_by(answer.epochs)} loss in the mean, and one decade below that minimum "
        f"{below:.0%}."
    )


def ending(record: SweepRecord) -> str:
    """How the sweep ended, as a sentence."""
    steps, last = record.lr.size, record.lr[-1] if record.lr.size else record.settings.start_lr
    epochs = "" if record.epoch_steps is None else f" ({steps / record.epoch_steps:.3g} epochs)"
    ended = f"Ended after {steps} steps{epochs} at lr {last:.2e}: {record.stop_reason.value}."
    return " ".join([ended, *map(str, record.cold_starts)])


def overfitting_sentence(record: SweepRecord) -> str:
    """What the sweep shows of overfitting; empty if nothing.

    That the probe turns before the batches, or that there is none and the data was repeated often.
    """
    epochs = record.lr.size / (record.epoch_steps or math.inf)
    if not record.probe.size:
        return MANY.format(epochs) if epochs >= REPEATED else ""
    try:
        batches, probe = record.curves(TRAIN), record.curves(PROBE)
    except CannotTellError:
        return ""
    if not (batches.fit.descended and probe.fit.descended):
        return ""
    before = decades_between(probe.posterior.unaided_mean, batches.posterior.unaided_mean)
    if before < EARLIER:
        return ""
    repeated = f", {epochs:.3g} epochs of it," if epochs > 1 else ""
    return (
        f"The probe is lowest at {probe.posterior.unaided_mean:.1e}, {before:.1f} decades before "
        f"the batches: beyond, the model fits the training data{repeated} and not new data. "
        '`suggest(source="probe")` reads the probe.'
    )
