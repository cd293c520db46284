"""Every question that can be asked of the record of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.calibration import BETWEEN_RUNS
from lrfind.analysis.comparison import Comparison, compare
from lrfind.analysis.curves import Flag
from lrfind.analysis.cyclic_bounds import Bounds, find_bounds
from lrfind.analysis.defaults import BETA, BETAS
from lrfind.analysis.question import ask
from lrfind.analysis.schedule import beta_of_window, decades_per_step, window_of_beta
from lrfind.analysis.sensitivity import Sensitivity, sensitivity
from lrfind.analysis.suggestion import suggest
from lrfind.multitask.disagreement import TaskDisagreement
from lrfind.result.record import PROBE, SOURCES, TRAIN, SweepRecord
from lrfind.result.settings import StopReason
from lrfind.support.arguments import require_choice
from lrfind.support.errors import CannotTellError

Answer = Suggestion | CannotTell
CUT_SHORT = (StopReason.UNFINISHED, StopReason.EXHAUSTED)
NO_TASKS = "no tasks were recorded: return a dictionary of losses"


class SweepAnalysis(SweepRecord):
    """The record with the questions, below what prints and draws their answers."""

    def compare(self, betas: Sequence[float] = BETAS, *, source: str = TRAIN) -> Comparison:
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
        beta: float = BETA,
        factor: float | None = None,
        source: str = TRAIN,
        between: float = BETWEEN_RUNS,
    ) -> Suggestion | CannotTell:
        """Suggest a learning rate, with a verdict and an interval.

        Args:
            rule: "expected": the expected minimum, which weighs the whole sweep, over a factor
                measured for the schedule. Or a rule on one curve: "minimum" (the rate at its
                minimum over `factor`, 10 if not given), "steepest", "valley" or "slide". None for
                "minimum" if a curve is named, else "expected".
            schedule: LR schedule you will train with: "constant", or "one_cycle" (a warm-up to the
                peak and a decay to zero); None if it is not known yet.
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
        question = ask(
            rule, schedule=schedule, curve=curve, beta=beta, factor=factor, between=between
        )
        try:
            curves = self.curves(source)
        except CannotTellError as error:
            return self._cut_short(CannotTell(str(error), question.rule))
        return self._cut_short(suggest(curves, question, group_scale=self.group_scale))

    def _cut_short(self, answer: Answer) -> Answer:
        """The answer, with what cut the sweep short, if anything did, before all other reasons."""
        if self.stop_reason not in CUT_SHORT:
            return answer
        flag = Flag[self.stop_reason.name]
        if isinstance(answer, CannotTell):
            answer = replace(answer, reason=f"{flag.value}; {answer.reason}")
        return replace(answer, flags=(flag, *answer.flags))

    def beta_over(self, decades: float, *, source: str = TRAIN) -> float:
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
            >>> from lrfind.result.settings import StopReason, SweepSettings
            >>> lr = np.geomspace(1e-3, 1e1, 81)
            >>> settings = SweepSettings(1e-3, 1e1, 81, "exp", None)
            >>> result = SweepAnalysis(lr, lr, StopReason.COMPLETED, settings)
            >>> round(result.beta_over(0.25), 3), round(result.window(0.98), 2)
            (0.819, 2.47)
        """
        return beta_of_window(decades, self._decades_per_step(source))

    def window(self, beta: float, *, source: str = TRAIN) -> float:
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
        return step * (asked.probe_every if source == PROBE else 1)

    def sensitivity(self, betas: Sequence[float] = BETAS, *, source: str = TRAIN) -> Sensitivity:
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
        return find_bounds(*self.metric_points, self.group_scale)

    def task_disagreement(self, rule: str | None = None, **question: Any) -> TaskDisagreement:
        """How far apart the rates lie that the tasks suggest, each for itself.

        Args:
            rule: As in `suggest`.
            question: Its further arguments, `source` aside.

        Returns:
            The suggestions, their distances in decades, and as `str()` a sentence.

        Raises:
            CannotTellError: No tasks were recorded.
            ValueError: An argument of `suggest` is out of range.
        """
        if not self.tasks:
            raise CannotTellError(NO_TASKS)
        answers = {name: self.suggest(rule, source=name, **question) for name in self.tasks}
        return TaskDisagreement(self.suggest(rule, **question), answers)
