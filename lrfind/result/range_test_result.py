"""The record of one sweep, and every question that can be asked of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from lrfind.analysis.calibration import BETWEEN_RUNS
from lrfind.analysis.comparison import DEFAULT_BETAS, Comparison, compare
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.cyclic_bounds import Bounds, find_bounds
from lrfind.analysis.schedule import producing_lr
from lrfind.analysis.sensitivity import Sensitivity, sensitivity
from lrfind.analysis.suggestion import CannotTell, Suggestion, ask, suggest
from lrfind.analysis.window import beta_of_window, decades_per_step, window_of_beta
from lrfind.layers.layer_norms import Layers
from lrfind.multitask.disagreement import TaskDisagreement, checked_tasks, steps_with_task
from lrfind.result.pictures import Pictures
from lrfind.result.settings import StopReason, SweepSettings
from lrfind.support.arguments import require_choice, require_spread
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError
from lrfind.support.records import freeze, same_fields

SOURCES = ("train", "probe")


@dataclass(frozen=True, eq=False)
class RangeTestResult(Pictures):
    """One LR range test: the raw record, and its analysis on demand.

    Attributes:
        lr: Shape `(n,)`, float64, read-only: the rate that optimizer step k used (rounded to its
            type where the optimizer holds it as a tensor). With several parameter groups, that of
            the group with the largest rate; see `group_lr`.
        loss: Shape `(n,)`, float64, read-only: the raw mini-batch loss computed before step k, so
            `loss[k + 1]` is the first that `lr[k]` can have moved. The last may be non-finite.
        stop_reason: How the sweep ended.
        settings: What was asked for.
        group_scale: Rate of each parameter group as a multiple of `lr`.
        probe: Shape `(n,)`: loss on the probe batch after step k, so that `lr[k]` has moved it; NaN
            where `settings.probe_every` passes it over. Empty without a probe.
        metric: Shape `(n,)`, likewise.
        tasks: Of each task its raw loss, shape `(n,)` and recorded as `loss` is, which is their
            total; NaN where the task is absent from a step. Empty with a single loss.
        skipped: How many steps a gradient scaler left out before each step, and one more number
            for those after the last step if there were any; empty without a scaler. Left-out
            steps are in no other record.
        layers: Norms of every trainable tensor at every step; None if they were not recorded.
        optimizer: Class name of the optimizer; several are joined by "+".
        seed: The seed that torch's default generator last got, None if unknown.
        state_bytes: Size of the copy of the training state held during the sweep; 0 if none was.
        versions: Versions of lrfind, Python, torch and NumPy.

    Example:
        >>> lr = np.geomspace(1e-3, 1e1, 81)
        >>> loss = (np.log10(lr) + 1) ** 2
        >>> settings = SweepSettings(1e-3, 1e1, 81, "exp", None)
        >>> result = RangeTestResult(lr, loss, StopReason.COMPLETED, settings)
        >>> f"{result.suggest().lr:.2g}"
        '0.03'
    """

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

    def __post_init__(self) -> None:
        freeze(self, "lr", "loss", "probe", "metric")
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
        object.__setattr__(self, "tasks", checked_tasks(self.tasks, self.lr.shape, SOURCES))
        rising = np.all(np.isfinite(self.lr) & (self.lr > 0)) and np.all(np.diff(self.lr) > 0)
        if not rising:
            raise ValueError("`lr` must be finite, above 0 and rising.")
        if not self.group_scale or not np.all(np.isfinite(self.group_scale)):
            raise ValueError(f"`group_scale` must hold finite numbers, got {self.group_scale!r}.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeTestResult):
            return NotImplemented
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        span = f"lr {self.lr[0]:.3g} to {self.lr[-1]:.3g}, " if self.lr.size else ""
        return f"<RangeTestResult: {self.lr.size} steps, {span}{self.stop_reason.name.lower()}>"

    @property
    def group_lr(self) -> Array:
        """Shape `(groups, n)`: the rate of every parameter group at every step."""
        return np.outer(self.group_scale, self.lr)

    @cached_property
    def _train_curves(self) -> SweepCurves:
        return SweepCurves(producing_lr(self.lr), self.loss)

    @cached_property
    def _probe_curves(self) -> SweepCurves:
        if not self.probe.size:
            raise CannotTellError("no probe was recorded: pass `probe=` to `range_test`")
        return SweepCurves(self.lr[self._probed], self.probe[self._probed])

    @cached_property
    def _task_curves(self) -> dict[str, SweepCurves]:
        return {}

    def _curves_of_task(self, name: str) -> SweepCurves:
        if name not in self._task_curves:
            has_it = steps_with_task(self.tasks[name], self.loss)
            rates = producing_lr(self.lr)[has_it]
            self._task_curves[name] = SweepCurves(rates, self.tasks[name][has_it])
        return self._task_curves[name]

    @property
    def _probed(self) -> slice:
        """The steps after which the probe was looked at."""
        return slice(self.settings.probe_every - 1, None, self.settings.probe_every)

    def curves(self, source: str = "train") -> SweepCurves:
        """The curves over the mini-batch losses or the probe losses, up to the first non-finite.

        Args:
            source: "train", "probe", or the name of a task.

        Returns:
            Rates, losses, `curve(name, beta)` and `minimum(name, beta)`, for the names "raw",
            "centred", "ema" and "debiased".

        Raises:
            CannotTellError: Fewer than two finite losses, or no probe was recorded.
            ValueError: An unknown source.
        """
        require_choice("source", source, (*SOURCES, *self.tasks))
        if source in self.tasks:
            return self._curves_of_task(source)
        return self._train_curves if source == "train" else self._probe_curves

    def compare(
        self, betas: Sequence[float] = DEFAULT_BETAS, *, source: str = "train"
    ) -> Comparison:
        """Minima of the raw, centred, EMA and debiased curves, and the shifts between them.

        Args:
            betas: The betas to show, each in [0, 1).
            source: "train" for the mini-batch losses, "probe" for those on the probe batch, or the
                name of a task.

        Returns:
            A table: `rows`, `str()`, `to_dict()`.

        Raises:
            CannotTellError: Fewer than two finite losses, or no probe was recorded.
            ValueError: A beta outside [0, 1), or an unknown source.
        """
        return compare(self.curves(source), betas)

    def suggest(
        self,
        rule: str | None = None,
        *,
        schedule: str | None = None,
        curve: str | None = None,
        beta: float = 0.98,
        factor: float | None = None,
        source: str = "train",
        between: float = BETWEEN_RUNS,
    ) -> Suggestion | CannotTell:
        """Suggest a learning rate, with a verdict and an interval.

        Args:
            rule: "expected": the expected minimum, which weighs the whole sweep, over a factor
                measured for the schedule. Or a rule on one curve: "minimum" (the rate at its
                minimum over `factor`, 10 if not given), "steepest", "valley" or "slide". None for
                "minimum" if a curve is named, else "expected".
            schedule: The schedule of the training to come: "constant", or "one_cycle" (a warm-up
                to the peak and a decay to zero); None if it is not known yet.
            curve: "raw", "centred", "ema" or "debiased", for a rule on one curve.
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased".
            factor: What "expected" and "minimum" divide by, above 0; None for their own.
            source: "train" for the mini-batch losses, "probe" for those on the probe batch, or the
                name of a task.
            between: Standard deviation of the minimum from run to run, in decades; the default is
                that of the benchmark, and `repeat` measures yours.

        Returns:
            A `Suggestion`, or a `CannotTell`, which is false and says why; never None.

        Raises:
            TypeError: `beta`, `factor` or `between` is no number.
            ValueError: An unknown rule, schedule, curve or source, a curve for "expected", `beta`
                outside [0, 1), `factor` not above 0, or `between` negative or not finite.
        """
        between = require_spread("between", between)
        question = ask(rule, schedule=schedule, curve=curve, beta=beta, factor=factor)
        try:
            curves = self.curves(source)
        except CannotTellError as error:
            return CannotTell(str(error), question.rule)
        return suggest(curves, question, group_scale=self.group_scale, between=between)

    def beta_over(self, decades: float, *, source: str = "train") -> float:
        """The beta that smooths this sweep over a window in decades, however many steps it has.

        `beta = exp(-h / decades)` with h decades per step (see `beta_of_window`). With one window
        for all, sweeps of different numbers of steps, ranges or batch sizes are smoothed alike, and
        their minima shifted alike: `result.compare(betas=[result.beta_over(0.25)])`. With
        `other.window(beta)` as the window it is the beta of another sweep, carried over to this
        one.

        Args:
            decades: The window, above 0.
            source: "train" or "probe"; with `probe_every` the latter has fewer points per decade.

        Returns:
            In [0, 1).

        Raises:
            TypeError: `decades` is no number.
            ValueError: `decades` out of range, an unknown source, or a sweep in linear steps.

        Example:
            >>> lr = np.geomspace(1e-3, 1e1, 81)
            >>> settings = SweepSettings(1e-3, 1e1, 81, "exp", None)
            >>> result = RangeTestResult(lr, lr, StopReason.COMPLETED, settings)
            >>> round(result.beta_over(0.25), 3), round(result.window(0.98), 2)
            (0.819, 2.47)
        """
        return beta_of_window(decades, self._decades_per_step(source))

    def window(self, beta: float, *, source: str = "train") -> float:
        """The window of a beta on this sweep, in decades: `-h / ln(beta)`.

        Args:
            beta: Weight of the old value, in [0, 1).
            source: "train" or "probe".

        Returns:
            Decades; 0 for a beta of 0.

        Raises:
            TypeError: `beta` is no number.
            ValueError: `beta` outside [0, 1), an unknown source, or a sweep in linear steps.
        """
        return window_of_beta(beta, self._decades_per_step(source))

    def _decades_per_step(self, source: str) -> float:
        require_choice("source", source, SOURCES)
        asked = self.settings
        step = decades_per_step(asked.start_lr, asked.end_lr, asked.num_iter, asked.step_mode)
        return step * (asked.probe_every if source == "probe" else 1)

    def sensitivity(
        self, betas: Sequence[float] = DEFAULT_BETAS, *, source: str = "train"
    ) -> Sensitivity:
        """How far the suggestion depends on the rule, the beta and the losses it is read from.

        Args:
            betas: The betas of the averages, each in [0, 1).
            source: "train" for the mini-batch losses, "probe" for those on the probe batch.

        Returns:
            The rate under every rule, schedule, curve and beta, each from the whole sweep and from
            every 2nd and every 3rd loss of it, with the spreads in decades: `rows`, `total`,
            `by_rule`, `over_sub_sweeps`, `str()`, `to_dict()`.

        Raises:
            CannotTellError: Fewer than two finite losses, or no probe was recorded.
            ValueError: A beta outside [0, 1), or an unknown source.
        """
        return sensitivity(self.curves(source), betas)

    def bounds(self) -> Bounds:
        """Smith's two rates for a cyclical schedule, read off the metric.

        Returns:
            `base_lr`, where the metric starts to rise, and `max_lr`, where it is highest.

        Raises:
            CannotTellError: No metric was recorded, or it never rose.
        """
        if not self.metric.size:
            raise CannotTellError("no metric was recorded: pass `metric=` to `range_test`")
        return find_bounds(self.lr[self._probed], self.metric[self._probed], self.group_scale)

    def task_disagreement(
        self, rule: str | None = None, *, curve: str | None = None, beta: float = 0.98
    ) -> TaskDisagreement:
        """How far apart the rates lie that the tasks suggest, each for itself.

        Args:
            rule: As in `suggest`, like all that follow.
            curve: The curve to read, for a rule on one curve.
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased".

        Returns:
            The suggestions, their distances in decades, and as `str()` a sentence.

        Raises:
            CannotTellError: No tasks were recorded.
            ValueError: An unknown rule or curve, or `beta` outside [0, 1).
        """
        if not self.tasks:
            raise CannotTellError("no tasks were recorded: return a dictionary of losses")
        answers = {
            name: self.suggest(rule, curve=curve, beta=beta, source=name) for name in self.tasks
        }
        return TaskDisagreement(self.suggest(rule, curve=curve, beta=beta), answers)

    def save(self, path: str | Path) -> None:
        """Write everything to a JSON file that `lrfind.load` reads back equal to this result.

        The file is replaced whole or not at all, even if the process dies while writing.

        Args:
            path: The file to write.

        Raises:
            OSError: The file cannot be written.
        """
        from lrfind.result.format import save

        save(self, path)

    def to_csv(self, path: str | Path, *, beta: float = 0.98) -> None:
        """Write the columns step, lr, loss, ema, debiased (probe, metric, tasks), a row per step.

        Args:
            path: The file to write; replaced whole or not at all.
            beta: Weight of the old value for the two averages, in [0, 1).

        Raises:
            OSError: The file cannot be written.
            ValueError: `beta` outside [0, 1).
        """
        from lrfind.result.format import to_csv

        to_csv(self, path, beta)
