"""Short trainings that put a suggested rate to the test, and the answer within a step budget."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.noise import noise_scale
from lrfind.analysis.question import check_schedule
from lrfind.checks.verification.record import Verification
from lrfind.checks.verification.trials import Trials, run_trials
from lrfind.loop.forward import LossFn
from lrfind.loop.loop import Loop, LoopOptions
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.arguments import require_count, require_positive
from lrfind.support.arrays import Array
from lrfind.sweep.group_rates import GroupRates
from lrfind.sweep.sweep import Sweep

if TYPE_CHECKING:
    from typing_extensions import Unpack

Suggested = RangeTestResult | Suggestion | CannotTell | Verification | float | None

MULTIPLES = (0.1, 0.3, 1.0, 3.0)
"""Of the suggested rate: those that `verify` tries."""

FIND_MULTIPLES = (0.3, 0.75, 1.9, 4.8)
"""Of the rate that the sweep suggests: those that `find_lr` tries."""


def verify(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    suggestion: Suggested = None,
    *,
    schedule: str | None = None,
    rates: Iterable[float] | None = None,
    num_iter: int = 50,
    **loop: Unpack[LoopOptions],
) -> Verification:
    """Train shortly at rates around a suggested one, and say which is best.

    Every trial starts from the present state and sees the same batches; all state is put back
    bit for bit. A trial is scored half-way and at the end, in eval mode, on the probe if one is
    given, else on the 8 batches that come after those it trained on; with a `step` of your own, on
    its last losses. A result holds neither the probe nor the other options of its test: give them
    again.

    Args:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: Any iterable of batches that can be restarted: no iterator.
        suggestion: What is put to the test: a result, its suggestion, an earlier answer, or a
            rate; None for `rates` alone.
        schedule: The schedule of the training to come: "constant", "one_cycle", or None for that
            of the suggestion, if it has one.
        rates: The rates to try, above 0; None for a tenth, 0.3, 1 and 3 times the suggested one.
        num_iter: Steps of each trial, at least 4; the last is left out if they are odd.
        loop: Further options of `range_test`, from `accumulation_steps` to `progress`.

    Returns:
        The trials, the best rate, whether the suggestion stands, and what it cost in steps.

    Raises:
        CannotTellError: `suggestion` has no rate, and no `rates` are given.
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range.

    Example:
        >>> from lrfind.demo import digits_problem
        >>> problem = digits_problem(model="mlp", optimizer="sgd")
        >>> parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
        >>> answer = verify(*parts, 0.1, num_iter=20)
        >>> [round(float(rate), 2) for rate in answer.rates], answer.steps
        ([0.01, 0.03, 0.1, 0.3], 80)
    """
    schedule = check_schedule(schedule)
    num_iter = require_count("num_iter", num_iter, least=4)
    sweep = suggestion if isinstance(suggestion, RangeTestResult) else None
    if sweep is not None:
        suggestion = sweep.suggest(schedule=schedule)
    suggested = _rate_of(suggestion, needed=rates is None)
    if rates is None and suggested is not None:
        rates = [suggested * multiple for multiple in MULTIPLES]
    rates = _checked_rates(() if rates is None else rates)
    _check_repeatable(train_loader)
    own = Loop(model, optimizer, loss_fn, train_loader, **loop)
    schedule = schedule or getattr(suggestion, "schedule", None)
    return _verification(own, run_trials(own, rates, num_iter), suggested, schedule, sweep)


def find_lr(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    *,
    budget: int = 400,
    schedule: str | None = None,
    start_lr: float = 1e-6,
    end_lr: float = 10.0,
    diverge_th: float | None = 4.0,
    **loop: Unpack[LoopOptions],
) -> Verification:
    """Spend a budget of steps on a sweep and on short trainings, and give one rate.

    Half of it goes into a range test, the rest into four trials, at 0.3 to 4.8 times the rate
    that it suggests (see `verify`); what the sweep saved by ending early goes into longer trials. A
    probe scores the trials alone. All state is put back bit for bit.

    Args:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: Any iterable of batches that can be restarted: no iterator.
        budget: Optimizer steps in all, at least 80.
        schedule: The schedule of the training to come: "constant", "one_cycle", or None if it is
            not known.
        start_lr: Rate of the first step of the sweep, above 0.
        end_lr: Rate of its last step, above `start_lr`.
        diverge_th: When it stops; see `range_test`.
        loop: Further options of `range_test`, from `accumulation_steps` to `progress`.

    Returns:
        The rate with an interval and a verdict, and the trials it rests on.

    Raises:
        CannotTellError: The sweep suggests no rate that trials could be placed by.
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range.

    Example:
        >>> from lrfind.demo import digits_problem
        >>> problem = digits_problem(model="mlp", optimizer="sgd")
        >>> parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
        >>> answer = find_lr(*parts, budget=160, schedule="one_cycle")
        >>> answer.steps <= 160, 0.01 < answer.lr < 1
        (True, True)
    """
    schedule = check_schedule(schedule)
    budget = require_count("budget", budget, least=80)
    sweep = Sweep(
        optimizer,
        start_lr=start_lr,
        end_lr=end_lr,
        num_iter=budget // 2,
        diverge_th=diverge_th,
        scaler=loop.get("scaler"),
        all_ranks=loop.get("all_ranks", True),
    )
    _check_repeatable(train_loader)
    own = Loop(model, optimizer, loss_fn, train_loader, **loop)
    own.run(sweep, probes=())
    result = own.agreed(sweep.result())
    suggested = float(result.suggest().lr)
    rates = [suggested * multiple for multiple in FIND_MULTIPLES]
    steps = (budget - sweep.steps) // len(FIND_MULTIPLES)
    ran = run_trials(own, rates, steps)
    return _verification(own, ran, suggested, schedule, result, spent=sweep.steps)


def _check_repeatable(train_loader: Any) -> None:
    if hasattr(train_loader, "__next__"):
        raise TypeError(
            "`train_loader` must not be an iterator, as every trial begins with the same batches: "
            "pass the DataLoader itself, or a list."
        )


def _checked_rates(rates: Iterable[float]) -> list[float]:
    if isinstance(rates, str) or not hasattr(rates, "__iter__"):
        raise TypeError(f"`rates` must be a list of numbers, got {rates!r}.")
    different = sorted({require_positive("rates", rate) for rate in rates})
    if len(different) < 2:
        raise ValueError(f"`rates` must hold at least two different rates, got {different!r}.")
    return different


def _rate_of(suggestion: Suggested, *, needed: bool) -> float | None:
    """The rate put to the test; None if there is none, and none is needed."""
    if suggestion is None and needed:
        raise TypeError("`suggestion` or `rates` must be given.")
    if suggestion is None or (isinstance(suggestion, CannotTell) and not needed):
        return None
    # The rate of an answer that has none raises, with the reason.
    return require_positive("suggestion", getattr(suggestion, "lr", suggestion))


def _verification(
    own: Loop,
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
        scale=GroupRates(own.optimizers).scale,
    )


def _opening(loss: Array, sweep: RangeTestResult | None) -> tuple[float, float]:
    """Level and noise of the mini-batch losses: from a sweep with an answer, else from a trial."""
    if sweep is not None and sweep.suggest():
        fit = sweep.curves().fit
        return fit.level, fit.noise
    finite = loss[np.isfinite(loss)]
    return float(np.median(finite[:3])) if finite.size else math.nan, noise_scale(finite)
