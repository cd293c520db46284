"""The analysis methods of the record of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.cyclic_bounds import Bounds, find_bounds
from lrfind.analysis.defaults import BETAS
from lrfind.analysis.flags import Flag
from lrfind.analysis.posterior import BETWEEN_RUNS
from lrfind.analysis.question import ask, with_schedule
from lrfind.analysis.schedule import beta_of_window, decades_per_step, window_of_beta
from lrfind.analysis.sensitivity import Sensitivity, sensitivity
from lrfind.analysis.suggestion import Starts, suggest
from lrfind.analysis.verdict import Verdict
from lrfind.comparison.compare import Comparison, compare
from lrfind.multitask.disagreement import TaskDisagreement, steps_with_task
from lrfind.result.record import PROBE, SOURCES, TRAIN, SweepRecord
from lrfind.support.errors import CannotTellError
from lrfind.support.param_groups import HasParamGroups
from lrfind.support.schedulers import Scheduler
from lrfind.support.set_rates import set_group_rates

Answer = Suggestion | CannotTell
NO_TASKS = "no tasks were recorded: return a dictionary of losses"


class SweepAnalysis(SweepRecord):
    """The record with its analysis; subclasses add figures, summary and files."""

    def compare(self, betas: Sequence[float] = BETAS, *, source: str = TRAIN) -> Comparison:
        """The minima of the raw, centred, EMA and debiased curves, and the shifts between them.

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
        schedule: str | Scheduler | None = None,
        total_steps: int | None = None,
        curve: str | None = None,
        beta: float | None = None,
        factor: float | None = None,
        source: str = TRAIN,
        between: float = BETWEEN_RUNS,
    ) -> Suggestion | CannotTell:
        """Suggest a learning rate, with a verdict and an interval.

        Args:
            rule: "expected": the expected minimum, an estimate from the whole sweep, divided by a
                calibrated factor. Or a rule on one curve: "minimum" (divided by `factor`, by
                default 10), "steepest", "valley" or "slide". None for "minimum" if `curve` is
                given, else "expected".
            schedule: LR schedule you will train with: "constant", "one_cycle" (a warm-up to the
                peak and a decay to zero), or one that is taken for these, as the answer says, such
                as "cosine", "StepLR" or an LR scheduler; None if it is not known yet.
            total_steps: Optimizer steps you will train for; None if not known. The best rate falls
                as a power of the length, from 300 to 4,800 steps: by little if these are at most 5
                epochs of the loader that was swept, by more if they are many and overfit.
            curve: "raw", "centred", "ema" or "debiased", for a rule on one curve.
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased"; None for 0.98.
            factor: What "expected" and "minimum" divide by, above 0; None for their default.
            source: "train" for the mini-batch losses, "probe" for those on the probe batch, or the
                name of a task.
            between: Standard deviation of the minimum from run to run, in decades. The default was
                measured on the benchmark; `repeat` measures it for your problem.

        Returns:
            A `Suggestion`, or a `CannotTell`, which is falsy and gives the reason; never None.

        Raises:
            TypeError: `beta`, `factor` or `between` is not a number, or `total_steps` no integer.
            ValueError: An unknown rule, schedule, curve or source, an argument without effect (such
                as `beta` without a curve), or one out of range.
        """
        question = ask(
            rule,
            schedule=schedule,
            total_steps=total_steps,
            epoch_steps=self.epoch_steps,
            curve=curve,
            beta=beta,
            factor=factor,
            between=between,
        )
        try:
            curves = self.curves(source)
        except CannotTellError as error:
            unrecorded = source == PROBE and not self.probe.size
            verdict = None if unrecorded else Verdict.TOO_SHORT
            return self._cut_short(CannotTell(str(error), question.rule, verdict=verdict))
        answer = suggest(curves, question, group_scale=self.group_scale, starts=self.starts)
        return self._cut_short(answer)

    @property
    def starts(self) -> Starts:
        """At which rates a training from scratch was tried, and starts."""
        tried = tuple(each.lr for each in self.cold_starts)
        return Starts(tried, tried[-1] if tried and self.cold_starts[-1].started else None)

    def _cut_short(self, answer: Answer) -> Answer:
        """The answer, with what cut the sweep short, if anything did, before all other reasons."""
        if not self.stop_reason.cut_short:
            return answer
        flag = Flag[self.stop_reason.name]
        if isinstance(answer, CannotTell):
            answer = replace(answer, reason=f"{flag.value}; {answer.reason}")
        return replace(answer, flags=(flag, *answer.flags))

    def apply(
        self,
        optimizer: HasParamGroups | Sequence[HasParamGroups],
        scheduler: Scheduler | Sequence[Scheduler] | None = None,
        **question: Any,
    ) -> Suggestion:
        """Set the learning rates of an optimizer, and of its LR scheduler, to the suggested ones.

        Args:
            optimizer: As in `Suggestion.apply`.
            scheduler: Likewise. It tells the `schedule` that you do not, and its length if it can.
            question: Arguments of `suggest`, such as `schedule`.

        Returns:
            The suggestion that was applied.

        Raises:
            CannotTellError: There is no suggestion; nothing is changed.
            TypeError: `scheduler` is no LR scheduler.
            ValueError: As for `suggest` and `Suggestion.apply`.
        """
        answer = self.suggest(**with_schedule(question, scheduler))
        set_group_rates(optimizer, answer.group_lr, scheduler)
        assert isinstance(answer, Suggestion)
        return answer

    def beta_over(self, decades: float, *, source: str = TRAIN) -> float:
        """The beta that smooths this sweep over a window in decades, however many steps it has.

        `beta = exp(-h / decades)` with h decades per step (see `beta_of_window`). With the same
        window, sweeps with different numbers of steps, ranges or batch sizes get the same smoothing
        and the same shift of their minima: `result.compare(betas=[result.beta_over(0.25)])`. To
        convert the beta of another sweep to this one, pass `other.window(beta)`.

        Args:
            decades: The window, above 0.
            source: "train", "probe", or the name of a task. A probe that `probe_every` skips, and a
                task that is missing from some steps, have fewer points per decade.

        Returns:
            A beta in [0, 1).

        Raises:
            TypeError: `decades` is not a number.
            ValueError: `decades` is out of range, `source` unknown, or the sweep linear.

        Example:
            >>> import numpy as np
            >>> from lrfind.result.settings import StopReason, SweepSettings
            >>> lr = np.geomspace(1e-3, 1e1, 81)
            >>> settings = SweepSettings(1e-3, 1e1, 81, "exp", None)
            >>> result = SweepAnalysis(lr, lr, StopReason.COMPLETED, settings)
            >>> round(result.beta_over(0.25), 3), round(result.window(0.98), 2)
            (0.819, 2.47)
        """
        return beta_of_window(decades, self._decades_per_step(source))

    def window(self, beta: float, *, source: str = TRAIN) -> float:
        """The smoothing window of a beta on this sweep, in decades: `-h / ln(beta)`.

        Args:
            beta: Weight of the old value, in [0, 1).
            source: "train", "probe", or the name of a task.

        Returns:
            Decades; 0 for a beta of 0.

        Raises:
            TypeError: `beta` is not a number.
            ValueError: `beta` is outside [0, 1), `source` unknown, or the sweep linear.
        """
        return window_of_beta(beta, self._decades_per_step(source))

    def _decades_per_step(self, source: str) -> float:
        self._check_source(source)
        asked = self.settings
        step = decades_per_step(asked.start_lr, asked.end_lr, asked.num_iter, asked.step_mode)
        if source in SOURCES:
            return step * (asked.probe_every if source == PROBE else 1)
        places = np.flatnonzero(steps_with_task(self.tasks[source], self.loss))
        return step * (float(np.mean(np.diff(places))) if places.size > 1 else 1)

    def sensitivity(self, betas: Sequence[float] = BETAS, *, source: str = TRAIN) -> Sensitivity:
        """How much the suggestion depends on the rule, the beta and the losses used.

        Args:
            betas: The betas of the averages, each in [0, 1).
            source: "train" for the mini-batch losses, "probe" for those on the probe batch, or the
                name of a task.

        Returns:
            The suggestion under every rule, schedule, curve and beta, from the whole sweep and from
            every 2nd and every 3rd loss, with the spreads in decades: `rows`, `total`, `by_rule`,
            `over_sub_sweeps`, `str()`, `to_dict()`.

        Raises:
            CannotTellError: Fewer than two finite losses, or no probe was recorded.
            ValueError: A beta outside [0, 1), or an unknown source.
        """
        return sensitivity(self.curves(source), betas)

    def bounds(self) -> Bounds:
        """Smith's two learning rates for a cyclical schedule, read off the metric.

        Returns:
            `base_lr`, where the metric starts to rise, and `max_lr`, where it is highest.

        Raises:
            CannotTellError: No metric was recorded, or it never rose.
        """
        if not self.metric.size:
            raise CannotTellError("no metric was recorded: pass `metric=` to `range_test`")
        return find_bounds(*self.metric_points, self.group_scale)

    def task_disagreement(self, rule: str | None = None, **question: Any) -> TaskDisagreement:
        """The learning rate that each task suggests by itself, and how far these are apart.

        Args:
            rule: As in `suggest`.
            question: Further arguments of `suggest`, except `source`.

        Returns:
            The suggestions and their distances in decades; `str()` gives a sentence.

        Raises:
            CannotTellError: No tasks were recorded.
            ValueError: An argument of `suggest` is out of range.
        """
        if not self.tasks:
            raise CannotTellError(NO_TASKS)
        answers = {name: self.suggest(rule, source=name, **question) for name in self.tasks}
        return TaskDisagreement(self.suggest(rule, **question), answers)
