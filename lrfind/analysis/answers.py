"""The answers of `suggest`: a learning rate with its uncertainty, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import NoReturn

from lrfind.analysis.curves import EXPECTED, Flag, Minimum, label_of
from lrfind.analysis.posterior import CONFIDENCE
from lrfind.analysis.rules import RULES
from lrfind.analysis.transfer import transfer
from lrfind.analysis.verdict import Verdict
from lrfind.support.errors import CannotTellError
from lrfind.support.param_groups import HasParamGroups, set_group_rates
from lrfind.support.records import flag_names
from lrfind.support.text import group_words, words


@dataclass(frozen=True)
class Uncertainty:
    """The standard deviations that make up an interval, in decades.

    Attributes:
        within: Of the minimum within this sweep, due to noise.
        between: Of the minimum between runs, over seeds and data orders.
        transfer: Of the best learning rate around where it is expected, between tasks.
    """

    within: float
    between: float
    transfer: float

    @property
    def total(self) -> float:
        """Standard deviation of the three together."""
        return hypot(self.within, self.between, self.transfer)


@dataclass(frozen=True)
class Suggestion:
    """A learning rate to train with, its uncertainty, and how it was obtained.

    Attributes:
        lr: The learning rate; for several parameter groups, that of the group with the largest.
        rule: Name of the rule, a key of `RULES`.
        factor: What `minimum.lr` was divided by; 1 for a rule that does not divide.
        curve: Name of the curve the rule was applied to; "expected" for the rule "expected", which
            uses the whole sweep.
        beta: Beta of that curve; None for a curve without one.
        minimum: The minimum of that curve, or the expected minimum. If the rule divides, its
            learning rate is `lr * factor`.
        flags: Warnings about that minimum; empty if there are none.
        group_lr: Learning rate of each parameter group, in the optimizer's order.
        verdict: How far to trust the suggestion.
        reason: Why, with figures where there are any, and the remedy.
        schedule: LR schedule it is meant for, "constant" or "one_cycle"; None for a compromise
            between the two.
        total_steps: Length of the training it is meant for, in optimizer steps; None for a
            compromise between several.
        epochs: How many epochs these are; None if it is not known.
        interval: Nominal 90 % interval for the best learning rate of a training run, calibrated on
            the project's benchmark; it may cover less on tasks unlike those. It depends on sweep,
            schedule and length, and on neither rule nor factor: `lr` may lie outside. It ends where
            the sweep does. None only in a record made by hand, as all that follow.
        uncertainty: The components of the interval.
        expected_lr: The expected minimum of the sweep, whatever the rule.
        expected_regret: Mean regret at `lr` over the tasks of the benchmark: the share of the
            achievable decrease of the validation loss that is lost; of the training loss for a
            few epochs.
        decade_below_regret: The same one decade below the expected minimum.
    """

    lr: float
    rule: str
    factor: float
    curve: str
    beta: float | None
    minimum: Minimum
    flags: tuple[Flag, ...]
    group_lr: tuple[float, ...]
    verdict: Verdict
    reason: str
    schedule: str | None = None
    total_steps: int | None = None
    epochs: float | None = None
    interval: tuple[float, float] | None = None
    uncertainty: Uncertainty | None = None
    expected_lr: float | None = None
    expected_regret: float | None = None
    decade_below_regret: float | None = None

    def __repr__(self) -> str:
        interval = ", best in {:.1e} to {:.1e}".format(*self.interval) if self.interval else ""
        return f"<Suggestion: lr {self.lr:.3g}{interval}, {words(self.verdict.name)}>"

    def __str__(self) -> str:
        caution = "".join(f" But {flag.value}." for flag in self.cautions)
        rates = f"{self.lr:.2e}{group_words(self.group_lr)}{interval_words(self.interval)}"
        return (
            f"Train at about {rates}, {self._source_words()}. Verdict: {words(self.verdict.name)}, "
            f"as {self.reason}.{caution}"
        )

    def _source_words(self) -> str:
        if not self.uses_factor:
            return f"by the rule {self.rule!r} on the {label_of(self.curve, self.beta)} curve"
        lowest = f"minimum {self.minimum.lr:.2e}"
        name = label_of(self.curve, self.beta)
        if self.curve == EXPECTED:
            return f"a factor of {self.factor:.3g} below the {name} {lowest}"
        return f"a factor of {self.factor:.3g} below the {lowest} of the {name} curve"

    @property
    def cautions(self) -> tuple[Flag, ...]:
        """The flags that do not repeat the verdict.

        The verdict is on the centred curve, a flag on the one asked for, so that they may differ.
        """
        return tuple(flag for flag in self.flags if flag.name != self.verdict.name)

    @property
    def because(self) -> str:
        """Why this rate and not one decade below a minimum, as the end of a sentence."""
        if self.curve != EXPECTED:
            return "by the rule asked for"
        below = f"a factor of {self.factor:.3g} below the expected minimum {self.minimum.lr:.1e}"
        if self.verdict is Verdict.COLD_START:
            return f"{below}, where a training from scratch starts"
        if self.factor != transfer(self.schedule, self.total_steps, self.epochs).factor:
            return f"{below}, as asked for"
        of = {None: "", "constant": " at a constant rate", "one_cycle": " with one cycle"}
        length = "" if self.total_steps is None else f" of {self.total_steps:,} steps"
        length += "" if self.epochs is None else f", {self.epochs:.3g} epochs,"
        run = f"a training run{length}{of[self.schedule]}"
        return f"{below}, where {run} is expected to lose least"

    @property
    def uses_factor(self) -> bool:
        """Whether `lr` is `minimum.lr / factor`."""
        return RULES[self.rule].uses_factor

    def apply(self, optimizer: HasParamGroups | Sequence[HasParamGroups]) -> None:
        """Set the learning rates of an optimizer to `group_lr`.

        Args:
            optimizer: The optimizer of the range test, or several in the same order. An LR
                scheduler that is attached already keeps the rates it was made with.

        Raises:
            ValueError: It has another number of parameter groups; nothing is changed.
        """
        set_group_rates(optimizer, self.group_lr)

    def one_cycle(self, groups: slice = slice(None)) -> dict[str, list[float]]:
        """The argument for `torch.optim.lr_scheduler.OneCycleLR`: one peak learning rate per group.

        Args:
            groups: Which groups; with several optimizers, those of the one to schedule.
        """
        return {"max_lr": list(self.group_lr[groups])}

    def to_dict(self) -> dict[str, object]:
        """The answer as plain numbers and strings, ready for JSON."""
        return {
            "lr": self.lr,
            "interval": self.interval and list(self.interval),
            "verdict": self.verdict.name.lower(),
            "reason": self.reason,
            "schedule": self.schedule,
            "total_steps": self.total_steps,
            "epochs": self.epochs,
            "rule": self.rule,
            "factor": self.factor,
            "curve": self.curve,
            "beta": self.beta,
            "minimum_lr": self.minimum.lr,
            "expected_minimum_lr": self.expected_lr,
            "expected_regret": self.expected_regret,
            "decade_below_regret": self.decade_below_regret,
            "uncertainty": self.uncertainty and vars(self.uncertainty),
            "flags": flag_names(self.flags),
            "group_lr": list(self.group_lr),
        }


@dataclass(frozen=True)
class CannotTell:
    """The answer when a sweep supports no suggestion. It is falsy, and reading its `lr` raises.

    Attributes:
        reason: Why there is no suggestion, and the remedy.
        rule: Name of the rule that was used.
        flags: The flags behind the reason.
        verdict: The verdict on the sweep; None if the reason lies elsewhere, such as losses that
            were not recorded.
        guess: What the point of divergence alone points to, where the loss never fell; None
            otherwise. Not to train with before trials of it, such as those of `find_lr`.
    """

    reason: str
    rule: str
    flags: tuple[Flag, ...] = ()
    verdict: Verdict | None = None
    guess: float | None = None

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"No learning rate can be suggested: {self.reason}."

    @property
    def lr(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    @property
    def group_lr(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    @property
    def interval(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    def apply(self, optimizer: HasParamGroups | Sequence[HasParamGroups]) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    def one_cycle(self, groups: slice = slice(None)) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise CannotTellError(f"no learning rate can be suggested: {self.reason}.")

    def to_dict(self) -> dict[str, object]:
        """The answer as plain strings, ready for JSON; it has no `lr`."""
        return {
            "cannot_tell": self.reason,
            "verdict": self.verdict and self.verdict.name.lower(),
            "rule": self.rule,
            "flags": flag_names(self.flags),
            "guess": self.guess,
        }


def interval_words(interval: tuple[float, float] | None) -> str:
    """An interval in brackets, to follow a suggested learning rate; nothing without one."""
    if interval is None:
        return ""
    return " ({:.0%} interval of the best {:.1e} to {:.1e})".format(CONFIDENCE, *interval)
