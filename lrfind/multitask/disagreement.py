"""The suggestions of the single tasks of a sweep, and how far they disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.support.arrays import Array
from lrfind.support.heads import printable
from lrfind.support.html import record_html
from lrfind.support.rates import decades_between
from lrfind.support.records import read_only
from lrfind.support.text import decades, new_table, rate, words


@dataclass(frozen=True)
class TaskDisagreement:
    """The learning rates that the tasks of one sweep suggest, and how far these are apart.

    Each task's curve was recorded on weights trained on the total; training on another total would
    change it.

    Attributes:
        total: The suggestion from the total, the loss that was trained on.
        tasks: The suggestion from each task.
    """

    total: Suggestion | CannotTell
    tasks: Mapping[str, Suggestion | CannotTell]

    @property
    def answers(self) -> dict[str, Suggestion | CannotTell]:
        """The suggestion from the total, under a name that no task has, then those of the tasks."""
        name = "total"
        while name in self.tasks:
            name = f"{name} of all"
        return {name: self.total, **self.tasks}

    @property
    def lr(self) -> dict[str, float]:
        """The suggested learning rate of each task that has one, lowest first."""
        rates = {name: each.lr for name, each in self.tasks.items() if isinstance(each, Suggestion)}
        return dict(sorted(rates.items(), key=lambda item: item[1]))

    @property
    def decades(self) -> float | None:
        """The largest distance between two tasks' suggestions; None for fewer than two."""
        distances = [abs(_decades(one, other)) for one, other in combinations(self.lr.values(), 2)]
        return max(distances, default=None)

    @property
    def from_total(self) -> dict[str, float]:
        """Distance of each task's suggestion from the total's, in decades; empty without one."""
        if not isinstance(self.total, Suggestion):
            return {}
        total = self.total.lr
        return {name: _decades(total, lr) for name, lr in self.lr.items()}

    def __str__(self) -> str:
        rates = ", ".join(f"{printable(name)} {rate(lr)}" for name, lr in self.lr.items())
        if self.decades is None:
            known = f"only {rates}" if rates else "none"
            text = f"Fewer than two tasks suggest a learning rate: {known}."
        else:
            text = f"The tasks' suggestions are up to {self.decades:.2f} decades apart: {rates}."
        return " ".join([text, *self._total_sentence(), *self._refusals()])

    def _repr_html_(self) -> str:
        table = new_table(["loss", "suggested\nrate", "from total\n(decades)", ""])
        table.columns[-1].justify, table.columns[-1].no_wrap = "left", False
        for name, answer in self.answers.items():
            if isinstance(answer, Suggestion):
                apart = self.from_total.get(name)
                distance = "" if apart is None else decades(apart)
                table.add_row(
                    printable(name), rate(answer.lr), distance, words(answer.verdict.name)
                )
            else:
                table.add_row(printable(name), "none", "", f"{answer.reason}.", style="dim")
        return record_html(table)

    def _total_sentence(self) -> Iterable[str]:
        distances = self.from_total
        if not isinstance(self.total, Suggestion) or not distances:
            return
        far = max(distances, key=lambda name: abs(distances[name]))
        yield (
            f"The total suggests {rate(self.total.lr)}; {printable(far)} is farthest from it, by "
            f"{distances[far] + 0.0:+.2f} decades."
        )

    def _refusals(self) -> Iterable[str]:
        answers = {"the total": self.total, **self.tasks}
        for name, answer in answers.items():
            if isinstance(answer, CannotTell):
                yield f"No suggestion for {printable(name)}: {answer.reason}."


def steps_with_task(task: Array, total: Array) -> NDArray[np.bool_]:
    """The steps whose task loss belongs to the task's curve.

    If the total is finite and the task loss is not, the task was missing from the step or was
    skipped. If neither is finite, that ended the sweep, and it ends the curve too.

    Args:
        task: Shape `(n,)`, the task's losses, NaN where it is missing.
        total: Shape `(n,)`, the losses trained on.

    Returns:
        Shape `(n,)`, bool.
    """
    return np.isfinite(task) | ~np.isfinite(total)


def checked_tasks(
    tasks: Mapping[str, Array], shape: tuple[int, ...], taken: Iterable[str]
) -> dict[str, Array]:
    """The task losses as read-only float64 copies.

    Args:
        tasks: Losses of each task.
        shape: The shape that each must have.
        taken: Reserved names.

    Raises:
        ValueError: A name is reserved or not a string, or losses have another shape.
    """
    checked = {}
    for name, losses in tasks.items():
        if not isinstance(name, str) or name in taken:
            raise ValueError(f"`tasks` cannot have a task named {name!r}.")
        checked[name] = read_only(losses)
        if checked[name].shape != shape:
            raise ValueError(f"`tasks[{name!r}]` must be as long as `lr`.")
    return checked


def _decades(start: float, end: float) -> float:
    return decades_between(start, end)
