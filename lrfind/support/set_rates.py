"""Setting the learning rates of an optimizer, and those of the LR scheduler that drives it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

from lrfind.support.param_groups import HasParamGroups, put, without_lr_scale
from lrfind.support.schedulers import Scheduler, Writes, is_scheduler, rescheduled

DRIVEN = (
    "`optimizer` has an LR scheduler, or had one, which keeps the rates it was made with and sets "
    "them again when it is stepped: pass it as `scheduler`."
)
SCALED = (
    "`optimizer` has parameter groups with an `lr_scale`, as made by timm: their `lr` is set with "
    "it, and `initial_lr` without it, from which a scheduler of timm starts. One of torch would "
    "leave it out."
)


def set_group_rates(
    optimizer: HasParamGroups | Sequence[HasParamGroups],
    rates: Sequence[float],
    scheduler: Scheduler | Sequence[Scheduler] | None = None,
) -> None:
    """Set the learning rate of every parameter group, and the rates of its scheduler.

    Args:
        optimizer: One optimizer or several.
        rates: One learning rate for each group, in order. A rate held as a tensor is filled in
            place, as a compiled step holds on to that tensor.
        scheduler: The LR scheduler that drives the optimizer, or one for each of several; None if
            there is none. `rates` are those at its peak.

    Raises:
        TypeError: `scheduler` is no LR scheduler.
        ValueError: The number of groups is another, or a scheduler drives another optimizer or
            cannot be given other rates. Nothing is changed.
    """
    optimizers = [*optimizer] if isinstance(optimizer, Sequence) else [optimizer]
    count = sum(len(each.param_groups) for each in optimizers)
    if count != len(rates):
        raise ValueError(
            f"`optimizer` has {count} parameter groups, but there are {len(rates)} learning "
            "rates: pass the optimizer of the range test, or all of them in the same order."
        )
    writes: Writes = []
    left = list(rates)
    for each, its_scheduler in zip(optimizers, _by_optimizer(optimizers, scheduler), strict=True):
        own, left = left[: len(each.param_groups)], left[len(each.param_groups) :]
        if its_scheduler is None:
            writes += _to_groups(each, own)
        else:
            writes += rescheduled(its_scheduler, own)
    for write in writes:
        write()


def _by_optimizer(
    optimizers: Sequence[HasParamGroups], scheduler: Scheduler | Sequence[Scheduler] | None
) -> list[Scheduler | None]:
    """The scheduler of each optimizer, None for one without."""
    found: list[Scheduler | None] = [None] * len(optimizers)
    if scheduler is None:
        return found
    given: Sequence[Any] = scheduler if isinstance(scheduler, Sequence) else [scheduler]
    for each in given:
        if not is_scheduler(each):
            raise TypeError(
                f"`scheduler` must be an LR scheduler of torch or timm, got {type(each).__name__}."
            )
        # Wrapped optimizers are others, but pass on the same groups.
        driven = each.optimizer.param_groups
        places = [n for n, one in enumerate(optimizers) if one.param_groups is driven]
        if not places:
            raise ValueError("`scheduler` drives another optimizer than `optimizer`.")
        if found[places[0]] is not None:
            raise ValueError(
                "`scheduler` holds two for the same optimizer: pass one, such as a "
                "`ChainedScheduler` of both."
            )
        found[places[0]] = each
    return found


def _to_groups(optimizer: HasParamGroups, rates: Sequence[float]) -> Writes:
    """Rates without a scheduler; one that is made afterwards begins at `initial_lr`."""
    groups = optimizer.param_groups
    by_torch = hasattr(getattr(optimizer, "step", None), "_wrapped_by_lr_sched")
    if by_torch or any("initial_lr" in group for group in groups):
        warnings.warn(DRIVEN, stacklevel=4)
    elif any(group.get("lr_scale", 1.0) != 1.0 for group in groups):
        warnings.warn(SCALED, stacklevel=4)
    writes: Writes = []
    for group, rate in zip(groups, rates, strict=True):
        writes.append(partial(put, group, "lr", rate))
        scaled = "lr_scale" in group and not by_torch
        if scaled or "initial_lr" in group:
            base = without_lr_scale(group, rate) if scaled else rate
            writes.append(partial(put, group, "initial_lr", base))
    return writes
