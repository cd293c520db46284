"""The tasks of one sweep: where each stands alone, and how far they disagree."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.support.arrays import Array
from lrfind.support.records import read_only


@dataclass(frozen=True)
class TaskDisagreement:
    """How far apart the rates lie that the tasks of one sweep suggest, each for itself.

    A task here is a curve of its own on weights that the total moved: another total would have
    moved them otherwise.

    Attributes:
        total: What the total suggests, the loss that was trained on.
        tasks: What each task suggests.
    """

    total: Suggestion | CannotTell
    tasks: Mapping[str, Suggestion | CannotTell]

    @property
    def lr(self) -> dict[str, float]:
        """The suggested rate of each task that supports one, lowest first."""
        rates = {name: each.lr for name, each in self.tasks.items() if isinstance(each, Suggestion)}
        return dict(sorted(rates.items(), key=lambda item: item[1]))

    @property
    def decades(self) -> float | None:
        """The largest distance between the rates of two tasks, at least 0; None of fewer."""
        distances = [abs(_decades(one, other)) for one, other in combinations(self.lr.values(), 2)]
        return max(distances, default=None)

    @property
    def from_total(self) -> dict[str, float]:
        """Decades of each task's rate from the total's, positive to the right; empty of none."""
        if not isinstance(self.total, Suggestion):
            return {}
        total = self.total.lr
        return {name: _decades(total, rate) for name, rate in self.lr.items()}

    def __str__(self) -> str:
        rates = ", ".join(f"{name} {rate:.2e}" for name, rate in self.lr.items())
        if self.decades is None:
            known = f"only {rates}" if rates else "none"
            text = f"Fewer than two tasks suggest a rate: {known}."
        else:
            text = f"The tasks' suggested rates lie {self.decades:.2f} decades apart: {rates}."
        return " ".join([text, *self._total_sentence(), *self._refusals()])

    def _total_sentence(self) -> Iterable[str]:
        distances = self.from_total
        if not isinstance(self.total, Suggestion) or not distances:
            return
        far = max(distances, key=lambda name: abs(distances[name]))
        yield (
            f"The total's {self.total.lr:.2e} is farthest from that of {far}, "
            f"{distances[far] + 0.0:+.2f} decades."
        )

    def _refusals(self) -> Iterable[str]:
        answers = {"the total": self.total, **self.tasks}
        for name, answer in answers.items():
            if isinstance(answer, CannotTell):
                yield f"No rate for {name}: {answer.reason}."


def steps_with_task(task: Array, total: Array) -> NDArray[np.bool_]:
    """The steps whose loss of a task belongs to its curve.

    Where the total is finite and the task is not, the task was absent from the step or was
    skipped. Where neither is, that ended the sweep, and ends the curve.

    Args:
        task: Shape `(n,)`, the task's losses, NaN where it is absent.
        total: Shape `(n,)`, the losses trained on.

    Returns:
        Shape `(n,)`, bool.
    """
    return np.isfinite(task) | ~np.isfinite(total)


def checked_tasks(
    tasks: Mapping[str, Array], shape: tuple[int, ...], taken: Iterable[str]
) -> dict[str, Array]:
    """The losses of tasks as read-only float64 copies.

    Args:
        tasks: Of each task its losses.
        shape: The shape that each must have.
        taken: Names that mean other curves.

    Raises:
        ValueError: A name is taken or no string, or losses are of another shape.
    """
    checked = {}
    for name, losses in tasks.items():
        if not isinstance(name, str) or name in taken:
            raise ValueError(f"`tasks` cannot have a task called {name!r}.")
        checked[name] = read_only(losses)
        if checked[name].shape != shape:
            raise ValueError(f"`tasks[{name!r}]` must be as long as `lr`.")
    return checked


def _decades(start: float, end: float) -> float:
    return math.log10(end / start)
