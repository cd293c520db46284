"""The arguments of `suggest`, checked and completed: rule, schedule, curve, beta, factor."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lrfind.analysis.calibration import BETWEEN_RUNS, SCHEDULES
from lrfind.analysis.curves import CENTRED, CURVES, EXPECTED
from lrfind.analysis.defaults import BETA, FACTOR
from lrfind.analysis.rules import DEFAULT, OF_A_CURVE, RULES
from lrfind.support.arguments import require_beta, require_choice, require_number, require_positive


@dataclass(frozen=True)
class Question:
    """The arguments of `suggest`, checked, with every default filled in."""

    rule: str
    schedule: str | None
    curve: str
    beta: float
    factor: float
    between: float


def ask(
    rule: str | None = None,
    *,
    schedule: str | None = None,
    curve: str | None = None,
    beta: float = BETA,
    factor: float | None = None,
    between: float = BETWEEN_RUNS,
) -> Question:
    """Check the arguments of `suggest`, and fill in the defaults.

    Args:
        rule: A key of `RULES`; None for "minimum" if `curve` is given, else "expected".
        schedule: "constant" or "one_cycle", the LR schedule you will train with; None if it is not
            known. It determines the factor of a calibrated rule.
        curve: One of `CURVES`, for a rule on one curve; None for "centred".
        beta: Weight of the old value in [0, 1), for a smoother.
        factor: What a minimum is divided by, above 0; None for that of the schedule (calibrated
            rules) or 10 (other rules).
        between: Standard deviation of the minimum from run to run, in decades.

    Returns:
        The question.

    Raises:
        TypeError: `beta`, `factor` or `between` is not a number.
        ValueError: An unknown rule, schedule or curve, a curve for a rule that uses none, `beta`
            outside [0, 1), `factor` not above 0, or `between` negative or not finite.
    """
    name = rule or (DEFAULT if curve is None else OF_A_CURVE)
    chosen = RULES[require_choice("rule", name, RULES)]
    check_schedule(schedule)
    if curve is not None:
        require_choice("curve", curve, CURVES)
        if not chosen.reads_curve:
            raise ValueError(f"`curve` has no effect with the rule {name!r}: pass another `rule`.")
    if factor is None:
        factor = SCHEDULES[schedule].factor if chosen.calibrated else FACTOR
    spread = require_number("between", between)
    if not (math.isfinite(spread) and spread >= 0):
        raise ValueError(f"`between` must be a finite number, 0 or more, got {between!r}.")
    return Question(
        rule=name,
        schedule=schedule,
        curve=(curve or CENTRED) if chosen.reads_curve else EXPECTED,
        beta=require_beta(beta),
        factor=require_positive("factor", factor),
        between=spread,
    )


def check_schedule(schedule: str | None) -> str | None:
    """Return the name of a schedule or None, or raise `ValueError` with the valid names."""
    if schedule is None:
        return None
    return require_choice("schedule", schedule, [name for name in SCHEDULES if name])
