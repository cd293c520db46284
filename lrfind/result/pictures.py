"""The figures of a sweep, as methods that import matplotlib only when called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.defaults import BETA, NORMALIZER_BETA
from lrfind.layers.layer_norms import Layers
from lrfind.multitask.disagreement import TaskDisagreement
from lrfind.result.record import TRAIN
from lrfind.result.sweep_analysis import NO_TASKS, Answer, SweepAnalysis
from lrfind.support.arguments import require_beta, require_count, require_flag
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class SweepPictures(SweepAnalysis):
    """The record with its figures."""

    def plot(
        self,
        ax: Axes | None = None,
        *,
        beta: float = BETA,
        source: str = TRAIN,
        suggestion: Answer | None = None,
        skip_start: int = 0,
        skip_end: int = 0,
        detail: bool = False,
        **raw_style: Any,
    ) -> Axes:
        """Draw the losses and their averages, the minima, the shift and the suggested rate.

        The title says which rate to train with and whether to trust it. Everything is named where
        it is drawn. The EMA is shown from where its climb from 0 is over, and triangles on the axis
        mark the learning rate one decade below the raw and the debiased minimum.

        Args:
            ax: Axes to draw on; a new figure of pyplot if None. Nothing is shown or saved. Of these
                figures pyplot keeps the last 10 where its backend shows none, as on a server; you
                can still save those that you hold.
            beta: Weight of the old value for the EMA and the debiased EMA, in [0, 1).
            source: "train" for the mini-batch losses, together with any probe losses; "probe" for
                the probe losses alone; the name of a task for its losses.
            suggestion: The answer of `suggest` to draw; None calls it with its defaults.
            skip_start: Number of losses at the start that are not drawn, and their averages with
                them. The averages, minima and the suggestion are those of all losses.
            skip_end: The same at the end.
            detail: Whether to add the centred curve with its minimum, the expected minimum, the
                interval of the minimum averaged over seeds, and the parts of the shift: smoothing,
                and noise and fit error.
            raw_style: Passed to matplotlib for the raw losses.

        Returns:
            The Axes.

        Raises:
            TypeError: `skip_start` or `skip_end` is not an integer, `detail` is not True or False,
                `suggestion` is no answer, or an argument is neither one of these nor a property of
                matplotlib's lines.
            ValueError: One of them is negative, they leave fewer than two losses, `beta` is outside
                [0, 1), or `source` is unknown.

        Example:
            >>> from lrfind.demo import digits_problem
            >>> result = digits_problem(model="mlp", optimizer="sgd").range_test(num_iter=60)
            >>> ax = result.plot(skip_start=10, skip_end=5)
        """
        from lrfind.result.figures import plot_curves, plot_reason, require_line_style
        from lrfind.result.titles import title_origin

        require_line_style(raw_style)
        _require_answer(suggestion, Answer)
        detail = require_flag("detail", detail)
        beta = require_beta(beta)
        skip_start = require_count("skip_start", skip_start, least=0)
        skip_end = require_count("skip_end", skip_end, least=0)
        try:
            curves = self.curves(source)
        except CannotTellError as error:
            return title_origin(plot_reason(str(error), (self.lr, self.loss), ax), self.origin)
        shown = slice(skip_start, curves.lr.size - skip_end)
        rates = curves.lr[shown]
        if rates.size < 2:
            raise ValueError(
                f"`skip_start` and `skip_end` must leave at least 2 of the {curves.lr.size} "
                f"losses, got {skip_start} and {skip_end}."
            )
        answer, probe = self._answer(suggestion, source), None
        if source == TRAIN and self.probe.size:
            first = rates[0] if skip_start else 0.0
            probe = self._probe_between(first, rates[-1] if skip_end else math.inf)
        ax = plot_curves(
            curves, answer, probe, ax, beta=beta, shown=shown, detail=detail, **raw_style
        )
        return title_origin(ax, self.origin)

    def plot_betas(
        self, ax: Axes | None = None, *, source: str = TRAIN, suggestion: Answer | None = None
    ) -> Axes:
        """Draw the minimum, and the learning rate a decade below, against beta from 0 to 0.99.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
            source: "train", "probe", or the name of a task.
            suggestion: The answer of `suggest` to draw; None calls it with its defaults.

        Returns:
            The Axes.
        """
        from lrfind.result.beta_figure import beta_axes, plot_betas
        from lrfind.result.figures import plot_reason

        try:
            curves = self.curves(source)
        except CannotTellError as error:
            return plot_reason(str(error), ax=beta_axes(ax))
        return plot_betas(curves, self._answer(suggestion, source), ax)

    def plot_tasks(
        self, ax: Axes | None = None, *, suggestion: TaskDisagreement | None = None
    ) -> Axes:
        """Draw the curve of each task and of the total, their minima and suggested learning rates.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
            suggestion: The answer of `task_disagreement` to draw; None calls it with its defaults.

        Returns:
            The Axes.

        Raises:
            CannotTellError: No tasks were recorded.
        """
        from lrfind.multitask.figures import plot_tasks

        _require_answer(suggestion, TaskDisagreement, "task_disagreement")
        told = self.task_disagreement() if suggestion is None else suggestion
        sources = zip(told.answers, (TRAIN, *told.tasks), strict=True)
        curves = {label: self._curves_or_reason(source) for label, source in sources}
        return plot_tasks(curves, told.answers, ax)

    def plot_task_scales(
        self, axes: Sequence[Axes] | None = None, *, beta: float = NORMALIZER_BETA
    ) -> tuple[Axes, Axes]:
        """Draw each task's raw loss and its average against steps, and below, their ratio.

        Args:
            axes: Two Axes to draw on; a new figure if None. Nothing is shown or saved.
            beta: Weight of the old value, in [0, 1), as in `EMANormalizer`.

        Returns:
            The two Axes.

        Raises:
            CannotTellError: No tasks were recorded.
            ValueError: `beta` outside [0, 1), or not two Axes.
        """
        from lrfind.multitask.figures import plot_task_scales

        if not self.tasks:
            raise CannotTellError(NO_TASKS)
        return plot_task_scales(self.tasks, self.loss, axes, beta=beta)

    def plot_layers(
        self,
        ax: Axes | None = None,
        *,
        quantity: str = "update_ratio",
        suggestion: Answer | None = None,
    ) -> Axes:
        """Draw a heat map of a quantity over layers and learning rates; see `Layers` for which.

        Marks the minimum that the suggestion is based on, the suggested learning rate, and where
        each layer blew up (see `Layers.blow_ups`).

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
            quantity: Such as "update_ratio", "lamb_ratio" or "gradient".
            suggestion: The answer of `suggest` to draw; None calls it with its defaults.

        Returns:
            The Axes.

        Raises:
            CannotTellError: No layers were recorded.
            ValueError: An unknown quantity.
        """
        from lrfind.layers.figures import plot_layers

        answer = self._answer(suggestion, TRAIN)
        return plot_layers(self._recorded_layers(), answer, ax, quantity=quantity)

    def plot_layer_histograms(
        self,
        quantity: str = "lamb_ratio",
        *,
        stretches: int = 8,
        names: Sequence[str] | None = None,
    ) -> Figure:
        """Draw histograms of a quantity for each layer, one for each stretch of the sweep.

        Args:
            quantity: Such as "lamb_ratio", "weight" or "step"; see `Layers`.
            stretches: Number of consecutive parts that the sweep is cut into, at least 1.
            names: The layers to draw; None for all.

        Returns:
            A new figure with one Axes per layer. Nothing is shown or saved.

        Raises:
            CannotTellError: No layers were recorded.
            ValueError: An unknown quantity or layer, or `stretches` below 1.
        """
        from lrfind.layers.figures import plot_histograms

        return plot_histograms(self._recorded_layers(), quantity, stretches=stretches, names=names)

    def _probe_between(self, first: float, last: float) -> tuple[Array, Array]:
        """The probe losses at these learning rates and between."""
        rates, losses = self.probe_points
        inside = (rates >= first) & (rates <= last)
        return rates[inside], losses[inside]

    def _answer(self, suggestion: Answer | None, source: str) -> Answer:
        """The given answer, or else that of `suggest` with its defaults."""
        _require_answer(suggestion, Answer)
        return self.suggest(source=source) if suggestion is None else suggestion

    def _recorded_layers(self) -> Layers:
        if self.layers is None:
            raise CannotTellError("no layers were recorded: pass `layers=True` to `range_test`")
        return self.layers

    def _curves_or_reason(self, source: str) -> SweepCurves | str:
        try:
            return self.curves(source)
        except CannotTellError as error:
            return str(error)


def _require_answer(suggestion: object, kind: Any, method: str = "suggest") -> None:
    if not (suggestion is None or isinstance(suggestion, kind)):
        raise TypeError(f"`suggestion` must be an answer of `{method}`, got {suggestion!r}.")
