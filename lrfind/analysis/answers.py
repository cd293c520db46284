"""The answers of `suggest`: a learning rate with its uncertainty, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from lrfind.analysis.answer_figure import SIZE, draw_answer
from lrfind.analysis.curves import EXPECTED, Minimum
from lrfind.analysis.defaults import FACTOR
from lrfind.analysis.flags import CUT_SHORT, Flag
from lrfind.analysis.posterior import CONFIDENCE
from lrfind.analysis.refusal import CannotTell
from lrfind.analysis.rules import RULES
from lrfind.analysis.smoothing import label_of
from lrfind.analysis.transfer import Transfer, transfer
from lrfind.analysis.uncertainty import Uncertainty
from lrfind.analysis.verdict import Verdict
from lrfind.support.html import record_html
from lrfind.support.param_groups import HasParamGroups
from lrfind.support.records import flag_names
from lrfind.support.schedulers import Scheduler
from lrfind.support.set_rates import set_group_rates
from lrfind.support.text import group_words, list_table, rate, sentence, words

__all__ = ["CannotTell", "Suggestion", "interval_words"]


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
        schedule: LR schedule it is meant for, as it was measured: "constant" or "one_cycle"; None
            for a compromise between the two.
        total_steps: Length of the training it is meant for, in optimizer steps; None for a
            compromise between several.
        epochs: How many epochs these are; None if it is not known.
        interval: Nominal 90 % interval for the best learning rate of a training run, calibrated on
            the project's benchmark; it may cover less on tasks unlike those. It depends on sweep,
            schedule and length, and on neither rule nor factor: `lr` may lie outside. It ends where
            the sweep does. None only in a record made by hand, as all that follow.
        uncertainty: The components of the interval.
        expected_lr: The expected minimum of the sweep, whatever the rule.
        taken: If another schedule was asked for, which one, and why it is taken for `schedule`.
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
    taken: str = ""

    def __repr__(self) -> str:
        interval = ", best in {:.1e} to {:.1e}".format(*self.interval) if self.interval else ""
        return f"<Suggestion: lr {self.lr:.3g}{interval}, {words(self.verdict.name)}>"

    def __str__(self) -> str:
        first = "".join(f"{sentence(flag.value)} " for flag in self.flags if flag in CUT_SHORT)
        others = [flag for flag in self.cautions if flag not in CUT_SHORT]
        caution = "".join(f" But {flag.value}." for flag in others)
        rates = f"{rate(self.lr)}{group_words(self.group_lr)}{interval_words(self.interval)}"
        taken = f" The schedule is {self.taken}." if self.taken else ""
        return (
            f"{first}Train at about {rates}, {self._source_words()}.{taken} Verdict: "
            f"{words(self.verdict.name)}, as {self.reason}.{caution}"
        )

    def _repr_html_(self) -> str:
        why, _, remedy = self.reason.partition(": ")
        band = f"{CONFIDENCE:.0%} interval of the best"
        said = {
            "Train at": f"{rate(self.lr)}{group_words(self.group_lr)}",
            "Best in": self.interval
            and f"{{}} to {{}}, the {band}".format(*map(rate, self.interval)),
            "Why": self.because,
            "Schedule": self.taken,
            "Verdict": f"{words(self.verdict.name)}: {why}",
            "But": " ".join(sentence(flag.value) for flag in self.cautions),
            "Next": f"answer.apply(optimizer, scheduler)    {remedy}",
        }
        minimum = (f"{label_of(self.curve, self.beta)} minimum", self.minimum.lr)
        draw = partial(
            draw_answer, lr=self.lr, interval=self.interval, band=band,
            minimum=minimum if self.uses_factor else None,
        )  # fmt: skip
        rows = [(about, text) for about, text in said.items() if text]
        return record_html(list_table(rows), draw=draw, alt=str(self), size=SIZE)

    def _source_words(self) -> str:
        if not self.uses_factor:
            return f"by the rule {self.rule!r} on the {label_of(self.curve, self.beta)} curve"
        lowest = f"minimum {rate(self.minimum.lr)}"
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
        below = f"a factor of {self.factor:.3g} below the expected minimum {rate(self.minimum.lr)}"
        if self.verdict is Verdict.COLD_START:
            return f"{below}, where a training from scratch starts"
        if self.factor != self._way.factor:
            return f"{below}, as asked for"
        of = {None: "", "constant": " at a constant rate", "one_cycle": " with one cycle"}
        length = "" if self.total_steps is None else f" of {self.total_steps:,} steps"
        length += "" if self.epochs is None else f", {self.epochs:.3g} epochs,"
        run = f"a training run{length}{of[self.schedule]}"
        return f"{below}, where {run} is expected to lose least"

    @property
    def expected_regret(self) -> float | None:
        """Mean regret at `lr` over the tasks that the package was calibrated on.

        The share of the achievable decrease of the validation loss that is lost, or of the training
        loss for a few epochs; at the default factor as chosen on other families of tasks. None for
        another rule, and so far from the minimum that nothing was measured.
        """
        return self._way.told_regret(self.factor) if self.curve == EXPECTED else None

    @property
    def decade_below_regret(self) -> float | None:
        """The same one decade below the expected minimum."""
        return self._way.told_regret(FACTOR) if self.curve == EXPECTED else None

    @property
    def _way(self) -> Transfer:
        return transfer(self.schedule, self.total_steps, self.epochs)

    @property
    def uses_factor(self) -> bool:
        """Whether `lr` is `minimum.lr / factor`."""
        return RULES[self.rule].uses_factor

    def apply(
        self,
        optimizer: HasParamGroups | Sequence[HasParamGroups],
        scheduler: Scheduler | Sequence[Scheduler] | None = None,
    ) -> None:
        """Set the learning rates of an optimizer, and of its LR scheduler, to `group_lr`.

        Args:
            optimizer: The optimizer of the range test, or several in the same order. A group's
                `lr_scale`, as of timm, stays; `group_lr` includes it, `initial_lr` then does not.
            scheduler: The LR scheduler that drives it, or one for each of several. It goes on as if
                it had been made for these rates, at whatever step it is; they are the peak of
                `OneCycleLR` and `CyclicLR`, whose other rates keep their ratios to it. One of timm,
                and a `ReduceLROnPlateau` that may have lowered the rate, must be just made. One
                that is not given sets its own rates again.

        Raises:
            TypeError: `scheduler` is no LR scheduler.
            ValueError: There is another number of parameter groups, or the scheduler cannot be
                given other rates; nothing is changed.

        Example:
            >>> import torch
            >>> from lrfind.demo import digits_problem
            >>> problem = digits_problem(model="mlp", optimizer="sgd")
            >>> scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(problem.optimizer, 1000)
            >>> answer = problem.range_test(num_iter=60).suggest(schedule="cosine")
            >>> answer.apply(problem.optimizer, scheduler)
            >>> scheduler.base_lrs == [answer.lr] == scheduler.get_last_lr()
            True
        """
        set_group_rates(optimizer, self.group_lr, scheduler)

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
            "taken": self.taken,
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


def interval_words(interval: tuple[float, float] | None) -> str:
    """An interval in brackets, to follow a suggested learning rate; nothing without one."""
    if interval is None:
        return ""
    low, high = map(rate, interval)
    return f" ({CONFIDENCE:.0%} interval of the best {low} to {high})"
