"""The controls of a sweep: the same batches at a constant rate, and with the weights left alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind.checks.controls.record import Controls
from lrfind.checks.controls.recorders import Runs
from lrfind.loop.forward import LossFn
from lrfind.loop.loop import Loop, LoopOptions
from lrfind.loop.step import device_of
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.arguments import require_positive

if TYPE_CHECKING:
    from typing_extensions import Unpack


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
    """Run the controls of a sweep: what of its fall is time, what of its wiggle the data.

    Each control is as long as the sweep, on the same batches with the same random numbers, from
    the same state; afterwards every bit of it is back (see `preserve_state`). One trains at the
    sweep's `start_lr` throughout: what falls there falls without any rise of the rate. One leaves
    the weights alone: what moves there are the batches. By option, one trains at the suggested
    rate.

    Args:
        model: The model, as it was when the sweep began; likewise all that follows.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: The same loader. No iterator: the sweep used its batches up.
        result: The sweep that `range_test` made of these.
        suggested: Whether to train at `result.suggest().lr` as well; or a rate to train at.
        frozen: Whether to run the control with the weights left alone; False with a `step`.
        options: Those of `range_test` that say how to train, the same as for the sweep
            (`accumulation_steps`, `autocast`, `scaler`, `clip_grad`, `forward`, `step`,
            `preserve`, `all_ranks`), and `store` and `progress`. `probe` and `metric` may be given
            too; the sweep has recorded them, and they are not looked at again.

    Returns:
        The runs, with what they say as methods: `print` it, `plot()` it.

    Raises:
        CannotTellError: The sweep holds fewer than two finite losses, or supports no suggestion
            although `suggested` asks for its rate.
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range, or the first loss is not that of the sweep: to
            the bit on the CPU, by more than 1e-4 of it on an accelerator.

    Example:
        >>> from lrfind.demo import digits_problem
        >>> problem = digits_problem(model="mlp", optimizer="sgd")
        >>> parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
        >>> result = problem.range_test(num_iter=60)
        >>> found = controls(*parts, result)
        >>> found.time.share < 0.01, found.data.stretches[0].explained > 0.9
        (True, True)
    """
    options.pop("probe", None)
    options.pop("metric", None)
    rate = _check(result, train_loader, suggested, frozen, options)
    loop = Loop(model, optimizer, loss_fn, train_loader, **options)
    if result.optimizer not in ("", now := _names(loop)):
        raise ValueError(f"`optimizer` is {now}, that of `result` was {result.optimizer}.")
    run = Runs(loop, optimizer, result, device_of(model, loop.optimizers))
    constant, numbers = run.constant(result.settings.start_lr)
    other = None if rate is None else run.constant(rate)[0]
    losses, same_numbers = np.empty(0), True
    if frozen:
        losses, frozen_numbers = run.frozen()
        same_numbers = numbers == frozen_numbers or constant.loss.size < result.loss.size
    return loop.agreed(Controls(result, constant, other, losses, same_numbers))


def _check(
    result: RangeTestResult,
    train_loader: Iterable[Any],
    suggested: bool | float,
    frozen: bool,
    options: LoopOptions,
) -> float | None:
    """Refuse what cannot be controlled; the second rate to train at, if there is one."""
    if not isinstance(result, RangeTestResult):
        raise TypeError(f"`result` must be a RangeTestResult, got {type(result).__name__}.")
    result.curves()
    if hasattr(train_loader, "__next__"):
        raise ValueError(
            "`train_loader` is an iterator, whose batches the sweep has used up: pass what it "
            "was made from, to the range test and here."
        )
    if frozen and options.get("step") is not None:
        raise ValueError(
            "`frozen` needs the loss without the step, and `step` makes both at once: pass "
            "`frozen=False`, or `forward` instead of `step`."
        )
    if isinstance(suggested, bool):
        return result.suggest().lr if suggested else None
    return require_positive("suggested", suggested)


def _names(loop: Loop) -> str:
    return "+".join(type(optimizer).__name__ for optimizer in loop.optimizers)
