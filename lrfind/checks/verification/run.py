"""Checks a suggested learning rate by short training runs, or finds one within a step budget."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer
from typing_extensions import Unpack

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.noise import noise_scale
from lrfind.analysis.question import check_schedule
from lrfind.checks.verification.record import Verification
from lrfind.checks.verification.trials import Trials, run_trials
from lrfind.loop.forward import LossFn
from lrfind.loop.loop import Loop
from lrfind.loop.options import LoopOptions, shows_loop_options, with_defaults, with_kept
from lrfind.loop.validation import check_restartable
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import DEFAULTS
from lrfind.support.arguments import require_count, require_positive
from lrfind.support.arrays import Array
from lrfind.sweep.group_rates import GroupRates
from lrfind.sweep.sweep import Sweep

Suggested = RangeTestResult | Suggestion | CannotTell | Verification | float | None

MULTIPLES = (0.1, 0.3, 1.0, 3.0)
"""Multiples of the suggested learning rate that `verify` tries."""

FIND_MULTIPLES = (0.3, 0.75, 1.9, 4.8)
"""Multiples of the sweep's suggestion that `find_lr` tries."""


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
    rates: Iterable[float] | None = None,
    num_iter: int = 50,
    **options: Unpack[LoopOptions],
) -> Verification:
    """Check a suggestion: train briefly at learning rates around it, and compare the losses.

    Every trial starts from the current state and sees the same batches; all state is restored bit
    for bit. A trial is scored half-way and at its end, in eval mode, on the probe if there is one,
    else on the 8 batches after those it trained on; with your own `step`, by its training losses
    around these points. Parameter groups have the ratios that they had in the sweep or have in the
    suggestion; for a plain learning rate, those of the optimizer.

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
        schedule: LR schedule you will train with: "constant", "one_cycle", or None for that of the
            suggestion, if it has one.
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
    schedule = check_schedule(schedule)
    num_iter = require_count("num_iter", num_iter, least=4)
    if isinstance(suggestion, RangeTestResult):
        suggestion = suggestion.suggest(schedule=schedule)
    if suggestion is None and rates is None:
        raise TypeError("`suggestion` or `rates` must be given.")
    suggested = _rate_of(suggestion, needed=rates is None)
    if rates is None:
        centre = _centre(suggestion) if suggested is None else suggested
        rates = [centre * multiple for multiple in MULTIPLES]
    rates = _checked_rates(rates)
    check_restartable(train_loader)
    loop = Loop(model, optimizer, loss_fn, train_loader, **options)
    schedule = schedule or getattr(suggestion, "schedule", None)
    ran = run_trials(loop, rates, num_iter, _scale(loop, sweep, suggestion))
    return _verification(loop, ran, suggested, schedule, sweep)


@shows_loop_options
def find_lr(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    *,
    budget: int = 400,
    schedule: str | None = None,
    start_lr: float | Sequence[float] = DEFAULTS.start_lr,
    end_lr: float | Sequence[float] = DEFAULTS.end_lr,
    diverge_th: float | None = DEFAULTS.diverge_th,
    **options: Unpack[LoopOptions],
) -> Verification:
    """Find a learning rate within a budget of steps, by a range test and short training runs.

    Half of the budget is for a range test, the rest for four trials at 0.3 to 4.8 times its
    suggestion (see `verify`); steps that the range test saves by stopping early make the trials
    longer. A probe is used for the scores of the trials only, not in the range test. All state is
    restored bit for bit.

    Args:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: Any iterable of batches that can be restarted; not an iterator.
        budget: Total optimizer steps, at least 80.
        schedule: LR schedule you will train with: "constant", "one_cycle", or None if it is not
            known.
        start_lr: Learning rate of the first step of the sweep, above 0, or one for each parameter
            group; see `range_test`.
        end_lr: Learning rate of its last step, above `start_lr`, likewise.
        diverge_th: When the sweep stops; see `range_test`.
        options: See `LoopOptions`.

    Returns:
        The learning rate with an interval and a verdict, and the trials it is based on. Its
        `suggested` is None: the sweep's suggestion is where the search began, and is not answered.

    Raises:
        CannotTellError: The sweep has no suggestion to place the trials around.
        TypeError: An argument is unknown or has the wrong type, or `train_loader` is an iterator.
        ValueError: An argument is out of range.

    Example:
        >>> from lrfind.demo import digits_problem
        >>> problem = digits_problem(model="mlp", optimizer="sgd")
        >>> parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
        >>> answer = find_lr(*parts, budget=160, schedule="one_cycle")
        >>> answer.steps <= 160, 0.01 < answer.lr < 1
        (True, True)
    """
    options = with_defaults(options, "find_lr")
    schedule = check_schedule(schedule)
    budget = require_count("budget", budget, least=80)
    sweep = Sweep(
        optimizer,
        start_lr=start_lr,
        end_lr=end_lr,
        num_iter=budget // 2,
        diverge_th=diverge_th,
        scaler=options["scaler"],
        all_ranks=options["all_ranks"],
    )
    check_restartable(train_loader)
    loop = Loop(model, optimizer, loss_fn, train_loader, **options)
    loop.run(sweep, probes=())
    result = loop.agreed(sweep.result())
    suggested = _centre(result.suggest())
    rates = [suggested * multiple for multiple in FIND_MULTIPLES]
    steps = (budget - sweep.steps) // len(FIND_MULTIPLES)
    ran = run_trials(loop, rates, steps, result.group_scale)
    # A search, not a check: the trials were placed around the suggestion, not made to judge it.
    return _verification(loop, ran, None, schedule, result, spent=sweep.steps)


def _centre(answer: Suggested) -> float:
    """The learning rate to place the trials around: where the loss never fell, a guess will do."""
    guess = answer.guess if isinstance(answer, CannotTell) else None
    # Reading `lr` of an answer without a learning rate raises with the reason.
    return require_positive("suggestion", getattr(answer, "lr", answer)) if guess is None else guess


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
    return _centre(suggestion)


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


def _verification(
    loop: Loop,
    ran: Trials,
    suggested: float | None,
    schedule: str | None,
    sweep: RangeTestResult | None,
    spent: int = 0,
) -> Verification:
    level, noise = _opening(ran.trials[0].run.loss, sweep)
    return Verification(
        trials=tuple(ran.trials),
        suggested=suggested,
        level=level if math.isnan(ran.level) else ran.level,
        noise=noise,
        steps=spent + ran.steps,
        schedule=schedule,
        scale=ran.scale,
    )


def _opening(loss: Array, sweep: RangeTestResult | None) -> tuple[float, float]:
    """Initial level and noise of the losses: from a sweep with a suggestion, else from a trial."""
    if sweep is not None and sweep.suggest():
        fit = sweep.curves().fit
        return fit.level, fit.noise
    finite = loss[np.isfinite(loss)]
    return float(np.median(finite[:3])) if finite.size else math.nan, noise_scale(finite)
