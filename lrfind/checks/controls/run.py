"""The controls of a sweep: its batches at a constant learning rate, and with frozen weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer
from typing_extensions import Unpack

from lrfind.checks.controls.control_runs import ControlRuns
from lrfind.checks.controls.record import Controls
from lrfind.loop.forward import LossFn
from lrfind.loop.loop import Loop
from lrfind.loop.options import LoopOptions, shows_loop_options, with_defaults, with_kept
from lrfind.loop.validation import check_restartable
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.arguments import require_positive


@shows_loop_options
def controls(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    result: RangeTestResult,
    *,
    suggested: bool | float = False,
    frozen: bool = True,
    **options: Unpack[LoopOptions],
) -> Controls:
    """Run the controls of a sweep: the effect of training time and of the data on its curve.

    The loss of a sweep falls for two reasons, the rising learning rate and the steps made so far,
    and it varies from step to step with the batches. Each control is as long as the sweep, on the
    same batches with the same random numbers, from the same state, which is restored bit for bit
    (see `preserve_state`):

    - the constant-rate control trains at the sweep's `start_lr` throughout, so its loss decreases
      by training time alone;
    - the frozen-weights control makes no update, so its loss varies with the batches alone;
    - with `suggested`, one more run trains at the suggested learning rate.

    The loop options are those that `range_test` was given for this result, unless they are given
    here; a result that was loaded or copied no longer has them, so pass them again. `probe` and
    `metric` are not evaluated again, since the sweep has recorded them.

    Args:
        model: The model, in the state in which the sweep began; likewise for all that follows.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: The same loader; not an iterator, whose batches the sweep has used up.
        result: The sweep that `range_test` returned for these.
        suggested: Whether to train at `result.suggest().lr` as well; or a learning rate to train
            at.
        frozen: Whether to run the frozen-weights control; must be False with a `step`.
        options: See `LoopOptions`.

    Returns:
        The runs, with their analysis as methods: `print` it, `plot()` it.

    Raises:
        CannotTellError: The sweep has fewer than two finite losses, or has no suggestion although
            `suggested` is True.
        TypeError: An argument is unknown or has the wrong type, or `train_loader` is an iterator.
        ValueError: An argument is out of range, or the first loss differs from that of the sweep:
            at all on the CPU, by more than a relative 1e-4 on an accelerator.

    Example:
        >>> from lrfind.demo import digits_problem
        >>> problem = digits_problem(model="mlp", optimizer="sgd")
        >>> parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
        >>> result = problem.range_test(num_iter=60)
        >>> found = controls(*parts, result)
        >>> found.time.share < 0.01, found.data.stretches[0].explained > 0.9
        (True, True)
    """
    kept = getattr(result, "loop_options", {})
    options["probe"] = options["metric"] = None
    options = with_defaults(with_kept(kept, options, loss_fn), "controls")
    rate = _check(result, train_loader, suggested, frozen, options)
    loop = Loop(model, optimizer, loss_fn, train_loader, **options)
    if result.optimizer not in ("", now := _names(loop)):
        raise ValueError(f"`optimizer` is {now}, but that of `result` is {result.optimizer}.")
    groups = sum(len(each.param_groups) for each in loop.optimizers)
    if groups != len(result.group_scale):
        raise ValueError(
            f"`optimizer` has {groups} parameter groups, but that of `result` had "
            f"{len(result.group_scale)}."
        )
    runs = ControlRuns(loop, result)
    constant, generators = runs.constant(result.settings.start_lr)
    other = None if rate is None else runs.constant(rate)[0]
    losses, same_numbers = np.empty(0), True
    if frozen:
        losses, frozen_generators = runs.frozen()
        same_numbers = generators == frozen_generators or constant.loss.size < result.loss.size
    return loop.agreed(Controls(result, constant, other, losses, same_numbers))


def _check(
    result: RangeTestResult,
    train_loader: Iterable[Any],
    suggested: bool | float,
    frozen: bool,
    options: LoopOptions,
) -> float | None:
    """Check the arguments; returns the second learning rate to train at, if there is one."""
    if not isinstance(result, RangeTestResult):
        raise TypeError(f"`result` must be a RangeTestResult, got {type(result).__name__}.")
    result.curves()
    check_restartable(train_loader)
    if frozen and options["step"] is not None:
        raise ValueError(
            "`frozen` needs the loss without the step, but `step`, given or kept from `result`, "
            "does both at once: pass `frozen=False`, or `forward` instead of `step`."
        )
    if isinstance(suggested, bool):
        return result.suggest().lr if suggested else None
    return require_positive("suggested", suggested)


def _names(loop: Loop) -> str:
    return "+".join(type(optimizer).__name__ for optimizer in loop.optimizers)
