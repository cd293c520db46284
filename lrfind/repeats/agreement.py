"""One learning rate from the suggestions of several runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial

from lrfind.analysis.answer_figure import SIZE, draw_answer
from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.flags import Flag
from lrfind.repeats.spread import Spread
from lrfind.support.errors import CannotTellError
from lrfind.support.html import record_html
from lrfind.support.records import flag_names
from lrfind.support.text import group_words, list_table, rate, sentence


@dataclass(frozen=True)
class RepeatSuggestion:
    """The learning rate that several runs suggest together, and how well they agree.

    Attributes:
        lr: The median of the runs' suggestions, in log10.
        interval: Its confidence interval; see `Spread.interval`.
        confidence: Confidence level of the interval.
        sd: Standard deviation of the runs' suggestions, in decades.
        runs: Number of runs with a suggestion.
        missing: Number of runs without one.
        rule: Name of the rule.
        transfer: Standard deviation of the best learning rate around the suggested one, between
            tasks, in decades; repeats do not reduce it. None for a rule on one curve.
        flags: Flags that at least half of the suggestions have.
        group_lr: Learning rate of each parameter group.
    """

    lr: float
    interval: tuple[float, float]
    confidence: float
    sd: float
    runs: int
    missing: int
    rule: str
    transfer: float | None
    flags: tuple[Flag, ...]
    group_lr: tuple[float, ...]

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"<RepeatSuggestion: lr {self.lr:.3g}, {rate(low)} to {rate(high)}, {self.runs} runs>"
        )

    @property
    def reason(self) -> str:
        """Where the rate comes from, as `CannotTell` says why there is none."""
        return f"the median suggestion of {self.runs} runs"

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"Train at about {rate(self.lr)}{group_words(self.group_lr)}, {self.reason}. The "
            f"{100 * self.confidence:g} % confidence interval of the median is {rate(low)} to "
            f"{rate(high)}; the standard deviation between runs is {self.sd:.2f} decades."
        )

    def _repr_html_(self) -> str:
        low, high = map(rate, self.interval)
        band = f"{100 * self.confidence:g} % interval of the median"
        rows = [
            ("Train at", f"{rate(self.lr)}{group_words(self.group_lr)}"),
            ("Between", f"{low} and {high}, the {band}"),
            ("Why", f"{self.reason}, {self.sd:.2f} decades apart (standard deviation)"),
            *(("But", sentence(flag.value)) for flag in self.flags),
        ]
        draw = partial(draw_answer, lr=self.lr, interval=self.interval, band=band)
        return record_html(list_table(rows), draw=draw, alt=str(self), size=SIZE)

    def to_dict(self) -> dict[str, object]:
        """The answer as plain numbers and strings, ready for JSON."""
        return asdict(self) | {
            "interval": list(self.interval),
            "flags": flag_names(self.flags),
            "group_lr": list(self.group_lr),
        }


def agree(
    answers: Sequence[Suggestion | CannotTell],
    confidence: float,
    *,
    least: float,
    group_scale: Sequence[float],
) -> RepeatSuggestion | CannotTell:
    """The median of several runs' suggestions; see `RepeatSet.suggest`.

    Args:
        answers: One for each run.
        confidence: Confidence level of the interval, between 0 and 1.
        least: Minimum half-width of the interval, in decades.
        group_scale: Learning rate of each parameter group as a multiple of the largest.

    Returns:
        A `RepeatSuggestion`; or a `CannotTell` if fewer than 3 runs or fewer than half of them have
        a suggestion.

    Raises:
        ValueError: `confidence` out of range.
    """
    told = [answer for answer in answers if isinstance(answer, Suggestion)]
    refused = [answer for answer in answers if isinstance(answer, CannotTell)]
    if len(told) < len(refused):
        reason = f"{len(refused)} of {len(answers)} runs have no suggestion: {refused[0].reason}"
        return CannotTell(reason, refused[0].rule, refused[0].flags, refused[0].verdict)
    spread = spread_of(answers)
    try:
        interval = spread.interval(confidence, least=least)
    except CannotTellError as error:
        return CannotTell(str(error), answers[0].rule)
    return RepeatSuggestion(
        lr=spread.median_lr,
        interval=interval,
        confidence=float(confidence),
        sd=spread.sd,
        runs=len(told),
        missing=spread.missing,
        rule=told[0].rule,
        transfer=parts.transfer if (parts := told[0].uncertainty) else None,
        flags=_common_flags(told),
        group_lr=tuple(spread.median_lr * scale for scale in group_scale),
    )


def spread_of(answers: Sequence[Suggestion | CannotTell]) -> Spread:
    """The spread of the suggestions; an answer without one is counted as missing."""
    decades = tuple(math.log10(each.lr) for each in answers if isinstance(each, Suggestion))
    return Spread(decades, len(answers) - len(decades))


def _common_flags(answers: Sequence[Suggestion]) -> tuple[Flag, ...]:
    counts = Counter(flag for answer in answers for flag in answer.flags)
    return tuple(flag for flag, count in counts.items() if 2 * count >= len(answers))
