"""How far the suggested rate depends on the way it is read: rules, betas, and which losses count.

A sub-sweep is every 2nd or 3rd loss of the record, from each place it can begin at: a sweep with 2
or 3 times the decades between losses, whose weights moved 2 or 3 steps in between. Its batches are
others than those of its neighbour, and fewer, so it shows what the batches, their number and the
window of an average do to the reading. It does not show what a sweep of fewer steps would have
found, nor another seed: all sub-sweeps look at the weights of one and the same training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from lrfind.analysis.calibration import SCHEDULES
from lrfind.analysis.comparison import DEFAULT_BETAS, LABELS
from lrfind.analysis.curves import AVERAGES, SweepCurves
from lrfind.analysis.rules import RULES
from lrfind.analysis.suggestion import EXPECTED, CannotTell, Question, ask, suggest
from lrfind.support.arguments import require_beta
from lrfind.support.errors import CannotTellError

STRIDES = (2, 3)
"""Of the sub-sweeps: every 2nd and every 3rd loss."""


@dataclass(frozen=True)
class Scatter:
    """How far some rates lie apart.

    Attributes:
        largest: Distance from the lowest to the highest, in decades.
        deviation: Their standard deviation in log10, in decades.
        count: How many there are, at least 1.
    """

    largest: float
    deviation: float
    count: int


@dataclass(frozen=True)
class Reading:
    """The answer to one question from one part of the record.

    Attributes:
        stride: 1 for the whole sweep; k for every k-th loss.
        phase: The first loss of the sub-sweep, 0 to `stride` - 1.
        lr: The suggested rate; None if there is none.
        reason: Why there is none; empty if there is one.
    """

    stride: int
    phase: int
    lr: float | None
    reason: str = ""


@dataclass(frozen=True)
class SensitivityRow:
    """One question, asked of the whole sweep and of every sub-sweep.

    Attributes:
        rule: Name of the rule.
        schedule: Schedule asked for, for "expected"; None if not known, or for another rule.
        curve: The curve that was read; None for "expected", which weighs the whole sweep.
        beta: Beta of that curve; None for a curve that has none.
        readings: The whole sweep first, then the sub-sweeps.
    """

    rule: str
    schedule: str | None
    curve: str | None
    beta: float | None
    readings: tuple[Reading, ...]

    @property
    def lr(self) -> float | None:
        """The rate from the whole sweep; None if it gives none."""
        return self.readings[0].lr

    @property
    def reason(self) -> str:
        """Why the whole sweep gives none; empty if it does."""
        return self.readings[0].reason

    @property
    def label(self) -> str:
        """The question as a person reads it, such as `minimum, debiased EMA 0.98`."""
        beta = "" if self.beta is None else f" {self.beta:g}"
        of = self.schedule if self.curve is None else LABELS[self.curve] + beta
        return f"{self.rule}, {of}" if of else self.rule

    @property
    def sub_sweeps(self) -> tuple[Reading, ...]:
        """The readings from the sub-sweeps."""
        return self.readings[1:]

    @property
    def over_sub_sweeps(self) -> Scatter | None:
        """How far the rates of the sweep and its sub-sweeps lie apart; None without two of them."""
        rates = [each.lr for each in self.readings]
        return scatter(rates) if sum(rate is not None for rate in rates) > 1 else None


@dataclass(frozen=True)
class Sensitivity:
    """The table that `sensitivity` makes: `rows`, the spreads, `str()`, `to_dict()`.

    Attributes:
        rows: The default question first.
    """

    rows: tuple[SensitivityRow, ...]

    @property
    def total(self) -> Scatter | None:
        """The spread of all rows on the whole sweep; None if none of them gives a rate.

        The rules divide by different factors, by design, and that is part of it.
        """
        return scatter([row.lr for row in self.rows])

    @property
    def by_rule(self) -> dict[str, Scatter | None]:
        """The same for the rows of each rule."""
        names = dict.fromkeys(row.rule for row in self.rows)
        return {name: scatter([row.lr for row in self.rows if row.rule == name]) for name in names}

    @property
    def over_sub_sweeps(self) -> Scatter | None:
        """The spread of the default suggestion over the sweep and its sub-sweeps."""
        return self.rows[0].over_sub_sweeps

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each reason why something gives no rate, naming the rows."""
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

    def __str__(self) -> str:
        from lrfind.analysis.sensitivity_table import sensitivity_text

        return sensitivity_text(self)


def sensitivity(curves: SweepCurves, betas: Sequence[float] = DEFAULT_BETAS) -> Sensitivity:
    """Ask a sweep and its sub-sweeps for a rate in every way there is.

    Args:
        curves: The sweep.
        betas: Betas of the averages, each in [0, 1).

    Returns:
        The table.

    Raises:
        ValueError: A beta outside [0, 1).

    Example:
        >>> lr = np.geomspace(1e-5, 1e1, 120)
        >>> table = sensitivity(SweepCurves(lr, np.abs(np.log10(lr) + 1) + 1))
        >>> round(table.over_sub_sweeps.largest, 1), len(table.rows[0].sub_sweeps)
        (0.1, 5)
    """
    if np.ndim(betas) != 1:
        raise ValueError(f"`betas` must be a flat sequence of numbers, got {betas!r}.")
    questions = tuple(_questions([require_beta(beta) for beta in betas]))
    answers = [_ask_all(curves, questions, 1, 0)]
    for stride in STRIDES:
        answers += [_ask_all(curves, questions, stride, phase) for phase in range(stride)]
    rows = zip(questions, zip(*answers, strict=True), strict=True)
    return Sensitivity(tuple(_row(question, readings) for question, readings in rows))


def scatter(rates: Sequence[float | None]) -> Scatter | None:
    """How far rates lie apart; None if there are none. Those that are None are left out."""
    logs = np.log10([rate for rate in rates if rate is not None])
    if not logs.size:
        return None
    return Scatter(float(np.ptp(logs)), float(np.std(logs)), logs.size)


def _questions(betas: Sequence[float]) -> Iterator[Question]:
    """Every rule with every schedule, curve and beta that it depends on; the default first."""
    for schedule in SCHEDULES:
        yield ask(EXPECTED, schedule=schedule)
    for rule in RULES:
        for curve in ("raw", "centred") if rule == "minimum" else ("centred",):
            yield ask(rule, curve=curve)
        for curve in AVERAGES if rule == "minimum" else ("debiased",):
            for beta in betas:
                yield ask(rule, curve=curve, beta=beta)


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
    curve = None if question.rule == EXPECTED else question.curve
    beta = question.beta if curve in AVERAGES else None
    return SensitivityRow(question.rule, question.schedule, curve, beta, readings)


def _as_dict(spread: Scatter | None) -> dict[str, object] | None:
    return None if spread is None else asdict(spread)
