"""Short trainings that put a suggested rate to the test, and the answer within a step budget."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind._errors import require_choice, require_count, require_positive
from lrfind.analysis.calibration import SCHEDULES
from lrfind.analysis.constant_run import ConstantRun
from lrfind.analysis.noise import noise_scale
from lrfind.analysis.suggestion import Suggestion
from lrfind.analysis.verification import Trial, Verification
from lrfind.result import RangeTestResult
from lrfind.training.constant_rate import ConstantRate
from lrfind.training.forward import LossFn
from lrfind.training.learning_rates import GroupRates
from lrfind.training.loop import Loop, LoopOptions
from lrfind.training.sweep import Sweep

if TYPE_CHECKING:
    from typing_extensions import Unpack

MULTIPLES = (0.1, 0.3, 1.0, 3.0)
"""Of the suggested rate: those that `verify` tries."""

FIND_MULTIPLES = (0.3, 0.75, 1.9, 4.8)
"""Of the rate that the sweep suggests: those that `find_lr` tries."""

SCORE_BATCHES = 8
"""Batches that a trial is scored on, where no probe was given."""


def verify(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    suggestion: RangeTestResult | Suggestion | float,
    *,
    schedule: str | None = None,
    rates: Sequence[float] | None = None,
    num_iter: int = 50,
    **loop: Unpack[LoopOptions],
) -> Verification:
    """Train shortly at rates around a suggested one, and say which is best.

    Every trial starts from the present state and sees the same batches; all state is put back
    bit for bit. A trial is scored half-way and at the end, on the probe if one is given, else on
    the 8 batches that come after those it trained on; with a `step` of your own, on its last
    losses.

    Args:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: Any iterable of batches.
        suggestion: What is put to the test: a result, its suggestion, or a rate.
        schedule: The schedule of the training to come: "constant", "one_cycle", or None if it is
            not known.
        rates: The rates to try, above 0; None for a tenth, 0.3, 1 and 3 times the suggested one.
        num_iter: Steps of each trial, at least 4.
        loop: Further options of `range_test`, from `accumulation_steps` to `progress`.

    Returns:
        The trials, the best rate, whether the suggestion stands, and what it cost in steps.

    Raises:
        CannotTellError: `suggestion` is a result that supports none, and no `rates` are given.
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
    schedule = _checked(schedule)
    num_iter = require_count("num_iter", num_iter, least=4)
    suggested = _rate_of(suggestion, schedule, needed=rates is None)
    if rates is None:
        assert suggested is not None
        rates = [suggested * multiple for multiple in MULTIPLES]
    rates = sorted({require_positive("rates", rate) for rate in rates})
    if len(rates) < 2:
        raise ValueError("`rates` must hold at least two different rates.")
    own = Loop(model, optimizer, loss_fn, train_loader, **loop)
    trials = _trials(own, rates, num_iter, loop)
    result = suggestion if isinstance(suggestion, RangeTestResult) else None
    return _verification(own, trials, suggested, schedule, result)


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
    **loop: Unpack[LoopOptions],
) -> Verification:
    """Spend a budget of steps on a sweep and on short trainings, and give one rate.

    Half of it goes into a range test, the rest into four trials around its suggestion (see
    `verify`); what the sweep saved by ending early goes into longer trials.

    Args:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: Any iterable of batches.
        budget: Optimizer steps in all, at least 80.
        schedule: The schedule of the training to come: "constant", "one_cycle", or None if it is
            not known.
        start_lr: Rate of the first step of the sweep, above 0.
        end_lr: Rate of its last step.
        loop: Further options of `range_test`, from `accumulation_steps` to `progress`.

    Returns:
        The rate with an interval and a verdict, and the trials it rests on.

    Raises:
        CannotTellError: The sweep says nothing that trials could be placed by.
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range.
    """
    schedule = _checked(schedule)
    budget = require_count("budget", budget, least=80)
    sweep = Sweep(
        optimizer,
        start_lr=start_lr,
        end_lr=end_lr,
        num_iter=budget // 2,
        scaler=loop.get("scaler"),
        all_ranks=loop.get("all_ranks", True),
    )
    own = Loop(model, optimizer, loss_fn, train_loader, **loop)
    own.run(sweep, probes=())
    result = own.agreed(sweep.result())
    suggested = _rate_of(result, None, needed=True)
    assert suggested is not None
    steps = (budget - result.lr.size) // len(FIND_MULTIPLES)
    rates = [suggested * multiple for multiple in FIND_MULTIPLES]
    trials = _trials(own, rates, steps, loop)
    return _verification(own, trials, suggested, schedule, result, spent=result.lr.size)


def _checked(schedule: str | None) -> str | None:
    if schedule is None:
        return None
    return require_choice("schedule", schedule, [name for name in SCHEDULES if name])


def _rate_of(
    suggestion: RangeTestResult | Suggestion | float, schedule: str | None, *, needed: bool
) -> float | None:
    """The rate put to the test, None if a result has none and none is needed."""
    if isinstance(suggestion, RangeTestResult):
        suggestion = suggestion.suggest(schedule=schedule)  # type: ignore[assignment]
    rate = getattr(suggestion, "lr", suggestion) if suggestion or needed else None
    return None if rate is None else require_positive("suggestion", rate)


def _trials(own: Loop, rates: Sequence[float], steps: int, loop: LoopOptions) -> list[Trial]:
    probes: list[Any] | None = None
    if own.can_score and not own.has_probe:
        probes = own.batches_after(steps, SCORE_BATCHES)
    half = steps // 2
    trials = []
    for rate in rates:
        recorder = ConstantRate(
            own.optimizers,
            rate,
            2 * half,
            probe_every=half,
            scaler=loop.get("scaler"),
            all_ranks=loop.get("all_ranks", True),
        )
        own.run(recorder, probes)
        trials.append(_trial(own.agreed(recorder.result()), half))
    return trials


def _trial(run: ConstantRun, half: int) -> Trial:
    """Scored by its probe losses, or by its last losses where it has none."""
    if run.loss.size < 2 * half:
        return Trial(run, math.inf, math.inf)
    if run.probe.size:
        return Trial(run, float(run.probe[half - 1]), float(run.probe[-1]))
    third = max(1, 2 * half // 3)
    return Trial(run, float(run.loss[half - third // 2 :][:third].mean()), run.loss[-third:].mean())


def _verification(
    own: Loop,
    trials: list[Trial],
    suggested: float | None,
    schedule: str | None,
    result: RangeTestResult | None = None,
    spent: int = 0,
) -> Verification:
    first = trials[0].run.loss
    level, noise = float(np.median(first[:3])), noise_scale(first)
    if result is not None and result.loss.size > first.size // 2:
        fit = result.curves().fit
        level, noise = fit.level, fit.noise
    return Verification(
        trials=tuple(trials),
        suggested=suggested,
        level=level,
        noise=noise,
        steps=spent + sum(trial.run.loss.size for trial in trials),
        schedule=schedule,
        scale=GroupRates(own.optimizers).scale,
    )
