"""The pictures of a result, as methods: each imports matplotlib's room only when called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lrfind.result.range_test_result import RangeTestResult


class Pictures:
    """What `RangeTestResult` can draw; a part of that class, in a file of its own."""

    @property
    def _drawn(self) -> RangeTestResult:
        return cast("RangeTestResult", self)

    def plot(
        self, ax: Axes | None = None, *, beta: float = 0.98, source: str = "train", **raw_style: Any
    ) -> Axes:
        """Draw the curves, their minima, the shift and the suggested rate.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
            beta: Weight of the old value for the EMA and the debiased EMA, in [0, 1).
            source: "train" for the mini-batch losses, with those on the probe batch beside them;
                "probe" for the latter alone; the name of a task for its losses.
            raw_style: Passed to matplotlib for the raw losses.

        Returns:
            The Axes.
        """
        from lrfind.result.figures import plot_curves

        return plot_curves(self._drawn, ax, beta=beta, source=source, **raw_style)

    def plot_betas(self, ax: Axes | None = None, *, source: str = "train") -> Axes:
        """Draw the minimum and the rate one decade below it against beta, from 0 to 0.99.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
            source: "train", "probe", or the name of a task.

        Returns:
            The Axes.
        """
        from lrfind.result.figures import plot_betas

        return plot_betas(self._drawn, ax, source=source)

    def plot_tasks(self, ax: Axes | None = None) -> Axes:
        """Draw the curve of each task and of the total, their minima and suggested rates.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.

        Returns:
            The Axes.

        Raises:
            CannotTellError: No tasks were recorded.
        """
        from lrfind.multitask.figures import plot_tasks

        return plot_tasks(self._drawn, ax)

    def plot_task_scales(
        self, axes: Sequence[Axes] | None = None, *, beta: float = 0.99
    ) -> tuple[Axes, Axes]:
        """Draw each task over the steps: raw and its average, and below it the one over the other.

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

        return plot_task_scales(self._drawn, axes, beta=beta)

    def plot_layers(self, ax: Axes | None = None, *, quantity: str = "update_ratio") -> Axes:
        """Draw a map of a quantity over layers and rates; see `Layers` for what can be drawn.

        The minimum of the centred curve and the suggested rate are marked, and where each layer
        blew up (see `Layers.blow_ups`).

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
            quantity: Such as "update_ratio", "lamb_ratio" or "gradient".

        Returns:
            The Axes.

        Raises:
            CannotTellError: No layers were recorded.
            ValueError: An unknown quantity.
        """
        from lrfind.layers.figures import plot_layers

        return plot_layers(self._drawn, ax, quantity=quantity)

    def plot_layer_histograms(
        self,
        quantity: str = "lamb_ratio",
        *,
        stretches: int = 8,
        names: Sequence[str] | None = None,
    ) -> Figure:
        """Draw, layer by layer, how a quantity is distributed over stretches of the sweep.

        Args:
            quantity: Such as "lamb_ratio", "weight" or "step"; see `Layers`.
            stretches: Into how many parts the sweep is cut, at least 1.
            names: The layers to draw; None for all.

        Returns:
            A new figure with one Axes per layer. Nothing is shown or saved.

        Raises:
            CannotTellError: No layers were recorded.
            ValueError: An unknown quantity or layer, or `stretches` below 1.
        """
        from lrfind.layers.figures import layers_of, plot_histograms

        return plot_histograms(layers_of(self._drawn), quantity, stretches=stretches, names=names)
