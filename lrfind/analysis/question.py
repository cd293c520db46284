"""The arguments of `suggest`, checked and completed: rule, schedule, curve, beta, factor."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lrfind.analysis.curves import CENTRED, CURVES, EXPECTED
from lrfind.analysis.defaults import BETA, FACTOR
from lrfind.analysis.posterior import BETWEEN_RUNS
from lrfind.analysis.rules import DEFAULT, OF_A_CURVE, RULES
from lrfind.analysis.schedules import NOT_TOLD, Schedule, schedule_of, told_by
from lrfind.analysis.smoothing import SMOOTHERS, USUAL
from lrfind.analysis.transfer import Transfer, transfer
from lrfind.support.arguments import (
    require_beta,
    require_choice,
    require_count,
    require_number,
    require_positive,
)
from lrfind.support.schedulers import Scheduler


@dataclass(frozen=True)
class Question:
    """The arguments of `suggest`, checked, with every default filled in."""

    rule: str
    schedule: str | None
    total_steps: int | None
    epochs: float | None
    curve: str
    beta: float
    factor: float
    between: float
    taken: str = ""

    @property
    def transfer(self) -> Transfer:
        """The way from the expected minimum to the rate to train with."""
        return transfer(self.schedule, self.total_steps, self.epochs)


def ask(
    rule: str | None = None,
    *,
    schedule: str | Scheduler | None = None,
    total_steps: int | None = None,
    epoch_steps: float | None = None,
    curve: str | None = None,
    beta: float | None = None,
    factor: float | None = None,
    between: float = BETWEEN_RUNS,
) -> Question:
    """Check the arguments of `suggest`, and fill in the defaults.

    Args:
        rule: A key of `RULES`; None for "minimum" if `curve` is given, else "expected".
        schedule: The LR schedule you will train with, a name or an LR scheduler; see `NAMES`. None
            if it is not known. It determines the factor of a calibrated rule, together with:
        total_steps: Optimizer steps of the training run, at least 1; None if not known, or for that
            of an LR scheduler that tells it.
        epoch_steps: Optimizer steps of an epoch; None if not known.
        curve: One of `CURVES`, for a rule on one curve; None for "centred".
        beta: Weight of the old value in [0, 1), for a curve that is a smoother; None for 0.98.
        factor: What a minimum is divided by, above 0; None for that of the schedule and the length
            (calibrated rules) or 10 (other rules).
        between: Standard deviation of the minimum from run to run, in decades.

    Returns:
        The question.

    Raises:
        TypeError: `beta`, `factor` or `between` is not a number, or `total_steps` no integer.
        ValueError: An unknown rule, schedule or curve, an argument without effect (`curve` for a
            rule that uses none, `schedule` and `total_steps` for one that is not calibrated, `beta`
            without a smoother, `factor` for a rule that does not divide), `beta` outside [0, 1),
            `factor` not above 0, `total_steps` below 1, or `between` negative or not finite.
    """
    name = _name(rule, curve)
    chosen = RULES[require_choice("rule", name, RULES)]
    asked = _training(name, schedule, total_steps)
    steps = asked.total_steps
    epochs = None if steps is None or epoch_steps is None else steps / epoch_steps
    _check_curve(name, curve, beta)
    if factor is None:
        way = transfer(asked.measured, steps, epochs)
        factor = way.factor if chosen.calibrated else FACTOR
    elif not chosen.uses_factor:
        raise ValueError(f"`factor` has no effect with the rule {name!r}: pass another `rule`.")
    spread = require_number("between", between)
    if not (math.isfinite(spread) and spread >= 0):
        raise ValueError(f"`between` must be a finite number, 0 or more, got {between!r}.")
    return Question(
        rule=name,
        schedule=asked.measured,
        total_steps=steps,
        epochs=epochs,
        curve=(curve or CENTRED) if chosen.reads_curve else EXPECTED,
        beta=BETA if beta is None else float(beta),
        factor=require_positive("factor", factor),
        between=spread,
        taken=asked.said,
    )


def with_schedule(
    question: Mapping[str, Any], scheduler: Scheduler | Sequence[Scheduler] | None
) -> dict[str, Any]:
    """Arguments of `suggest`, with the schedule of an LR scheduler where it matters.

    Args:
        question: The arguments.
        scheduler: One scheduler or several; one whose shape is not known, and several that differ,
            tell nothing.

    Returns:
        The arguments.
    """
    several = scheduler if isinstance(scheduler, Sequence) else [scheduler]
    rule = RULES.get(_name(question.get("rule"), question.get("curve")))
    measured = {found and found.measured for found in map(told_by, several)}
    asks = rule is not None and rule.calibrated and question.get("schedule") is None
    if not asks or len(measured) != 1 or None in measured:
        return dict(question)
    return {**question, "schedule": several[0]}


def _name(rule: str | None, curve: str | None) -> str:
    """The rule that is meant where none is named."""
    return rule or (DEFAULT if curve is None else OF_A_CURVE)


def _training(rule: str, schedule: str | Scheduler | None, total_steps: int | None) -> Schedule:
    """Schedule and length, checked."""
    for argument, value in (("schedule", schedule), ("total_steps", total_steps)):
        if value is not None and not RULES[rule].calibrated:
            raise ValueError(
                f"`{argument}` has no effect with the rule {rule!r}, which was not calibrated for "
                "trainings: leave out `rule` and `curve`."
            )
    asked = NOT_TOLD if schedule is None else schedule_of(schedule)
    if total_steps is None:
        return asked
    return asked._replace(total_steps=require_count("total_steps", total_steps, least=1))


def _check_curve(rule: str, curve: str | None, beta: float | None) -> None:
    if curve is not None:
        require_choice("curve", curve, CURVES)
        if not RULES[rule].reads_curve:
            raise ValueError(f"`curve` has no effect with the rule {rule!r}: pass another `rule`.")
    if beta is not None:
        require_beta(beta)
        if curve not in SMOOTHERS:
            raise ValueError(f"`beta` has no effect without a `curve` such as {USUAL!r}.")
