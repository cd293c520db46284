"""Checks a suggested learning rate by short training runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.optim import Optimizer
from typing_extensions import Unpack

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.flags import Flag
from lrfind.analysis.question import Question, ask
from lrfind.checks.verification.answering import (
    Suggested,
    centre_of,
    put_together,
    said_before,
    said_by,
)
from lrfind.checks.verification.decision import SweepSays
from lrfind.checks.verification.record import Verification
from lrfind.checks.verification.trials import run_trials
from lrfind.loop.cold_start import cold_starts
from lrfind.loop.forward import LossFn
from lrfind.loop.loop import Loop
from lrfind.loop.options import LoopOptions, shows_loop_options, with_defaults, with_kept
from lrfind.loop.validation import check_restartable
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.arguments import require_count, require_positive
from lrfind.support.errors import CannotTellError
from lrfind.sweep.group_rates import GroupRates

MULTIPLES = (0.1, 0.3, 1.0, 3.0)
"""Multiples of the suggested learning rate that `verify` tries."""


@shows_loop_options
def verify(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    suggestion: Suggested = None,
    *,
    result: RangeTestResult | None = None,
    schedule: str | None = None,
    total_steps: int | None = None,
    rates: Iterable[float] | None = None,
    num_iter: int = 50,
    **options: Unpack[LoopOptions],
) -> Verification:
    """Check a suggestion: train briefly at learning rates around it, and compare the losses.

    Every trial starts from the current state and sees the same batches; all state is restored bit
    for bit. A trial is scored half-way and at its end, in eval mode, on the probe if there is one,
    else on the 8 batches after those it trained on; with your own `step`, by its training losses
    around these points. Parameter groups have the ratios that they had in the sweep or have in the
    suggestion; for a plain learning rate, those of the optimizer. The suggestion of a result is
    first tried from the start, and lowered until it trains, unless it was confirmed already.

    The loop options are those that `range_test` was given for the result, unless they are given
    here. A result that was loaded or copied no longer has them: pass them again, the probe too.

    Args:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: Any iterable of batches that can be restarted; not an iterator.
        suggestion: What to check: a result, its suggestion, an earlier verification, or a learning
            rate; None to try `rates` only.
        result: The sweep that the suggestion came from, for the noise of the losses and the loop
            options; not needed if `suggestion` is a result.
        schedule: LR schedule you will train with, as in `suggest`; None for that of the suggestion,
            if it has one.
        total_steps: Optimizer steps you will train for, likewise.
        rates: The learning rates to try, above 0; None for 0.1, 0.3, 1 and 3 times the suggested
            one, or times the guess of a sweep that never fell.
        num_iter: Steps of each trial, at least 4; rounded down to an even number.
        options: See `LoopOptions`.

    Returns:
        The trials, whether the suggestion holds up, and `lr`, the learning rate to train with: the
        suggestion if it holds up, else the one that the trials point to.

    Raises:
        CannotTellError: `suggestion` has neither a learning rate nor a guess, and no `rates` are
            given.
        TypeError: An argument is unknown or has the wrong type, or `train_loader` is an iterator.
        ValueError: An argument is out of range.

    Example:
        >>> from lrfind.demo import digits_problem
        >>> problem = digits_problem(model="mlp", optimizer="sgd")
        >>> parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
        >>> answer = verify(*parts, 0.1, num_iter=20)
        >>> [round(float(rate), 2) for rate in answer.rates], answer.steps
        ([0.01, 0.03, 0.1, 0.3], 80)
    """
    sweep = suggestion if isinstance(suggestion, RangeTestResult) else result
    kept = getattr(sweep, "loop_options", {})
    options = with_defaults(with_kept(kept, options, loss_fn), "verify")
    if sweep is not None and not isinstance(sweep, RangeTestResult):
        raise TypeError(f"`result` must be a RangeTestResult, got {type(sweep).__name__}.")
    asked = ask(schedule=schedule, total_steps=total_steps)
    num_iter = require_count("num_iter", num_iter, least=4)
    if suggestion is None and rates is None:
        raise TypeError("`suggestion` or `rates` must be given.")
    answer = _answer_of(suggestion, asked)
    if rates is None:
        centre_of(answer)
    else:
        rates = _checked_rates(rates)
    check_restartable(train_loader)
    loop = Loop(model, optimizer, loss_fn, train_loader, **options)
    spent = 0
    if isinstance(suggestion, RangeTestResult) and _is_unconfirmed(suggestion, answer):
        sweep, spent = _confirmed(loop, suggestion, asked)
        answer = _answer_of(sweep, asked)
    suggested = _rate_of(answer, needed=rates is None)
    if rates is None:
        rates = [centre_of(answer) * multiple for multiple in MULTIPLES]
    asked = _completed(asked, answer, loop)
    ran = run_trials(loop, rates, num_iter, _scale(loop, sweep, answer))
    return put_together(ran, suggested, asked, sweep, _says(sweep, answer, asked), spent=spent)


def _is_unconfirmed(sweep: RangeTestResult, answer: Suggested) -> bool:
    """Whether no training from scratch was tried for this answer."""
    flags = answer.flags if isinstance(answer, Suggestion) else ()
    return not sweep.cold_starts or Flag.NOT_TRIED in flags


def _confirmed(loop: Loop, sweep: RangeTestResult, asked: Question) -> tuple[RangeTestResult, int]:
    """The sweep with its suggestion tried from the start, and the steps that this took."""
    tried = cold_starts(loop, sweep, asked)
    return replace(sweep, cold_starts=tried), sum(each.steps for each in tried)


def _completed(asked: Question, answer: Suggested, loop: Loop) -> Question:
    """Schedule and length that were not told are those of the suggestion."""
    return ask(
        schedule=asked.schedule or getattr(answer, "schedule", None),
        total_steps=asked.total_steps or getattr(answer, "total_steps", None),
        epoch_steps=loop.epoch_steps,
    )


def _answer_of(suggestion: Suggested, asked: Question) -> Suggested:
    """The suggestion of a result; anything else as it is."""
    if isinstance(suggestion, RangeTestResult):
        return suggestion.suggest(schedule=asked.schedule, total_steps=asked.total_steps)
    return suggestion


def _says(sweep: RangeTestResult | None, answer: Suggested, asked: Question) -> SweepSays | None:
    """What the sweep says, or an answer knows of it; None if it has no minimum."""
    try:
        return said_before(answer, asked) if sweep is None else said_by(sweep, asked)
    except CannotTellError:
        return None


def _checked_rates(rates: Iterable[float]) -> list[float]:
    if isinstance(rates, str) or not hasattr(rates, "__iter__"):
        raise TypeError(f"`rates` must be a list of numbers, got {rates!r}.")
    different = sorted({require_positive("rates", rate) for rate in rates})
    if len(different) < 2:
        raise ValueError(f"`rates` must hold at least two different rates, got {different!r}.")
    return different


def _rate_of(suggestion: Suggested, *, needed: bool) -> float | None:
    """The learning rate to check; None if there is none, or if it is not needed and lacking."""
    lacking = isinstance(suggestion, Verification) and suggestion.all_blew_up and not needed
    if suggestion is None or isinstance(suggestion, CannotTell) or lacking:
        return None
    return centre_of(suggestion)


def _scale(loop: Loop, sweep: RangeTestResult | None, suggestion: Suggested) -> tuple[float, ...]:
    """The ratios of the parameter groups: of the sweep or the suggestion, else of the optimizer."""
    own = GroupRates(loop.optimizers).scale
    scale: tuple[float, ...] = ()
    if sweep is not None:
        scale = sweep.group_scale
    elif isinstance(suggestion, Verification):
        scale = suggestion.scale
    elif isinstance(suggestion, Suggestion):
        scale = tuple(rate / suggestion.lr for rate in suggestion.group_lr)
    return scale if len(scale) == len(own) else own
