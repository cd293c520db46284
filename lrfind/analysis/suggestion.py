"""The learning rate to train with."""

from __future__ import annotations

from collections.abc import Sequence

from lrfind.analysis.answers import CannotTell, Suggestion, Uncertainty
from lrfind.analysis.calibration import SCHEDULES
from lrfind.analysis.curves import UNUSABLE, Flag, Minimum, SweepCurves
from lrfind.analysis.posterior import around
from lrfind.analysis.question import Question, ask
from lrfind.analysis.rules import RULES, Seen
from lrfind.analysis.smoothing import SMOOTHERS, settled
from lrfind.support.errors import CannotTellError


def suggest(
    curves: SweepCurves, question: Question | None = None, *, group_scale: Sequence[float] = (1.0,)
) -> Suggestion | CannotTell:
    """Suggest a learning rate from the curves of a sweep.

    Args:
        curves: The sweep.
        question: Rule, schedule and so on; None for the defaults.
        group_scale: Learning rate of each parameter group as a multiple of the largest.

    Returns:
        A `Suggestion`, or a `CannotTell` with the reason.
    """
    q = question or ask()
    rule, verdict = RULES[q.rule], curves.verdict
    lowest = curves.minimum(q.curve, q.beta) if rule.reads_curve else curves.expected_minimum
    # Where the loss diverged is evidence even if it never fell, but a rule on one curve cannot use
    # it.
    blind = {Flag.NO_DESCENT} if not rule.reads_curve and curves.posterior.blow_up else set()
    against = [flag for flag in lowest.flags if flag in UNUSABLE - blind]
    if against:
        reason = "; ".join(flag.value for flag in against)
        return CannotTell(reason, q.rule, lowest.flags, verdict)
    try:
        lr = rule.rate(_seen(curves, q, lowest))
    except CannotTellError as error:
        return CannotTell(str(error), q.rule, lowest.flags, verdict)
    factor = q.factor if rule.uses_factor else 1.0
    lr /= factor
    parts = _uncertainty(curves, q) if rule.calibrated else None
    return Suggestion(
        lr=lr,
        rule=q.rule,
        factor=factor,
        curve=q.curve,
        beta=q.beta if q.curve in SMOOTHERS else None,
        minimum=lowest,
        flags=lowest.flags + ((Flag.BELOW_START,) if lr < curves.lr[0] else ()),
        group_lr=tuple(lr * scale for scale in group_scale),
        verdict=verdict,
        schedule=q.schedule,
        interval=around(lr, parts.total) if parts else None,
        uncertainty=parts,
        expected_lr=curves.posterior.mean,
    )


def _seen(curves: SweepCurves, q: Question, lowest: Minimum) -> Seen:
    """The input of the rule."""
    rule = RULES[q.rule]
    curve = curves.curve(q.curve, q.beta) if rule.reads_curve else curves.fit.curve
    skipped = rule.skips_start and q.curve in SMOOTHERS
    start = settled(q.curve, curves.fit.curve, q.beta) if skipped else 0
    return Seen(curves.lr[start:], curve[start:], lowest.step - start, curves.posterior.mean)


def _uncertainty(curves: SweepCurves, q: Question) -> Uncertainty:
    return Uncertainty(curves.posterior.deviation, q.between, SCHEDULES[q.schedule].deviation)
