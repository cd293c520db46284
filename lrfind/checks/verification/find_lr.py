"""Finds a learning rate within a budget of steps, by a range test and short training runs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.optim import Optimizer
from typing_extensions import Unpack

from lrfind.analysis.question import ask
from lrfind.checks.verification.answering import put_together, said_by
from lrfind.checks.verification.halving import halving
from lrfind.checks.verification.record import Verification
from lrfind.loop.forward import LossFn
from lrfind.loop.loop import Loop
from lrfind.loop.options import LoopOptions, shows_loop_options, with_defaults
from lrfind.loop.validation import check_restartable
from lrfind.result.settings import DEFAULTS
from lrfind.support.arguments import require_count
from lrfind.sweep.sweep import Sweep

MULTIPLES = (10**-1.5, 0.1, 10**-0.5, 1.0)
"""Multiples of the sweep's expected minimum that `find_lr` tries."""

OF_THE_BUDGET = 0.75
"""The part of the budget that the sweep may take."""


@shows_loop_options
def find_lr(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    *,
    budget: int = 400,
    schedule: str | None = None,
    total_steps: int | None = None,
    start_lr: float | Sequence[float] = DEFAULTS.start_lr,
    end_lr: float | Sequence[float] = DEFAULTS.end_lr,
    diverge_th: float | None = DEFAULTS.diverge_th,
    journal: str | os.PathLike[str] | None = None,
    **options: Unpack[LoopOptions],
) -> Verification:
    """Find a learning rate within a budget of steps, by a range test and short training runs.

    Three quarters of the budget are for a range test, the rest for short trainings at the expected
    minimum and up to one and a half decades below, of which the better two go on four times as
    long; steps that the range test saves by stopping early make them longer. The answer is where
    the sweep and the trials together expect the least regret: never above the highest rate that
    trained well, nor above the suggestion of the sweep, which short trainings would raise. Where
    the sweep has no suggestion since its loss never fell, the trials find one. A probe is used for
    the scores of the trials only, not in the range test. All state is restored bit for bit.

    Args:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: Any iterable of batches that can be restarted; not an iterator.
        budget: Total optimizer steps, at least 80.
        schedule: LR schedule you will train with, as in `suggest`; None if it is not known.
        total_steps: Optimizer steps you will train for; None if not known.
        start_lr: Learning rate of the first step of the sweep, above 0, or one for each parameter
            group; see `range_test`.
        end_lr: Learning rate of its last step, above `start_lr`, likewise.
        diverge_th: When the sweep stops; see `range_test`.
        journal: A file for the steps of the sweep; see `range_test`.
        options: See `LoopOptions`.

    Returns:
        The learning rate with an interval and a verdict, and the trials it is based on. Its
        `suggested` is None: the sweep's suggestion is where the search began, and is not answered.

    Raises:
        CannotTellError: The sweep has no suggestion to place the trials around.
        OSError: The `journal` cannot be written, or its file is something else.
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
    ask(schedule=schedule, total_steps=total_steps)  # before anything is touched
    budget = require_count("budget", budget, least=80)
    sweep = Sweep(
        optimizer,
        start_lr=start_lr,
        end_lr=end_lr,
        num_iter=int(OF_THE_BUDGET * budget),
        diverge_th=diverge_th,
        journal=journal,
        scaler=options["scaler"],
        all_ranks=options["all_ranks"],
        progress=None if options["progress"] == "plot" else options["progress"],
    )
    check_restartable(train_loader)
    loop = Loop(model, optimizer, loss_fn, train_loader, **options)
    loop.run(sweep, probes=())
    result = replace(loop.agreed(sweep.result()), epoch_steps=loop.epoch_steps)
    asked = ask(schedule=schedule, total_steps=total_steps, epoch_steps=loop.epoch_steps)
    says = said_by(result, asked)
    rates = [says.minimum * multiple for multiple in MULTIPLES]
    level = result.curves().fit.level
    ran, regrets = halving(loop, rates, budget - sweep.steps, result.group_scale, level)
    # A search, not a check: the trials were placed around the minimum, not made to judge a rate.
    return put_together(ran, None, asked, result, says, spent=sweep.steps, regrets=regrets.tolist())
