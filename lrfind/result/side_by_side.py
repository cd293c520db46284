"""Several results side by side: their minima, shifts and suggestions, and what else differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.defaults import BETA
from lrfind.comparison.compare import Comparison
from lrfind.result.differences import differences
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.side_by_side_table import side_by_side_table
from lrfind.support.errors import CannotTellError
from lrfind.support.heads import heads
from lrfind.support.html import record_html
from lrfind.support.rates import decades_between
from lrfind.support.text import as_it_is, plain_text, times, uncut

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from lrfind.result.sweep_analysis import Answer


@dataclass(frozen=True, eq=False)
class SideBySide:
    """What `side_by_side` makes: `str()`, `to_dict()`.

    Attributes:
        names: Name of each result, as it was given.
        results: The results.
        comparisons: `compare` of each result; None with fewer than two finite losses.
        answers: `suggest` of each result.
        differences: The settings that are not the same in all results, by name: the value in each,
            None where it has none.
    """

    names: tuple[str, ...]
    results: tuple[RangeTestResult, ...]
    comparisons: tuple[Comparison | None, ...]
    answers: tuple[Answer, ...]
    differences: Mapping[str, tuple[object, ...]]

    @property
    def apart(self) -> float | None:
        """Decades between the lowest and the highest suggestion; None with fewer than two."""
        rates = [answer.lr for answer in self.answers if isinstance(answer, Suggestion)]
        return decades_between(min(rates), max(rates)) if len(rates) > 1 else None

    @property
    def overlap(self) -> bool | None:
        """Whether a learning rate lies in all their intervals; None with fewer than two."""
        told = [answer.interval for answer in self.answers if isinstance(answer, Suggestion)]
        ends = [interval for interval in told if interval is not None]
        if len(ends) < 2:
            return None
        return max(low for low, _ in ends) <= min(high for _, high in ends)

    @property
    def same_losses(self) -> bool:
        """Whether the learning rates and losses of all results are equal."""
        first, *others = self.results
        return all(
            np.array_equal(first.lr, other.lr)
            and np.array_equal(first.loss, other.loss, equal_nan=True)
            for other in others
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """How far the suggestions are apart, which results have none, and what differs."""
        shown = heads(self.names)
        notes = [*_distance_words(shown, self.answers, self.apart, self.overlap)]
        for name, answer in zip(shown, self.answers, strict=True):
            if isinstance(answer, CannotTell):
                notes.append(f"{name}: {answer}")
        return (*notes, *self._sameness_words())

    def _sameness_words(self) -> Sequence[str]:
        if all(other == self.results[0] for other in self.results[1:]):
            return ["Nothing differs."]
        if self.same_losses:
            return ["The losses are the same."]
        return [] if self.differences else ["No setting differs, only the losses."]

    def to_dict(self) -> dict[str, Any]:
        """The tables as plain values, ready for JSON."""
        results = [
            {
                "name": name,
                "suggestion": answer.to_dict(),
                "rows": [] if compared is None else compared.to_dict()["rows"],
            }
            for name, compared, answer in zip(
                self.names, self.comparisons, self.answers, strict=True
            )
        ]
        return {
            "results": results,
            "suggestions_apart": self.apart,
            "intervals_overlap": self.overlap,
            "differences": {name: list(values) for name, values in self.differences.items()},
            "same_losses": self.same_losses,
            "notes": list(self.notes),
        }

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = heads(self.names)
        table = side_by_side_table(shown, self.comparisons, self.answers, self.differences)
        yield uncut(table)
        if self.notes:
            yield ""
        for note in self.notes:
            yield as_it_is(note)

    def __str__(self) -> str:
        return plain_text(self)

    def _repr_html_(self) -> str:
        return record_html(self)


def side_by_side(
    *results: RangeTestResult, names: Sequence[str] | None = None, beta: float = BETA
) -> SideBySide:
    """Compare several results: their minima, shifts and suggestions, and what else differs.

    Args:
        results: At least two, such as those of two optimizers or two seeds.
        names: A name for each; None numbers them.
        beta: Weight of the old value for the EMA and the debiased EMA, in [0, 1).

    Returns:
        Tables with a column for each result: `print` them.

    Raises:
        TypeError: Something else than a result is given, or a name that is no string.
        ValueError: There are fewer than two results, or another number of names; or `beta` is
            outside [0, 1).

    Example:
        >>> from lrfind.demo import digits_problem
        >>> problems = (digits_problem(optimizer=name) for name in ("sgd", "adam"))
        >>> sgd, adam = (problem.range_test(num_iter=30) for problem in problems)
        >>> found = side_by_side(sgd, adam, names=["SGD", "Adam"])
        >>> found.differences["optimizer"]
        ('SGD', 'Adam')
    """
    if not all(isinstance(each, RangeTestResult) for each in results):
        raise TypeError("`results` must be results of `range_test`, or read by `load`.")
    if len(results) < 2:
        raise ValueError(f"`results` must be at least two, got {len(results)}.")
    named = tuple(map(str, range(1, len(results) + 1))) if names is None else tuple(names)
    if not all(isinstance(name, str) for name in named):
        raise TypeError(f"`names` must be strings, got {names!r}.")
    if len(named) != len(results):
        raise ValueError(f"`names` must be {len(results)}, one for each result, got {len(named)}.")
    return SideBySide(
        named,
        results,
        tuple(_compared(result, beta) for result in results),
        tuple(result.suggest() for result in results),
        differences(results),
    )


def _compared(result: RangeTestResult, beta: float) -> Comparison | None:
    try:
        return result.compare((beta,))
    except CannotTellError:
        return None


def _distance_words(
    names: Sequence[str], answers: Sequence[Answer], apart: float | None, overlap: bool | None
) -> list[str]:
    """How far the suggestions are apart, and whether their intervals overlap."""
    if apart is None:
        return []
    told = [each for each in zip(names, answers, strict=True) if isinstance(each[1], Suggestion)]
    (low, _), *_, (high, _) = sorted(told, key=lambda each: each[1].lr)
    factor = times(apart).split()[0]
    words = f"The suggestions are {abs(apart):.2f} decades ({factor}) apart"
    where = f", from {low} to {high}" if len(told) > 2 else ""
    if overlap is None:
        return [f"{words}{where}."]
    return [f"{words}{where}; their intervals {'overlap' if overlap else 'do not overlap'}."]
