"""What `verify` and `find_lr` share: reading a suggestion, and putting the trials together."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.noise import noise_scale
from lrfind.analysis.posterior import BETWEEN_RUNS
from lrfind.analysis.question import Question
from lrfind.checks.verification.decision import SweepSays
from lrfind.checks.verification.record import Verification
from lrfind.checks.verification.trials import Trials
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.arguments import require_positive
from lrfind.support.arrays import Array

Suggested = RangeTestResult | Suggestion | CannotTell | Verification | float | None


def centre_of(answer: Suggested) -> float:
    """The learning rate to place the trials around: where the loss never fell, a guess will do."""
    guess = answer.guess if isinstance(answer, CannotTell) else None
    # Reading `lr` of an answer without a learning rate raises with the reason.
    return require_positive("suggestion", getattr(answer, "lr", answer)) if guess is None else guess


def put_together(
    ran: Trials,
    suggested: float | None,
    asked: Question,
    sweep: RangeTestResult | None,
    says: SweepSays | None,
    *,
    spent: int = 0,
    regrets: Sequence[float] = (),
) -> Verification:
    """The public record of trials.

    Args:
        ran: The trials.
        suggested: The learning rate that was checked.
        asked: The schedule and the length of the training.
        sweep: The sweep before the trials, if there was one.
        says: What it says of the rate.
        spent: Steps before the trials.
        regrets: Regret of each trial, where they had different lengths.
    """
    level, noise = _opening(ran.trials[0].run.loss, sweep)
    return Verification(
        trials=tuple(ran.trials),
        suggested=suggested,
        level=level if math.isnan(ran.level) else ran.level,
        noise=noise,
        steps=spent + ran.steps,
        schedule=asked.schedule,
        total_steps=asked.total_steps,
        epochs=asked.epochs,
        scale=ran.scale,
        sweep=says,
        regrets=tuple(regrets),
    )


def said_by(sweep: RangeTestResult, asked: Question) -> SweepSays:
    """What a sweep says of the rate to train with.

    Raises:
        CannotTellError: It has neither a suggestion nor a guess.
    """
    answer = sweep.suggest(schedule=asked.schedule, total_steps=asked.total_steps)
    centre_of(answer)
    lr = None if isinstance(answer, CannotTell) else answer.lr
    posterior = sweep.curves().posterior
    return SweepSays(posterior.mean, math.hypot(posterior.deviation, BETWEEN_RUNS), lr)


def said_before(answer: Suggested, asked: Question) -> SweepSays | None:
    """What an answer by itself knows of the sweep behind it; None if nothing."""
    if isinstance(answer, Verification):
        return answer.sweep
    parts = getattr(answer, "uncertainty", None)
    if not isinstance(answer, Suggestion) or parts is None or answer.expected_lr is None:
        return None
    lr = answer.expected_lr / asked.transfer.factor
    return SweepSays(answer.expected_lr, math.hypot(parts.within, parts.between), lr)


def _opening(loss: Array, sweep: RangeTestResult | None) -> tuple[float, float]:
    """Initial level and noise of the losses: from a sweep with a suggestion, else from a trial."""
    if sweep is not None and sweep.suggest():
        fit = sweep.curves().fit
        return fit.level, fit.noise
    finite = loss[np.isfinite(loss)]
    return float(np.median(finite[:3])) if finite.size else math.nan, noise_scale(finite)
