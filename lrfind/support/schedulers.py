"""Giving an LR scheduler other rates, without importing torch or timm."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from lrfind.support.param_groups import put, without_lr_scale
from lrfind.support.replay import CLOSE, StandIn, is_a, parts_of, refusal, replayed

Writes = list[Callable[[], object]]
"""What is left to do once everything is known to work."""


class Scheduler(Protocol):
    """Any LR scheduler: something with an optimizer and steps."""

    @property
    def optimizer(self) -> Any:
        """The optimizer whose rates it sets."""

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """Set the next rates."""


def is_scheduler(thing: object) -> bool:
    """Whether something is an LR scheduler."""
    return hasattr(thing, "optimizer") and hasattr(thing, "step")


def rescheduled(scheduler: Any, rates: Sequence[float]) -> Writes:
    """What to write so that a scheduler goes on as if it had been made for other rates.

    Args:
        scheduler: One of torch at any step, or one of timm before its first.
        rates: The learning rate of each group of its optimizer at the peak of the schedule.

    Returns:
        The writes to the scheduler and to its optimizer's groups.

    Raises:
        ValueError: It is of no kind that is known, or cannot be given other rates.
    """
    if hasattr(scheduler, "base_values"):
        return _remade(scheduler, rates)
    if is_a(scheduler, "ReduceLROnPlateau"):
        return _on_plateau(scheduler, rates)
    twin = replayed(scheduler, rates)
    return _to_groups(scheduler, twin.optimizer) + [
        partial(setattr, part, name, getattr(new, name))
        for part, new in zip(parts_of(scheduler), parts_of(twin), strict=True)
        for name in ("base_lrs", "max_lrs", "_last_lr")
        if hasattr(new, name)
    ]


def _to_groups(scheduler: Any, optimizer: StandIn) -> Writes:
    groups = zip(scheduler.optimizer.param_groups, optimizer.param_groups, strict=True)
    return [
        partial(put, group, name, new[name])
        for group, new in groups
        for name in ("lr", "initial_lr", "max_lr", "min_lr")
        if name in new
    ]


def _on_plateau(scheduler: Any, rates: Sequence[float]) -> Writes:
    """`ReduceLROnPlateau` has no base rate; its `min_lrs` stay."""
    if scheduler.last_epoch > scheduler.patience:
        raise refusal(
            scheduler, "may have lowered the rate already, and does not tell: pass one just made"
        )
    writes: Writes = [
        partial(put, group, "lr", rate)
        for group, rate in zip(scheduler.optimizer.param_groups, rates, strict=True)
    ]
    return [*writes, partial(setattr, scheduler, "_last_lr", list(rates))]


def _remade(scheduler: Any, rates: Sequence[float]) -> Writes:
    """A scheduler of timm keeps the arguments it was made with, and is told its step every time."""
    groups = scheduler.optimizer.param_groups
    before = _made_by_timm(scheduler, scheduler.base_values)
    for group, was in zip(groups, before.optimizer.param_groups, strict=True):
        if not math.isclose(group["lr"], was["lr"], rel_tol=CLOSE):
            raise refusal(scheduler, "was stepped already: apply to one that was just made")
    bases = [without_lr_scale(*pair) for pair in zip(groups, rates, strict=True)]
    after = _made_by_timm(scheduler, bases)
    return _to_groups(scheduler, after.optimizer) + [
        partial(setattr, scheduler, name, getattr(after, name))
        for name in ("base_values", "warmup_steps")
        if hasattr(after, name)
    ]


def _made_by_timm(scheduler: Any, bases: Sequence[float]) -> Any:
    """A scheduler made with the same arguments for other base rates."""
    needed = list(inspect.signature(type(scheduler)).parameters)[1:]
    arguments = {name: getattr(scheduler, name) for name in needed if hasattr(scheduler, name)}
    if {*needed} - {*arguments, "initialize"}:
        raise refusal(scheduler, "does not keep the arguments it was made with")
    groups = [
        {**group, "params": [], "lr": base, "initial_lr": base}
        for group, base in zip(scheduler.optimizer.param_groups, bases, strict=True)
    ]
    return type(scheduler)(StandIn(groups), **arguments)
