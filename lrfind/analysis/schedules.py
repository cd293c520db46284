"""LR schedules by the names that people use, and which of the measured two each is taken for.

The way from a minimum to a rate was measured for a constant rate, and for one cycle: a warm-up to a
peak and a decay to zero. Any other schedule is taken for the one that it resembles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from lrfind.analysis.defaults import SCHEDULES
from lrfind.support.schedulers import Scheduler, is_scheduler

CONSTANT, ONE_CYCLE = SCHEDULES

DECAYS = "both decay from a peak to about zero"
RETURNS = "every cycle falls from a peak"
WARMED = "the rate is constant after the warm-up"
STARTS = "it starts at a constant rate, and no later decay was measured"

NAMES: dict[tuple[str, str], tuple[str, ...]] = {
    (CONSTANT, ""): ("constant", "ConstantLR"),
    (CONSTANT, WARMED): ("constant_with_warmup", "warmup_constant"),
    (ONE_CYCLE, ""): ("one_cycle", "OneCycleLR", "1cycle"),
    (ONE_CYCLE, DECAYS): (
        "cosine", "cosine_with_warmup", "warmup_cosine", "cosine_warmup", "cosine_with_min_lr",
        "cosine_warmup_with_min_lr", "cosine_annealing", "CosineAnnealingLR", "CosineLRScheduler",
        "linear", "linear_with_warmup", "warmup_linear", "linear_warmup",
        "polynomial", "polynomial_decay_with_warmup", "PolynomialLR", "poly", "PolyLRScheduler",
        "tanh", "TanhLRScheduler",
    ),
    (ONE_CYCLE, RETURNS): (
        "cosine_with_restarts", "cosine_with_hard_restarts_with_warmup",
        "CosineAnnealingWarmRestarts", "cyclic", "CyclicLR",
    ),
    (CONSTANT, STARTS): (
        "step", "StepLR", "StepLRScheduler", "multistep", "MultiStepLR", "MultiStepLRScheduler",
        "exponential", "ExponentialLR", "plateau", "ReduceLROnPlateau", "PlateauLRScheduler",
        "warmup_stable_decay", "wsd", "WSDLRScheduler", "inverse_sqrt", "rsqrt", "greedy",
        "GreedyLR",
    ),
}  # fmt: skip
"""The names, by what they are taken for and why. Case, spaces, hyphens and underscores do not
count."""

NOT_OF_THE_NAME = {"", "get", "schedule", "scheduler", "lr", "lambda"}
"""Words in the name of a `LambdaLR`'s function that do not name its schedule."""


class Schedule(NamedTuple):
    """A schedule as it was asked for, and what it is taken for."""

    measured: str | None
    """A name in `SCHEDULES`; None if nothing was asked."""
    asked: str
    """The name that it was asked for by."""
    why: str = ""
    """Why the one is taken for the other; empty for a name of what was measured."""
    total_steps: int | None = None
    """Its length in optimizer steps, if a scheduler says it."""

    @property
    def said(self) -> str:
        """What it is taken for, in words; empty for a name of what was measured."""
        taken = str(self.measured).replace("_", "-")
        return f"{self.asked}, taken as {taken}: {self.why}" if self.why else ""


NOT_TOLD = Schedule(None, "")
"""No schedule."""


def schedule_of(schedule: str | Scheduler) -> Schedule:
    """The measured schedule that a name or an LR scheduler is taken for.

    Args:
        schedule: A name in `NAMES`, or a scheduler of torch, transformers or timm.

    Returns:
        What it is taken for and why; the length if a scheduler says it in optimizer steps.

    Raises:
        ValueError: The name is unknown, or the scheduler does not tell its shape.

    Example:
        >>> schedule_of("Cosine").said
        'Cosine, taken as one-cycle: both decay from a peak to about zero'
    """
    if is_scheduler(schedule):
        found = told_by(schedule)
        refused = f"{type(schedule).__name__}, whose shape is not known"
    else:
        found, refused = _named(schedule), repr(schedule)
    if found is None:
        raise ValueError(
            f"`schedule` must be one of {', '.join(map(repr, usual_names()))}, most of them also "
            f"with a warmup, or an LR scheduler of such a class, got {refused}."
        )
    return found


def usual_names() -> Iterator[str]:
    """The names that are offered: all but those of classes and those with a warm-up."""
    names = (name for names in NAMES.values() for name in names)
    return (name for name in names if name.islower() and "warmup" not in name)


def told_by(scheduler: Any) -> Schedule | None:
    """What an LR scheduler is taken for; None if its shape is not known.

    A length is told only where it is surely in optimizer steps: many schedulers may as well be
    stepped once per epoch, so that `CosineAnnealingLR.T_max` says nothing.
    """
    name = type(scheduler).__name__
    if hasattr(scheduler, "_schedulers"):
        return _composed(name, [told_by(each) for each in scheduler._schedulers])
    if name == "LinearLR":
        falls = scheduler.end_factor < scheduler.start_factor
        return Schedule(ONE_CYCLE, name, DECAYS) if falls else Schedule(CONSTANT, name, WARMED)
    if name == "LambdaLR":
        return _of_function(scheduler.lr_lambdas[0])
    found = _named(name)
    return found and found._replace(total_steps=_steps_of(scheduler))


def _composed(name: str, parts: list[Schedule | None]) -> Schedule | None:
    """Schedulers that follow each other or are multiplied: if one decays to zero, all do."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    part = next((each for each in known if each.measured == ONE_CYCLE), known[-1])
    why = part.why or "its last part is one"
    return Schedule(part.measured, f"{name} with {part.asked}", why)


def _of_function(function: Any) -> Schedule | None:
    """By the name of a `LambdaLR`'s function: those of transformers are partial functions."""
    name = getattr(getattr(function, "func", function), "__name__", "")
    words = [word for word in name.split("_") if word not in NOT_OF_THE_NAME]
    found = _named("_".join(words))
    steps = getattr(function, "keywords", {}).get("num_training_steps")
    return found and found._replace(total_steps=steps)


def _steps_of(scheduler: Any) -> int | None:
    """The length of a scheduler that counts optimizer steps."""
    if not getattr(scheduler, "t_in_epochs", True) and hasattr(scheduler, "get_cycle_length"):
        return int(scheduler.get_cycle_length())
    return getattr(scheduler, "total_steps", None)


def _named(name: object) -> Schedule | None:
    if not isinstance(name, str):
        return None
    for (measured, why), names in NAMES.items():
        if _squashed(name) in map(_squashed, names):
            return Schedule(measured, name, why)
    return None


def _squashed(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
