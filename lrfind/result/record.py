"""The validated, read-only record of one sweep, and its curves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.schedule import producing_lr
from lrfind.layers.layer_norms import Layers
from lrfind.multitask.disagreement import checked_tasks, steps_with_task
from lrfind.result.cold_start import ColdStart
from lrfind.result.origin import Origin
from lrfind.result.settings import StopReason, SweepSettings
from lrfind.support.arguments import require_choice
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError
from lrfind.support.records import ReadOnlyDict, freeze, same_fields

TRAIN, PROBE = "train", "probe"
SOURCES = (TRAIN, PROBE)
"""Sources of losses other than the tasks; reserved, so no task may have one of these names."""


@dataclass(frozen=True, eq=False)
class SweepRecord:
    """The fields of `RangeTestResult`, which documents them, and the curves made from them."""

    lr: Array
    loss: Array
    stop_reason: StopReason
    settings: SweepSettings
    group_scale: tuple[float, ...] = (1.0,)
    probe: Array = field(default_factory=lambda: np.empty(0))
    metric: Array = field(default_factory=lambda: np.empty(0))
    tasks: Mapping[str, Array] = field(default_factory=dict)
    skipped: tuple[int, ...] = ()
    optimizer: str = ""
    seed: int | None = None
    state_bytes: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    layers: Layers | None = None
    cold_starts: tuple[ColdStart, ...] = ()
    epoch_steps: float | None = None
    origin: Origin | None = None
    loop_options: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        freeze(self, "lr", "loss", "probe", "metric", "versions")
        if self.lr.shape != self.loss.shape or self.lr.ndim != 1:
            raise ValueError(
                f"`lr` and `loss` must be one-dimensional and of equal length, got shapes "
                f"{self.lr.shape} and {self.loss.shape}."
            )
        for name in ("probe", "metric"):
            if getattr(self, name).shape not in ((0,), self.lr.shape):
                raise ValueError(f"`{name}` must be empty or as long as `lr`.")
        if self.layers is not None and self.layers.lr.shape != self.lr.shape:
            raise ValueError("`layers` must have as many steps as `lr`.")
        object.__setattr__(self, "loop_options", ReadOnlyDict(self.loop_options))
        tasks = checked_tasks(self.tasks, self.lr.shape, SOURCES)
        object.__setattr__(self, "tasks", ReadOnlyDict(tasks))
        rising = np.all(np.isfinite(self.lr) & (self.lr > 0)) and np.all(np.diff(self.lr) > 0)
        if not rising:
            raise ValueError("`lr` must be finite, above 0 and rising.")
        if not self.group_scale or not np.all(np.isfinite(self.group_scale)):
            raise ValueError(f"`group_scale` must hold finite numbers, got {self.group_scale!r}.")

    def __eq__(self, other: object) -> bool:
        return same_fields(self, other) if isinstance(other, SweepRecord) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> dict[str, Any]:
        # The options may hold functions and whole models, which other processes cannot use.
        return {**vars(self), "loop_options": ReadOnlyDict()}

    @property
    def group_lr(self) -> Array:
        """Shape `(groups, n)`: learning rate of every parameter group at every step."""
        return np.outer(self.group_scale, self.lr)

    @property
    def probe_points(self) -> tuple[Array, Array]:
        """Learning rate and probe loss of each step with a probe evaluation; may be empty."""
        return self.lr[self._probed][: self.probe.size], self.probe[self._probed]

    @property
    def metric_points(self) -> tuple[Array, Array]:
        """Learning rate and metric of each step with a probe evaluation; may be empty."""
        return self.lr[self._probed][: self.metric.size], self.metric[self._probed]

    def curves(self, source: str = TRAIN) -> SweepCurves:
        """The curves of one source of losses, up to the first non-finite one.

        Args:
            source: "train" for the mini-batch losses, "probe", or the name of a task.

        Returns:
            Learning rates, losses, `curve(name, beta)` and `minimum(name, beta)`, for the names
            "raw", "centred", "ema" and "debiased".

        Raises:
            CannotTellError: Fewer than two finite losses, or no probe was recorded.
            ValueError: An unknown source.
        """
        self._check_source(source)
        if source not in self._curves:
            smoothed = self.origin is not None and self.origin.smoothed
            self._curves[source] = SweepCurves(*self._points(source), smoothed=smoothed)
        return self._curves[source]

    def _check_source(self, source: str) -> None:
        require_choice("source", source, (*SOURCES, *self.tasks))

    @cached_property
    def _curves(self) -> dict[str, SweepCurves]:
        """The curves made so far, cached since the fit is expensive."""
        return {}

    def _points(self, source: str) -> tuple[Array, Array]:
        """Learning rates and losses; each loss is at the learning rate of the update before it."""
        if source == TRAIN:
            return producing_lr(self.lr), self.loss
        if source == PROBE:
            if not self.probe.size:
                raise CannotTellError("no probe was recorded: pass `probe=` to `range_test`")
            return self.probe_points
        has_it = steps_with_task(self.tasks[source], self.loss)
        return producing_lr(self.lr)[has_it], self.tasks[source][has_it]

    @property
    def _probed(self) -> slice:
        """The steps at which the probe was evaluated."""
        return slice(self.settings.probe_every - 1, None, self.settings.probe_every)
