"""The record of one sweep, and every question that can be asked of it afterwards."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind._errors import CannotTellError
from lrfind._types import Array
from lrfind.analysis.comparison import DEFAULT_BETAS, Comparison, compare
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.suggestion import CannotTell, Suggestion, suggest

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class StopReason(enum.Enum):
    """How a sweep ended; the value says what it means and what to do."""

    COMPLETED = "the sweep ran all its steps up to `end_lr`"
    DIVERGED = "the loss blew up, which is the normal end of a range test"
    NON_FINITE = (
        "a loss was NaN or infinite, and the sweep stopped before it could reach the weights; "
        "if that came before the minimum, lower `start_lr` or check the data"
    )
    EXHAUSTED = (
        "`train_loader` ran out and cannot be restarted: pass a DataLoader or a list instead of "
        "an iterator, or lower `num_iter`"
    )
    UNFINISHED = "the loop ended before the sweep did: give it at least `num_iter` batches"


@dataclass(frozen=True)
class SweepSettings:
    """What was asked of a sweep; the arguments of `range_test` by the same names."""

    start_lr: float
    end_lr: float
    num_iter: int
    step_mode: str
    diverge_th: float | None


@dataclass(frozen=True, eq=False)
class RangeTestResult:
    """One LR range test: the raw record, and its analysis on demand.

    Attributes:
        lr: Shape `(n,)`, float64, read-only: the rate that optimizer step k used. With several
            parameter groups, that of the group with the largest rate; see `group_lr`.
        loss: Shape `(n,)`, float64, read-only: the raw mini-batch loss computed before step k, so
            `loss[k + 1]` is the first that `lr[k]` can have moved. The last may be non-finite.
        stop_reason: How the sweep ended.
        settings: What was asked for.
        group_scale: Rate of each parameter group as a multiple of `lr`.
        optimizer: Class name of the optimizer.
        seed: The seed that torch's default generator last got, None if unknown.
        state_bytes: Size of the copy of the training state held during the sweep; 0 if none was.
        versions: Versions of lrfind, Python, torch and NumPy.

    Example:
        >>> lr = np.geomspace(1e-3, 1e1, 81)
        >>> loss = (np.log10(lr) + 1) ** 2
        >>> settings = SweepSettings(1e-3, 1e1, 81, "exp", None)
        >>> result = RangeTestResult(lr, loss, StopReason.COMPLETED, settings)
        >>> f"{result.suggest().lr:.2g}"
        '0.0089'
    """

    lr: Array
    loss: Array
    stop_reason: StopReason
    settings: SweepSettings
    group_scale: tuple[float, ...] = (1.0,)
    optimizer: str = ""
    seed: int | None = None
    state_bytes: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("lr", "loss"):
            values = np.array(getattr(self, name), dtype=np.float64)
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        if self.lr.shape != self.loss.shape or self.lr.ndim != 1:
            raise ValueError(
                f"`lr` and `loss` must be one-dimensional and of equal length, got shapes "
                f"{self.lr.shape} and {self.loss.shape}."
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangeTestResult):
            return NotImplemented
        mine, theirs = vars(self).copy(), vars(other).copy()
        for either in (mine, theirs):
            either.pop("_curves", None)
        arrays = [(mine.pop(name), theirs.pop(name)) for name in ("lr", "loss")]
        return mine == theirs and all(np.array_equal(a, b, equal_nan=True) for a, b in arrays)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        span = f"lr {self.lr[0]:.3g} to {self.lr[-1]:.3g}, " if self.lr.size else ""
        return f"<RangeTestResult: {self.lr.size} steps, {span}{self.stop_reason.name.lower()}>"

    @property
    def group_lr(self) -> Array:
        """Shape `(groups, n)`: the rate of every parameter group at every step."""
        return np.outer(self.group_scale, self.lr)

    @cached_property
    def _curves(self) -> SweepCurves:
        return SweepCurves(self.lr, self.loss)

    def curve(self, name: str, beta: float = 0.98) -> Array:
        """A curve of this sweep over its finite losses.

        Args:
            name: "raw", "centred", "ema" or "debiased".
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased".

        Returns:
            Shape `(m,)`, where m is the number of losses before the first non-finite one.

        Raises:
            CannotTellError: Fewer than two finite losses.
            ValueError: An unknown name, or `beta` outside [0, 1).
        """
        return self._curves.curve(name, beta)

    def compare(self, betas: Sequence[float] = DEFAULT_BETAS) -> Comparison:
        """Minima of the raw, centred, EMA and debiased curves, and the shifts between them.

        Args:
            betas: The betas to show, each in [0, 1).

        Returns:
            A table: `rows`, `str()`, `to_dict()`.

        Raises:
            CannotTellError: Fewer than two finite losses.
            ValueError: A beta outside [0, 1).
        """
        return compare(self._curves, betas)

    def suggest(
        self,
        rule: str = "minimum",
        *,
        curve: str = "centred",
        beta: float = 0.98,
        factor: float = 10.0,
    ) -> Suggestion | CannotTell:
        """Suggest a learning rate: by default one decade below the minimum of the centred curve.

        Args:
            rule: "minimum" (the rate at the minimum over `factor`), "steepest", "valley" or
                "slide".
            curve: "raw", "centred", "ema" or "debiased".
            beta: Weight of the old value, in [0, 1), for "ema" and "debiased".
            factor: What "minimum" divides by, above 0.

        Returns:
            A `Suggestion`, or a `CannotTell`, which is false and says why; never None.

        Raises:
            ValueError: An unknown rule or curve, `beta` outside [0, 1) or `factor` not above 0.
        """
        try:
            curves = self._curves
        except CannotTellError as error:
            return CannotTell(str(error), rule)
        return suggest(
            curves,
            rule=rule,
            curve=curve,
            beta=beta,
            factor=factor,
            group_scale=self.group_scale,
        )

    def plot(self, ax: Axes | None = None, *, beta: float = 0.98, **raw_style: Any) -> Axes:
        """Draw the curves, their minima, the shift and the suggested rate.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.
            beta: Weight of the old value for the EMA and the debiased EMA, in [0, 1).
            raw_style: Passed to matplotlib for the raw losses.

        Returns:
            The Axes.
        """
        from lrfind.display.figures import plot_curves

        return plot_curves(self, ax, beta=beta, **raw_style)

    def plot_betas(self, ax: Axes | None = None) -> Axes:
        """Draw the minimum and the rate one decade below it against beta, from 0 to 0.99.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.

        Returns:
            The Axes.
        """
        from lrfind.display.figures import plot_betas

        return plot_betas(self, ax)

    def save(self, path: str | Path) -> None:
        """Write everything to a JSON file that `lrfind.load` reads back equal to this result.

        The file is replaced whole or not at all, even if the process dies while writing.

        Args:
            path: The file to write.

        Raises:
            OSError: The file cannot be written.
        """
        from lrfind.storage import save

        save(self, path)

    def to_csv(self, path: str | Path, *, beta: float = 0.98) -> None:
        """Write the columns step, lr, loss, ema and debiased, one row per step.

        Args:
            path: The file to write; replaced whole or not at all.
            beta: Weight of the old value for the two averages, in [0, 1).

        Raises:
            OSError: The file cannot be written.
            ValueError: `beta` outside [0, 1).
        """
        from lrfind.storage import to_csv

        to_csv(self, path, beta)
