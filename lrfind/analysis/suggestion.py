"""Which learning rate to train with: the answer, how sure it is, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import NoReturn

from lrfind.analysis.calibration import BETWEEN_RUNS, SCHEDULES
from lrfind.analysis.curves import (
    AVERAGES,
    CURVES,
    UNUSABLE,
    Flag,
    Minimum,
    SweepCurves,
    settled,
)
from lrfind.analysis.posterior import around
from lrfind.analysis.rules import RULES
from lrfind.analysis.verdict import Verdict
from lrfind.support.arguments import require_beta, require_choice, require_positive
from lrfind.support.errors import CannotTellError

EXPECTED = "expected"
"""The default rule: the expected minimum over the factor of the schedule."""


@dataclass(frozen=True)
class Uncertainty:
    """What an interval is made of: three standard deviations, in decades.

    Attributes:
        within: Of the minimum in this sweep, from its noise.
        between: Of the minimum from run to run, over seeds and data orders.
        transfer: Of the best rate of a training around the suggested one, from task to task.
    """

    within: float
    between: float
    transfer: float

    @property
    def total(self) -> float:
        """The standard deviation of their sum."""
        return hypot(self.within, self.between, self.transfer)


@dataclass(frozen=True)
class Suggestion:
    """A learning rate to train with, how sure it is, and where it comes from.

    Attributes:
        lr: The rate; for several parameter groups, that of the group with the largest.
        rule: Name of the rule: "expected" or a key of `RULES`.
        factor: What the rate at the minimum was divided by; 1 for a rule that does not.
        curve: Name of the curve it was read from.
        beta: Beta of that curve; None for a curve that has none.
        minimum: The minimum of that curve.
        flags: What to know about that minimum; empty when nothing stands against it.
        group_lr: The rate for each parameter group, in the optimizer's order.
        verdict: How far to trust it; the value of the enum is the reason.
        schedule: Schedule of the training it is meant for, "constant" or "one_cycle"; None for a
            compromise between the two.
        interval: Lower and upper rate that hold the best rate for a training in 9 of 10 cases,
            measured on the project's benchmark; None for another rule than "expected", where
            nothing was measured.
        uncertainty: What the interval is made of; None without one.
    """

    lr: float
    rule: str
    factor: float
    curve: str
    beta: float | None
    minimum: Minimum
    flags: tuple[Flag, ...]
    group_lr: tuple[float, ...]
    verdict: Verdict
    schedule: str | None = None
    interval: tuple[float, float] | None = None
    uncertainty: Uncertainty | None = None

    def one_cycle(self, groups: slice = slice(None)) -> dict[str, list[float]]:
        """The argument for `torch.optim.lr_scheduler.OneCycleLR`: one peak rate per group.

        Args:
            groups: Which groups; with several optimizers, those of the one to schedule.
        """
        return {"max_lr": list(self.group_lr[groups])}

    def to_dict(self) -> dict[str, object]:
        """The answer as plain numbers and strings, ready for JSON."""
        return {
            "lr": self.lr,
            "interval": self.interval and list(self.interval),
            "verdict": self.verdict.name.lower(),
            "schedule": self.schedule,
            "rule": self.rule,
            "factor": self.factor,
            "curve": self.curve,
            "beta": self.beta,
            "minimum_lr": self.minimum.lr,
            "uncertainty": self.uncertainty and vars(self.uncertainty),
            "flags": [flag.name.lower() for flag in self.flags],
            "group_lr": list(self.group_lr),
        }


@dataclass(frozen=True)
class CannotTell:
    """The answer when a sweep supports no suggestion. It is false, and asking its `lr` raises.

    Attributes:
        reason: Why, with the remedy.
        rule: Name of the rule that was asked.
        flags: The flags behind the reason.
        verdict: The reason as an enum.
    """

    reason: str
    rule: str
    flags: tuple[Flag, ...] = ()
    verdict: Verdict = Verdict.TOO_SHORT

    def __bool__(self) -> bool:
        return False

    @property
    def lr(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    @property
    def group_lr(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    @property
    def interval(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    def one_cycle(self, groups: slice = slice(None)) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise CannotTellError(f"no learning rate can be suggested: {self.reason}.")

    def to_dict(self) -> dict[str, object]:
        """The answer as plain strings, ready for JSON; it has no `lr`."""
        return {
            "cannot_tell": self.reason,
            "verdict": self.verdict.name.lower(),
            "rule": self.rule,
            "flags": [flag.name.lower() for flag in self.flags],
        }


@dataclass(frozen=True)
class Question:
    """What is asked of a sweep, checked, with every default filled in."""

    rule: str
    schedule: str | None
    curve: str
    beta: float
    factor: float


def ask(
    rule: str | None = None,
    *,
    schedule: str | None = None,
    curve: str | None = None,
    beta: float = 0.98,
    factor: float | None = None,
) -> Question:
    """Check a question, and fill in what it leaves open.

    Args:
        rule: "expected", which weighs the whole sweep, or a key of `RULES`, which reads one curve;
            None for "minimum" if a curve is named, else "expected".
        schedule: "constant" or "one_cycle", the schedule of the training to come; None if it is
            not known. It decides the factor of "expected".
        curve: One of `CURVES`, for the rules of `RULES`; None for "centred".
        beta: Weight of the old value in [0, 1), used by "ema" and "debiased".
        factor: What "expected" and "minimum" divide the minimum by, above 0; None for that of the
            schedule ("expected"), or 10 ("minimum").

    Returns:
        The question.

    Raises:
        TypeError: `beta` or `factor` is no number.
        ValueError: An unknown rule, schedule or curve, a curve for "expected", `beta` outside
            [0, 1) or `factor` not above 0.
    """
    if rule is None:
        rule = EXPECTED if curve is None else "minimum"
    require_choice("rule", rule, (EXPECTED, *RULES))
    check_schedule(schedule)
    if curve is not None:
        require_choice("curve", curve, CURVES)
        if rule == EXPECTED:
            raise ValueError("`curve` has no effect with the rule 'expected': name another `rule`.")
    require_beta(beta)
    if factor is None:
        factor = SCHEDULES[schedule].factor if rule == EXPECTED else 10.0
    return Question(
        rule, schedule, curve or "centred", float(beta), require_positive("factor", factor)
    )


def check_schedule(schedule: str | None) -> str | None:
    """Return the name of a schedule or None, or raise `ValueError` with the names there are."""
    if schedule is None:
        return None
    return require_choice("schedule", schedule, [name for name in SCHEDULES if name])


def suggest(
    curves: SweepCurves,
    question: Question | None = None,
    *,
    group_scale: Sequence[float] = (1.0,),
    between: float = BETWEEN_RUNS,
) -> Suggestion | CannotTell:
    """Suggest a rate from the curves of a sweep.

    Args:
        curves: The sweep.
        question: What is asked; the default question if None.
        group_scale: Rate of each parameter group as a multiple of the largest.
        between: Standard deviation of the minimum from run to run, in decades.

    Returns:
        A `Suggestion`, or a `CannotTell` with the reason.
    """
    q = question or ask()
    lowest, verdict = curves.minimum(q.curve, q.beta), curves.verdict
    # The blow-up tells something even where the loss never fell; a rule on one curve cannot use it.
    blind = {Flag.NO_DESCENT} if q.rule == EXPECTED and curves.posterior.blow_up else set()
    against = [flag for flag in lowest.flags if flag in UNUSABLE - blind]
    if against:
        reason = "; ".join(flag.value for flag in against)
        return CannotTell(reason, q.rule, lowest.flags, verdict)
    parts = None
    if q.rule == EXPECTED:
        lr = curves.posterior.mean / q.factor
        transfer = SCHEDULES[q.schedule].deviation
        parts = Uncertainty(curves.posterior.deviation, between, transfer)
    else:
        try:
            curve, start = curves.curve(q.curve, q.beta), 0
            if q.rule == "steepest" and q.curve in AVERAGES:
                # The first values of an average move most, and by chance.
                start = settled(q.curve, curves.fit.curve, q.beta)
            lr = RULES[q.rule](curves.lr[start:], curve[start:], lowest.step - start, q.factor)
        except CannotTellError as error:
            return CannotTell(str(error), q.rule, lowest.flags, verdict)
    return Suggestion(
        lr=lr,
        rule=q.rule,
        factor=q.factor if q.rule in (EXPECTED, "minimum") else 1.0,
        curve=q.curve,
        beta=q.beta if q.curve in AVERAGES else None,
        minimum=lowest,
        flags=lowest.flags + ((Flag.BELOW_START,) if lr < curves.lr[0] else ()),
        group_lr=tuple(lr * scale for scale in group_scale),
        verdict=verdict,
        schedule=q.schedule,
        interval=around(lr, parts.total) if parts else None,
        uncertainty=parts,
    )
