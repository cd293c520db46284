"""Losses of several tasks on their way to one: the total is trained on, each is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from lrfind.loop.step import Forward, check_loss
from lrfind.multitask.checks import check_task_loss
from lrfind.result.record import SOURCES
from lrfind.support.arguments import require_number
from lrfind.support.arrays import Array
from lrfind.support.process_group import mean_over_ranks, rank_count
from lrfind.sweep.series import Series

Total = Callable[[Mapping[str, torch.Tensor]], torch.Tensor]


class TaskForward:
    """Calls `forward`, and makes one loss of a dictionary that it may return.

    Those losses are kept, detached and on their device, for `take`. They are not where gradients
    are disabled, as for the probe.

    Args:
        forward: Takes (model, batch) and returns a loss, or a dictionary of them.
        total: Makes one loss of that dictionary; their sum if None.
        maker: Name of the argument that makes the losses, for error messages.
    """

    def __init__(self, forward: Forward, total: Total | None, maker: str) -> None:
        self._forward = forward
        self._total = total
        self._maker = maker
        self._seen: list[dict[str, torch.Tensor]] = []

    def __call__(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        """The loss to train on."""
        losses: Any = self._forward(model, batch)
        if type(losses) is torch.Tensor or not isinstance(losses, Mapping):
            return self._plain(losses)
        if not losses:
            raise ValueError(f"`{self._maker}` returned no losses: the dictionary is empty.")
        for name, loss in losses.items():
            check_task_loss(name, loss)
        if torch.is_grad_enabled():
            self._seen.append({name: loss.detach() for name, loss in losses.items()})
        if self._total is None:
            return total_of(losses.values())
        made = self._total(losses)
        if torch.is_grad_enabled():
            check_loss(made, "total")
        return made

    def _plain(self, loss: torch.Tensor) -> torch.Tensor:
        if self._total is not None:
            raise TypeError(
                f"`total` needs a dictionary of losses, but `{self._maker}` returned "
                f"{type(loss).__name__}."
            )
        return loss

    def take(self, count: int) -> dict[str, torch.Tensor] | None:
        """The mean losses of the first `count` batches since the last call; None without tasks.

        Later ones are of an optimizer that evaluates its closure several times.
        """
        seen, self._seen = self._seen[:count], []
        if len(seen) <= 1:
            return seen[0] if seen else None
        names = dict.fromkeys(name for losses in seen for name in losses)
        return {
            name: torch.stack([each[name].reshape(()) for each in seen if name in each]).mean()
            for name in names
        }


def total_of(losses: Iterable[torch.Tensor]) -> torch.Tensor:
    """The plain sum of losses."""
    return torch.stack([loss.reshape(()) for loss in losses]).sum()


class TaskSeries:
    """The loss of each task, step by step; those on a device stay there until asked for."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}

    def note(self, step: int, losses: Mapping[str, torch.Tensor | float]) -> None:
        """Note the losses of the tasks that a step has.

        Raises:
            TypeError: A loss is not one number, or `losses` is no mapping.
            ValueError: A task is named as another curve of the result is.
        """
        check_tasks(losses)
        for name, loss in losses.items():
            if name not in self._series:
                self._series[name] = Series(f"tasks[{name!r}]")
            self._series[name].note(step, loss)

    def average_over_ranks(self, count: int) -> None:
        """Replace each loss by its mean over those ranks that have it.

        Args:
            count: The number of steps, which all ranks have made.
        """
        for name in _on_any_rank(list(self._series)):
            series = self._series.setdefault(name, Series(f"tasks[{name!r}]"))
            mine = series.noted(count)
            values = np.where(mine, series.by_step(count) if mine.any() else 0.0, 0.0)
            share = mean_over_ranks(mine.astype(np.float64))
            means = mean_over_ranks(values) / np.where(share > 0, share, 1.0)
            for step in np.flatnonzero(share):
                series.note(int(step), float(means[step]))

    def by_step(self, count: int) -> dict[str, Array]:
        """Of each task the losses of the first steps, shape `(count,)`, NaN where it has none."""
        return {name: series.by_step(count) for name, series in self._series.items()}


def check_tasks(losses: Mapping[str, torch.Tensor | float]) -> None:
    """Refuse what are no losses of tasks, before any of them is noted.

    Raises:
        TypeError: A loss is not one number, or `losses` is no mapping.
        ValueError: A task is named as another curve of the result is.
    """
    if not isinstance(losses, Mapping):
        raise TypeError(f"`tasks` must be a mapping, got {type(losses).__name__}.")
    for name, loss in losses.items():
        if name in SOURCES:
            raise ValueError(f"`tasks` has a task called {name!r}, which means another curve.")
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            require_number(f"tasks[{name!r}]", loss)


def _on_any_rank(names: list[str]) -> list[str]:
    """The names that any rank has, in one order on all of them."""
    if rank_count() == 1:
        return names
    gathered: list[Any] = [None] * rank_count()
    dist.all_gather_object(gathered, names)
    return list(dict.fromkeys(name for each in gathered for name in each))
