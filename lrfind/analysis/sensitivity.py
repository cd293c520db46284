"""How sensitive the suggestion is to the rule, the beta and the losses used.

A sub-sweep is every 2nd or 3rd loss of the record, starting at each possible offset: 2 or 3 times
the decades between losses, and 2 or 3 optimizer steps. Sub-sweeps have different batches, and
fewer, so they show how the batches, their number and the averaging window affect the suggestion.
They do not show what a sweep of fewer steps or another seed would find: the weights are those of
the same training run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from lrfind.analysis.answers import CannotTell
from lrfind.analysis.curves import CENTRED, RAW, SweepCurves
from lrfind.analysis.defaults import BETAS, SCHEDULES
from lrfind.analysis.question import Question, ask
from lrfind.analysis.readings import STRIDES, Reading, Scatter, SensitivityRow, scatter
from lrfind.analysis.rules import RULES
from lrfind.analysis.sensitivity_table import LIMITS, sensitivity_table, spread_words
from lrfind.analysis.smoothing import SMOOTHERS, USUAL
from lrfind.analysis.suggestion import suggest
from lrfind.support.arguments import require_betas
from lrfind.support.errors import CannotTellError
from lrfind.support.html import record_html
from lrfind.support.text import plain_text, uncut, wrapped

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


@dataclass(frozen=True)
class Sensitivity:
    """The table that `sensitivity` makes: `rows`, the spreads, `str()`, `to_dict()`.

    Attributes:
        rows: The default question first.
    """

    rows: tuple[SensitivityRow, ...]

    @property
    def total(self) -> Scatter | None:
        """The spread of all rows on the whole sweep; None if no row has a suggestion.

        Part of it is by design, since the rules divide by different factors.
        """
        return scatter([row.lr for row in self.rows])

    @property
    def by_rule(self) -> dict[str, Scatter | None]:
        """The spread of the rows of each rule on the whole sweep."""
        names = dict.fromkeys(row.rule for row in self.rows)
        return {name: scatter([row.lr for row in self.rows if row.rule == name]) for name in names}

    @property
    def over_sub_sweeps(self) -> Scatter | None:
        """The spread of the default suggestion over the sweep and its sub-sweeps."""
        return self.rows[0].over_sub_sweeps

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each reason why a suggestion is missing, naming the rows."""
        reasons = dict.fromkeys(
            each.reason for row in self.rows for each in row.readings if each.reason
        )
        return tuple(f"{self._without(reason)}: {reason}." for reason in reasons)

    def _without(self, reason: str) -> str:
        whole = [row.label for row in self.rows if row.reason == reason]
        part = [
            f"{row.label} (in a sub-sweep)"
            for row in self.rows
            if row.reason != reason and any(each.reason == reason for each in row.sub_sweeps)
        ]
        return "every row" if len(whole) == len(self.rows) else "; ".join([*whole, *part])

    def to_dict(self) -> dict[str, object]:
        """The table as plain lists, dictionaries, numbers and strings, ready for JSON."""
        rows = [
            asdict(row) | {"over_sub_sweeps": _as_dict(row.over_sub_sweeps)} for row in self.rows
        ]
        return {
            "rows": [row | {"readings": list(row["readings"])} for row in rows],
            "total": _as_dict(self.total),
            "by_rule": {name: _as_dict(each) for name, each in self.by_rule.items()},
            "over_sub_sweeps": _as_dict(self.over_sub_sweeps),
        }

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield uncut(sensitivity_table(self.rows))
        yield ""
        for sentence in self.sentences:
            yield wrapped(sentence)

    def __str__(self) -> str:
        return plain_text(self)

    def _repr_html_(self) -> str:
        return record_html(self)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The spreads in words, their limits, and why suggestions are missing."""
        rules = [f"{name} {spread_words(each)}" for name, each in self.by_rule.items() if each]
        total = spread_words(self.total, "none, as no row has a suggestion")
        factors = "Part of this is due to the different factors that the rules divide by."
        by_rule = f" By rule: {', '.join(rules)}. {factors}" if rules else ""
        alone = "none, as there are fewer than two suggestions"
        own = spread_words(self.over_sub_sweeps, alone)
        return (
            "Spread over the rows, as largest distance (standard deviation) in decades: "
            f"{total}.{by_rule}",
            f"Spread of the first row over the sweep and its sub-sweeps: {own}. {LIMITS}",
            *(f"! {note}" for note in self.notes),
        )


def sensitivity(curves: SweepCurves, betas: Sequence[float] = BETAS) -> Sensitivity:
    """The suggestions of a sweep and its sub-sweeps for every rule, schedule, curve and beta.

    Args:
        curves: The sweep.
        betas: Betas of the averages, each in [0, 1); one that is repeated counts once.

    Returns:
        The table.

    Raises:
        TypeError: A beta is not a number.
        ValueError: A beta outside [0, 1), or `betas` is no flat sequence.

    Example:
        >>> import numpy as np
        >>> lr = np.geomspace(1e-5, 1e1, 120)
        >>> table = sensitivity(SweepCurves(lr, np.abs(np.log10(lr) + 1) + 1))
        >>> round(table.over_sub_sweeps.largest, 1), len(table.rows[0].sub_sweeps)
        (0.1, 5)
    """
    questions = tuple(_questions(require_betas(betas)))
    answers = [_ask_all(curves, questions, 1, 0)]
    for stride in STRIDES:
        answers += [_ask_all(curves, questions, stride, phase) for phase in range(stride)]
    rows = zip(questions, zip(*answers, strict=True), strict=True)
    return Sensitivity(tuple(_row(question, readings) for question, readings in rows))


def _questions(betas: Sequence[float]) -> Iterator[Question]:
    """Every rule with every schedule, curve and beta that it supports; the default first."""
    for name, rule in RULES.items():
        if not rule.reads_curve:
            yield from (ask(name, schedule=schedule) for schedule in (None, *SCHEDULES))
            continue
        yield from (ask(name, curve=curve) for curve in ((RAW,) * rule.reads_raw + (CENTRED,)))
        for curve in SMOOTHERS if rule.reads_raw else (USUAL,):
            yield from (ask(name, curve=curve, beta=beta) for beta in betas)


def _ask_all(
    whole: SweepCurves, questions: Sequence[Question], stride: int, phase: int
) -> list[Reading]:
    try:
        curves = whole if stride == 1 else whole.every(stride, phase)
    except CannotTellError as error:
        return [Reading(stride, phase, None, str(error)) for _ in questions]
    answers = (suggest(curves, question) for question in questions)
    return [
        Reading(stride, phase, None, each.reason)
        if isinstance(each, CannotTell)
        else Reading(stride, phase, each.lr)
        for each in answers
    ]


def _row(question: Question, readings: tuple[Reading, ...]) -> SensitivityRow:
    curve = question.curve if RULES[question.rule].reads_curve else None
    beta = question.beta if curve in SMOOTHERS else None
    return SensitivityRow(question.rule, question.schedule, curve, beta, readings)


def _as_dict(spread: Scatter | None) -> dict[str, object] | None:
    return None if spread is None else asdict(spread)
