"""Values recorded along with the losses of a sweep, at some steps or all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray

from lrfind.result.record import SOURCES
from lrfind.support.arguments import require_number
from lrfind.support.arrays import Array
from lrfind.support.process_group import mean_over_ranks, rank_count


class Series:
    """At most one value per step; device tensors are not read back until they are needed.

    Args:
        name: Name of the values, for error messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: dict[int, torch.Tensor | float] = {}

    def note(self, step: int, value: torch.Tensor | float) -> None:
        """Record the value of a step; a tensor is copied, so it may be overwritten afterwards.

        Raises:
            TypeError: `value` is not one number.
        """
        if isinstance(value, torch.Tensor) and value.numel() == 1:
            self._values[step] = value.detach().reshape(()).clone()
        else:
            self._values[step] = require_number(self._name, value)

    def at(self, step: int) -> torch.Tensor | float | None:
        """The value of a step, a tensor still on its device; None if it has none."""
        return self._values.get(step)

    def state(self) -> dict[int, float]:
        """The values as numbers, by step."""
        return dict(zip(self._values, self._numbers(), strict=True))

    def average_over_ranks(self) -> None:
        """Replace the values by their means over all ranks."""
        means = mean_over_ranks(np.array(self._numbers()))
        self._values = dict(zip(self._values, means.tolist(), strict=True))

    def noted(self, count: int) -> NDArray[np.bool_]:
        """Shape `(count,)`: which of the first `count` steps have a value."""
        return np.isin(np.arange(count), list(self._values))

    def by_step(self, count: int) -> Array:
        """The values of the first `count` steps, NaN for none; empty if no step has a value."""
        if not self._values:
            return np.empty(0)
        array = np.full(max(count, *self._values) + 1, np.nan)
        array[list(self._values)] = self._numbers()
        return array[:count]

    def _numbers(self) -> list[float]:
        """The values as numbers; all device tensors are read back in one transfer."""
        values = self._values.values()
        tensors = [value for value in values if isinstance(value, torch.Tensor)]
        read = iter(torch.stack(tensors).tolist() if tensors else [])
        return [next(read) if isinstance(v, torch.Tensor) else float(v) for v in values]


class TaskSeries:
    """The loss of each task at each step; device tensors are not read back until needed."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}

    def note(self, step: int, losses: Mapping[str, torch.Tensor | float]) -> None:
        """Record the task losses of a step.

        Raises:
            TypeError: A loss is not one number, or `losses` is not a mapping.
            ValueError: A task is named "train" or "probe".
        """
        _check_tasks(losses)
        for name, loss in losses.items():
            self._of(name).note(step, loss)

    def at(self, step: int) -> dict[str, torch.Tensor | float]:
        """The losses of the tasks that a step has, tensors still on their device."""
        series = self._series.items()
        return {name: value for name, each in series if (value := each.at(step)) is not None}

    def state(self) -> dict[str, dict[int, float]]:
        """The losses of each task as numbers, by step."""
        return {name: series.state() for name, series in self._series.items()}

    def average_over_ranks(self, count: int) -> None:
        """Replace each loss by its mean over the ranks that have it.

        Args:
            count: Number of steps, the same on all ranks.
        """
        for name in _union_over_ranks(list(self._series)):
            series = self._of(name)
            mine = series.noted(count)
            values = np.where(mine, series.by_step(count) if mine.any() else 0.0, 0.0)
            share = mean_over_ranks(mine.astype(np.float64))
            means = mean_over_ranks(values) / np.where(share > 0, share, 1.0)
            for step in np.flatnonzero(share):
                series.note(int(step), float(means[step]))

    def by_step(self, count: int) -> dict[str, Array]:
        """The losses of each task at the first `count` steps, NaN where it has none."""
        return {name: series.by_step(count) for name, series in self._series.items()}

    def _of(self, name: str) -> Series:
        if name not in self._series:
            self._series[name] = Series(f"tasks[{name!r}]")
        return self._series[name]


class Beside:
    """What is recorded beside the losses: a probe loss, a metric and the losses of tasks.

    Args:
        probe_every: There is a probe loss, and a metric, every this many steps.

    Attributes:
        probe: The probe losses.
        metric: The values of the metric.
        tasks: The losses of the tasks.
    """

    def __init__(self, probe_every: int) -> None:
        self.probe, self.metric, self.tasks = Series("probe"), Series("metric"), TaskSeries()
        self._probe_every = probe_every

    def is_due(self, step: int) -> bool:
        """Whether a probe loss belongs to a step."""
        return (step + 1) % self._probe_every == 0

    def note(
        self,
        step: int,
        probe: torch.Tensor | float | None = None,
        metric: torch.Tensor | float | None = None,
        tasks: Mapping[str, torch.Tensor | float] | None = None,
    ) -> None:
        """Record what there is of them at a step.

        Raises:
            ValueError: It has a probe loss or a metric that is not due.
        """
        if (probe is not None or metric is not None) and not self.is_due(step):
            raise ValueError(
                f"`probe` and `metric` are for one step in {self._probe_every}, as set by "
                "`probe_every`: check `sweep.probe_is_due` before the step."
            )
        if tasks is not None:
            self.tasks.note(step, tasks)
        if probe is not None:
            self.probe.note(step, probe)
        if metric is not None:
            self.metric.note(step, metric)

    def at(self, step: int) -> dict[str, Any]:
        """What a step has of them, by name; tensors still on their device."""
        found: dict[str, Any] = {}
        if (probe := self.probe.at(step)) is not None:
            found["probe"] = probe
        if (metric := self.metric.at(step)) is not None:
            found["metric"] = metric
        if tasks := self.tasks.at(step):
            found["tasks"] = tasks
        return found

    def by_step(self, count: int) -> dict[str, Any]:
        """The values of the first `count` steps by name, as in `Recording`."""
        return {
            "probe": self.probe.by_step(count),
            "metric": self.metric.by_step(count),
            "tasks": self.tasks.by_step(count),
        }

    def state(self) -> dict[str, Any]:
        """All values as numbers, by name."""
        each = (self.probe, self.metric, self.tasks)
        return dict(zip(("probe", "metric", "tasks"), (one.state() for one in each), strict=True))

    def resume(self, state: Mapping[str, Any]) -> None:
        """Take the values of a run that goes on, as `state` gave them."""
        for name in ("probe", "metric"):
            for step, value in state[name].items():
                getattr(self, name).note(step, value)
        for name, values in state["tasks"].items():
            for step, value in values.items():
                self.tasks.note(step, {name: value})

    def average_over_ranks(self, count: int) -> None:
        """Replace all values by their means over the ranks, `count` steps on each."""
        self.probe.average_over_ranks()
        self.metric.average_over_ranks()
        self.tasks.average_over_ranks(count)


def one_number(loss: torch.Tensor | float) -> torch.Tensor | float:
    """A loss, still on its device, if it holds one number.

    Raises:
        TypeError: It is something else.
    """
    if type(loss) is float:
        return loss
    if isinstance(loss, torch.Tensor):
        if loss.numel() != 1:
            raise TypeError(f"`loss` must hold one number, got shape {tuple(loss.shape)}.")
        return loss.detach()
    try:
        return float(loss)
    except (TypeError, ValueError) as error:
        raise TypeError(f"`loss` must be a number, got {loss!r}.") from error


def _check_tasks(losses: Mapping[str, torch.Tensor | float]) -> None:
    """Check all task losses of a step before any of them is recorded."""
    if not isinstance(losses, Mapping):
        raise TypeError(f"`tasks` must be a mapping, got {type(losses).__name__}.")
    for name, loss in losses.items():
        if name in SOURCES:
            raise ValueError(f"`tasks` has a task named {name!r}, which is a reserved name.")
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            require_number(f"tasks[{name!r}]", loss)


def _union_over_ranks(names: list[str]) -> list[str]:
    """The names that any rank has, in the same order on all ranks, as collectives require."""
    if rank_count() == 1:
        return names
    gathered: list[Any] = [None] * rank_count()
    dist.all_gather_object(gathered, names)
    return list(dict.fromkeys(name for each in gathered for name in each))
