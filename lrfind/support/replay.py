"""An LR scheduler of torch as it would be if made for other rates.

Most of them compute a rate from that of the step before, so that another base rate alone changes
nothing. They are replayed: on copies of the parameter groups that hold the other rates, as if made
there and stepped as often. torch itself is not imported.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from lrfind.support.param_groups import Group, put

CLOSE = 1e-5
"""Relative difference up to which two rates are the same: some are held in single precision."""


class StandIn:
    """An optimizer without parameters, for a copy of a scheduler."""

    def __init__(self, groups: list[Group]) -> None:
        self.param_groups = groups

    def step(self) -> None:
        """Nothing; a scheduler asks whether there is one."""


def replayed(scheduler: Any, rates: Sequence[float]) -> Any:
    """A copy of a scheduler, at the same step, as if made for other rates.

    Functions of the step, such as those of `LambdaLR`, are called again for every step so far.

    Args:
        scheduler: Of torch, with a base rate.
        rates: For each group the highest rate of the schedule; the other rates of `OneCycleLR` and
            `CyclicLR` keep their ratios to it.

    Returns:
        The copy; its `optimizer` holds copies of the parameter groups.

    Raises:
        ValueError: It cannot be replayed, or the rates it has now do not lead to where it is.
    """
    peaks = peaks_of(scheduler)
    _check(scheduler, peaks, _made_for(scheduler, peaks))
    return _made_for(scheduler, rates)


def parts_of(scheduler: Any) -> Iterator[Any]:
    """A scheduler and those it is composed of."""
    yield scheduler
    for each in getattr(scheduler, "_schedulers", ()):
        yield from parts_of(each)


def is_a(scheduler: Any, *names: str) -> bool:
    """Whether it is of a class of one of these names, or derived from one."""
    return any(each.__name__ in names for each in type(scheduler).__mro__)


def refusal(scheduler: Any, why: str) -> ValueError:
    """The error for a scheduler that cannot be given other rates."""
    return ValueError(f"`scheduler` ({type(scheduler).__name__}) {why}.")


def peaks_of(scheduler: Any) -> list[float]:
    """The highest rate of the schedule for each group."""
    first, *inner = parts_of(scheduler)
    peaks: Sequence[Any] | None = None
    if any(_is_cycle(part) for part in inner):
        raise refusal(scheduler, "holds a cycle with a peak of its own: apply to that one alone")
    if is_a(scheduler, "OneCycleLR"):
        peaks = [group["max_lr"] for group in scheduler.optimizer.param_groups]
    elif _is_cycle(scheduler):
        peaks = scheduler.max_lrs
    else:
        bases = (part.base_lrs for part in [*inner, first] if hasattr(part, "base_lrs"))
        peaks = next(bases, None)
    if peaks is None:
        raise refusal(scheduler, "is of no kind that is known: pass one of torch or timm")
    if _is_cycle(scheduler) and not all(peaks):
        raise refusal(scheduler, "has a peak of 0, to which its other rates have no ratio")
    return [float(peak) for peak in peaks]


def _is_cycle(scheduler: Any) -> bool:
    return is_a(scheduler, "OneCycleLR", "CyclicLR")


def _made_for(scheduler: Any, peaks: Sequence[float]) -> Any:
    groups = [
        {name: _copied(value) for name, value in group.items() if name != "params"}
        for group in scheduler.optimizer.param_groups
    ]
    twin = _twin(scheduler, StandIn(groups))
    for number, (group, peak) in enumerate(zip(groups, peaks, strict=True)):
        _begin_group(twin, number, group, peak)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _begin(twin)
            for _ in range(steps_of(scheduler)):
                twin.step()
    except Exception as error:
        raise refusal(scheduler, f"cannot be replayed: {error}") from error
    return twin


def steps_of(scheduler: Any) -> int:
    """How often it was stepped; a `ChainedScheduler` does not count."""
    return int(next(part.last_epoch for part in parts_of(scheduler) if hasattr(part, "last_epoch")))


def _twin(scheduler: Any, optimizer: StandIn) -> Any:
    """A copy that shares nothing that stepping it changes."""
    twin = object.__new__(type(scheduler))
    for name, value in vars(scheduler).items():
        # A method put in place of another one belongs to the original.
        if getattr(value, "__self__", None) is not scheduler:
            vars(twin)[name] = _copied(value)
    twin.optimizer = optimizer
    if hasattr(twin, "_schedulers"):
        twin._schedulers = [_twin(each, optimizer) for each in twin._schedulers]
    return twin


def _copied(value: Any) -> Any:
    return value.clone() if hasattr(value, "clone") else copy.copy(value)


def _begin_group(twin: Any, number: int, group: Group, peak: float) -> None:
    """Give a group the rates that it has just before the scheduler is made."""
    start = peak
    if is_a(twin, "OneCycleLR"):
        start, low = (peak * group[name] / group["max_lr"] for name in ("initial_lr", "min_lr"))
        group |= {"max_lr": peak, "min_lr": low}
    elif _is_cycle(twin):
        start = peak * (float(twin.base_lrs[number]) / float(twin.max_lrs[number]))
        twin.base_lrs[number], twin.max_lrs[number] = start, peak
    put(group, "lr", start)
    put(group, "initial_lr", start)


def _begin(twin: Any) -> None:
    """Do what the constructors do once they have stored their arguments."""
    if hasattr(twin, "_schedulers"):
        for each in twin._schedulers:
            _begin(each)
        twin._last_lr = [_copied(group["lr"]) for group in twin.optimizer.param_groups]
        for cls in type(twin).__mro__:
            if cls.__name__ == "SequentialLR":
                vars(cls)["__init__"](twin, twin.optimizer, twin._schedulers, twin._milestones)
        return
    twin.last_epoch = -1
    given = twin.base_lrs
    twin.base_lrs = [_copied(group["initial_lr"]) for group in twin.optimizer.param_groups]
    twin._initial_step()
    if is_a(twin, "CyclicLR"):
        twin.base_lrs = given


def _check(scheduler: Any, peaks: Sequence[float], twin: Any) -> None:
    """Refuse a scheduler that its own steps do not bring to where it is."""
    pairs = [(scheduler.get_last_lr(), twin.get_last_lr())]
    pairs += [
        (real.base_lrs, other.base_lrs)
        for real, other in zip(parts_of(scheduler), parts_of(twin), strict=True)
        if hasattr(real, "base_lrs")
    ]
    for there, here in pairs:
        for found, wanted, peak in zip(there, here, peaks, strict=True):
            if not math.isclose(found, wanted, rel_tol=CLOSE, abs_tol=CLOSE * peak):
                why = (
                    f"is at {float(found):.3g}, where {steps_of(scheduler)} steps from {peak:.3g} "
                    f"lead to {float(wanted):.3g}: apply to one that was just made"
                )
                raise refusal(scheduler, why)
