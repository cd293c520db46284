"""The short text of a sweep: which rate, how far smoothing moved it, how sure, what next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.curves import EXPECTED, RAW
from lrfind.analysis.defaults import BETA
from lrfind.analysis.flags import CUT_SHORT, Flag
from lrfind.analysis.smoothing import SMOOTHERS, USUAL
from lrfind.comparison.compare import Comparison
from lrfind.comparison.curve_rows import CurveRow
from lrfind.result.record import SweepRecord
from lrfind.result.settings import StopReason
from lrfind.result.trust import TRUST, trust_of
from lrfind.support.rates import decades_between
from lrfind.support.text import rate, sentence, times

if TYPE_CHECKING:
    from typing_extensions import Self

WIDTH = 72
"""Of a terminal that nobody has widened, less a margin."""

AGREE = 0.5
"""Two rates fewer decades apart agree."""

SHOWN = 6
"""So many parameter groups are named."""

ENDED = {
    StopReason.COMPLETED: "",
    StopReason.DIVERGED: ", until the loss diverged",
    StopReason.NON_FINITE: ", where a loss was NaN or infinite",
    StopReason.EXHAUSTED: ", where the data ran out",
    StopReason.OVERFLOW: ", where the gradients overflowed",
    StopReason.UNFINISHED: ", so far",
}
"""How the range of a sweep ends."""

COLUMNS = ("curve", "minimum", "one decade below")
"""Of the table of minima; the notes beside it have no header."""
NO_MINIMUM = "none"
"""In place of one that is unusable."""

SHORT = {
    Flag.BURN_IN: "still climbing",
    Flag.AT_END: "still falling",
    Flag.CUT_OFF: "still falling",
    Flag.NO_DESCENT: "never falls",
    Flag.TOO_SHORT: "too few losses",
}
"""Flags of a minimum beside its row."""

PEAK = {
    None: "constant, or the peak of one-cycle or cosine",
    "constant": "at a constant rate",
    "one_cycle": "peak of one-cycle or cosine",
}
"""What a rate is for, by the schedule asked for."""


def brief(
    record: SweepRecord, comparison: Comparison, answer: Suggestion | CannotTell, *notes: str
) -> str:
    """The short text, at most `WIDTH` columns wide.

    Args:
        record: The sweep.
        comparison: Its minima; the words on the shift are for the last beta.
        answer: The suggested learning rate.
        notes: Further sentences.
    """
    said = Brief.of(record, comparison, answer, *notes)
    parts = [
        [line for text in said.opening for line in _filled("", text)],
        [*_table(said.curves)],
        _filled("  ", said.shift),
        [line for head, text in said.answer for line in _filled(f"  {head:<8}  ", text)],
    ]
    parts += [_filled("  ", note) for note in said.notes]
    return "\n\n".join("\n".join(part) for part in parts if part)


class Brief(NamedTuple):
    """What the short text says."""

    opening: tuple[str, ...]
    """What was swept, and by which tool."""
    curves: tuple[tuple[str, str, str, str], ...]
    """Name of each curve, its minimum, one decade below, and a note."""
    shift: str
    """How far the smoothed minimum lies from the raw one; empty if that cannot be told."""
    answer: tuple[tuple[str, str], ...]
    """Lines on the rate, each with what it is about; as the line before if that is empty."""
    notes: tuple[str, ...]
    """Warnings, and further sentences."""

    @classmethod
    def of(
        cls,
        record: SweepRecord,
        comparison: Comparison,
        answer: Suggestion | CannotTell,
        *notes: str,
    ) -> Self:
        """The parts of `brief`, of the same arguments."""
        shown = [row for row in comparison.rows if row.curve == USUAL][-1]
        return cls(
            (opening(record), *([] if record.origin is None else [str(record.origin)])),
            tuple(_curves(comparison)),
            shift_words(shown),
            tuple(_answer(record, answer, shown)),
            (*_cautions(answer), *notes),
        )


def opening(record: SweepRecord) -> str:
    """What was swept, how it ended, and whether the training state was put back."""
    steps, reason = record.lr.size, record.stop_reason
    first, count = "", f"{steps:,}"
    if reason.cut_short:
        first, count = f"{sentence(reason.value)} ", f"{count} of {record.settings.num_iter:,}"
    epochs = "" if record.epoch_steps is None else f" ({steps / record.epoch_steps:.2g} epochs)"
    span = f", {record.lr[0]:.2g} to {record.lr[-1]:.2g}" if steps else ""
    back = " Your training is as it was before." if record.state_bytes else ""
    starts = "".join(f" {each}" for each in record.cold_starts)
    return f"{first}Range test: {count} steps{epochs}{span}{ENDED[reason]}.{starts}{back}"


def _table(curves: Iterable[tuple[str, str, str, str]]) -> Iterator[str]:
    for name, minimum, below, note in [(*COLUMNS, ""), *curves]:
        said = f"<- {note}" if note else ""
        yield f"  {name:<20}{minimum:>9}{below:>19}    {said}".rstrip()


def _curves(comparison: Comparison) -> Iterator[tuple[str, str, str, str]]:
    """The minima of the raw losses and the averages, and the rates one decade below."""
    for row in comparison.rows:
        # An average of averages is no curve to look at.
        if row.curve == RAW or (row.curve in SMOOTHERS and not _smoothed(row)):
            yield _curve(row)


def _curve(row: CurveRow) -> tuple[str, str, str, str]:
    name = f"{row.label} losses" if row.curve == RAW else row.label
    usable = row.minimum.usable
    values = (rate(row.minimum.lr), rate(row.decade_below)) if usable else (NO_MINIMUM, "")
    notes = [SHORT[flag] for flag in row.minimum.flags if flag in SHORT]
    usual = _smoothed(row) or (row.curve == USUAL and row.beta == BETA)
    return name, *values, notes[0] if notes else "the usual rule" if usual else ""


def _smoothed(row: CurveRow) -> bool:
    """Whether it is a curve of losses that were smoothed before they were kept."""
    return Flag.SMOOTHED in row.minimum.flags


def shift_words(row: CurveRow) -> str:
    """How far the smoothed minimum lies from the raw one, and why; empty if that cannot be told."""
    if row.from_raw is None or _smoothed(row):
        return ""
    moved = f"{times(row.from_raw.decades)} ({row.from_raw.decades:+.2f} decades)"
    said = f"The smoothed minimum lies {moved} from the raw one"
    if row.smoothing is None or row.noise_from_raw is None:
        return f"{said}."
    debiasing = "" if row.debiasing is None else f" (debiasing {times(row.debiasing)})"
    noise = f"noise the raw one {times(-row.noise_from_raw)}"
    return f"{said}: smoothing moves it {times(row.smoothing)}{debiasing}, {noise}."


def _answer(
    record: SweepRecord, answer: Suggestion | CannotTell, usual: CurveRow
) -> Iterator[tuple[str, str]]:
    """Which rate, how far to trust it, and what to do."""
    if isinstance(answer, CannotTell):
        yield from _refusal(answer)
        return
    yield "Train at", f"{rate(answer.lr):<8}  {_for(answer)}"
    if answer.taken:
        yield "", answer.taken
    if len(set(answer.group_lr)) > 1:
        groups = ", ".join(map(rate, answer.group_lr[:SHOWN]))
        more = ", ..." if len(answer.group_lr) > SHOWN else ""
        yield "", f"by parameter group: {groups}{more}"
    if answer.curve == EXPECTED:
        where = f"{_below(answer)} the expected minimum {rate(answer.minimum.lr)}"
        yield "Why", f"{where}; no average moves it"
    trust = trust_of(answer, cut_short=record.stop_reason.cut_short)
    # What weighs more than the verdict stands without it.
    verdict = f" ({answer.verdict.name.lower()})" if trust is TRUST[answer.verdict] else ""
    agrees, but = _beside_the_usual_rule(answer, usual)
    yield "Trust", f"{trust.level}{verdict}: {trust.why}{agrees}"
    if but:
        yield "But", but
    yield "Next", f"answer.apply(optimizer, scheduler)    {trust.remedy}"


def _refusal(answer: CannotTell) -> Iterator[tuple[str, str]]:
    """Why there is no rate, and what to do."""
    why, _, remedy = answer.reason.partition(": ")
    if answer.verdict and answer.verdict.value.partition(": ")[0] in answer.reason:
        # Else there is another reason than the verdict's usual one.
        why, remedy = TRUST[answer.verdict].why, TRUST[answer.verdict].remedy
    yield "No rate.", sentence(why)
    if remedy:
        yield "Next", remedy


def _below(answer: Suggestion) -> str:
    """How far the rate lies below the minimum, as a factor."""
    factor, *_ = times(math.log10(answer.factor)).split()
    return f"{factor} {'below' if answer.factor >= 1 else 'above'}"


def _cautions(answer: Suggestion | CannotTell) -> Iterator[str]:
    """The warnings that neither the verdict nor the first lines tell."""
    if isinstance(answer, Suggestion):
        yield from (f"! {sentence(f.value)}" for f in answer.cautions if f not in CUT_SHORT)


def _for(answer: Suggestion) -> str:
    if answer.curve != EXPECTED:
        return answer.because
    length = "" if answer.total_steps is None else f", {answer.total_steps:,} steps"
    epochs = f" ({answer.epochs:,.3g} epochs)" if answer.epochs is not None else ""
    return PEAK[answer.schedule] + length + epochs


def _beside_the_usual_rule(answer: Suggestion, usual: CurveRow) -> tuple[str, str]:
    """That the answer agrees with the usual rule, or how far apart they are and why.

    Both empty without a minimum under the usual average, or if another rule was asked for.
    """
    if not usual.minimum.usable or answer.curve != EXPECTED:
        return "", ""
    apart = decades_between(answer.lr, usual.decade_below)
    if abs(apart) < AGREE:
        return f"; the usual rule agrees ({10 ** abs(apart):.1f}x apart)", ""
    factor, _, way = times(apart).partition(" ")
    said = f"the usual rule says {factor} {'more' if way == 'up' else 'less'}"
    moved = decades_between(answer.minimum.lr, usual.minimum.lr)
    if abs(moved) < AGREE:
        return "", f"{said}: it takes 10x below its minimum, this is {_below(answer)}"
    return "", f"{said}: smoothing moves its minimum"


def _filled(head: str, text: str) -> list[str]:
    """Lines of a paragraph whose first begins with `head`, and the others with as many spaces."""
    return wrap(
        head + text, WIDTH, subsequent_indent=" " * len(head),
        break_on_hyphens=False, break_long_words=False,
    )  # fmt: skip
