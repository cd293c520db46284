"""The record of a sweep's controls, and what they say."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lrfind.analysis.curves import Minimum, SweepCurves
from lrfind.analysis.schedule import producing_lr
from lrfind.checks.controls.attribution import (
    DataShare,
    TimeShare,
    data_part,
    data_share,
    decades_between,
    time_fall,
    time_share,
)
from lrfind.result.constant_run import ConstantRun
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.arguments import require_choice
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError
from lrfind.support.records import freeze, same_fields

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TAKEN_OFF = ("time", "data")


@dataclass(frozen=True)
class MinimumRow:
    """One minimum of the table of a sweep and its controls.

    Attributes:
        name: "mini-batch", "time taken off", "data taken off" or "probe batch".
        curve: "raw" or "centred".
        minimum: The minimum of that curve.
        shift: How far it lies from that of the mini-batch losses, in decades, positive to the
            right; None if one of them is unusable.
        interval: Lower and upper rate that hold it on average over seeds in 9 of 10 cases (see
            `MinimumPosterior.interval`); None for a raw curve or an unusable minimum.
    """

    name: str
    curve: str
    minimum: Minimum
    shift: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Controls:
    """What `controls` returns: the runs beside a sweep, and what they say of it.

    All runs have the sweep's batches in its order, its random numbers and its initial state.

    Attributes:
        result: The sweep.
        constant: The training at the sweep's `start_lr`. Shorter than the sweep if a loss was not
            finite, or from where a gradient scaler skipped other steps than in the sweep.
        suggested: The training at a second rate; None if none was asked for.
        frozen: Shape `(n,)`, float64, read-only: the losses of the untouched model. Empty if they
            were not asked for.
        same_numbers: Whether the untouched model drew the same random numbers as the training.
            False where a step draws some itself or looks at its batch more than once: then later
            dropout masks, and batches that are shuffled with them, differ.

    Example:
        >>> from lrfind import StopReason
        >>> from lrfind.result.settings import SweepSettings
        >>> lr, steps = np.geomspace(1e-4, 1, 41), np.arange(41)
        >>> settings = SweepSettings(1e-4, 1, 41, "exp", None)
        >>> loss = 4 - steps / 20 + (steps / 20 - 1) ** 2
        >>> sweep = RangeTestResult(lr, loss, StopReason.COMPLETED, settings)
        >>> half = Controls(sweep, ConstantRun(1e-4, 5 - steps / 40), frozen=np.full(41, 5.0))
        >>> half.time.step, round(half.time.share, 2), round(half.time.shift, 2)
        (30, 0.33, -0.5)
    """

    result: RangeTestResult
    constant: ConstantRun
    suggested: ConstantRun | None = None
    frozen: Array = field(default_factory=lambda: np.empty(0))
    same_numbers: bool = True

    def __post_init__(self) -> None:
        freeze(self, "frozen")
        if self.frozen.shape not in ((0,), self.result.loss.shape):
            raise ValueError("`frozen` must be empty or as long as the sweep.")
        if not np.isfinite(self.constant.loss[:1]).any():
            raise ValueError("`constant` must begin with a finite loss.")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Controls):
            return NotImplemented
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        runs = [f"lr {run.lr:.3g}" for run in (self.constant, self.suggested) if run]
        runs += ["frozen"] if self.frozen.size else []
        return f"<Controls: {', '.join(runs)}, {self.result.loss.size} steps>"

    @cached_property
    def time_fall(self) -> Array:
        """Shape `(m,)`: how far the constant run has fallen before each finite loss of the sweep.

        Smooth: see `lrfind.checks.controls.attribution.time_fall`.
        """
        return time_fall(self.constant.loss, self.frozen, self._sweep.loss.size)

    @property
    def suggested_fall(self) -> Array:
        """Shape `(m,)`: the same for the run at the second rate; empty without one."""
        if self.suggested is None:
            return np.empty(0)
        return time_fall(self.suggested.loss, self.frozen, self._sweep.loss.size)

    def curves(self, taken_off: str) -> SweepCurves:
        """The curves of the sweep with one influence taken off.

        Args:
            taken_off: "time" adds to each loss what the constant run has fallen by then; "data"
                takes off what the batch adds to the loss of the untouched model.

        Returns:
            Like `RangeTestResult.curves`.

        Raises:
            CannotTellError: "data" without a frozen control.
            ValueError: Another name.
        """
        require_choice("taken_off", taken_off, TAKEN_OFF)
        if taken_off == "data":
            self._need_frozen()
        return self._without_time if taken_off == "time" else self._without_data

    @cached_property
    def time(self) -> TimeShare:
        """How much of the fall of the sweep is time."""
        return time_share(self._sweep, self._without_time, self.time_fall, self.frozen)

    @cached_property
    def data(self) -> DataShare:
        """How much of the wiggle of the sweep is the data.

        Raises:
            CannotTellError: There is no frozen control.
        """
        self._need_frozen()
        return data_share(self._sweep, self._without_data, self.frozen)

    @property
    def minima(self) -> tuple[MinimumRow, ...]:
        """The minima side by side: as swept, without time, without the data, on the probe."""
        named = {"mini-batch": self._sweep, "time taken off": self._without_time}
        if self.frozen.size:
            named["data taken off"] = self._without_data
        if self.result.probe.size and np.isfinite(self.result.probe).sum() > 1:
            named["probe batch"] = self.result.curves("probe")
        own = {curve: self._sweep.minimum(curve) for curve in ("raw", "centred")}
        return tuple(
            MinimumRow(
                name,
                curve,
                low := curves.minimum(curve),
                decades_between(own[curve], low),
                curves.posterior.interval() if curve == "centred" and low.usable else None,
            )
            for name, curves in named.items()
            for curve in own
        )

    def to_dict(self) -> dict[str, object]:
        """What the controls say as plain numbers and strings, ready for JSON."""
        return {
            "constant_lr": self.constant.lr,
            "suggested_lr": self.suggested and self.suggested.lr,
            "same_numbers": self.same_numbers,
            "minima": [_plain(asdict(row)) for row in self.minima],
            "time": _plain(asdict(self.time)),
            "data": _plain(asdict(self.data)) if self.frozen.size else None,
        }

    def __str__(self) -> str:
        from lrfind.checks.controls.text import controls_text

        return controls_text(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the sweep, its controls, and the sweep with time taken off.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.

        Returns:
            The Axes.
        """
        from lrfind.checks.controls.figure import plot_controls

        return plot_controls(self, ax)

    def save(self, path: str | Path) -> None:
        """Write everything, the sweep too, to a JSON file that `Controls.load` reads back equal.

        Args:
            path: The file to write; replaced whole or not at all.

        Raises:
            OSError: The file cannot be written.
        """
        from lrfind.result.format import save_controls

        save_controls(self, path)

    @staticmethod
    def load(path: str | Path) -> Controls:
        """Read what `save` wrote.

        Args:
            path: The JSON file.

        Returns:
            Controls equal to those saved.

        Raises:
            OSError: The file cannot be read.
            ResultFileError: It is truncated, holds no controls, or was written by a newer lrfind.
        """
        from lrfind.result.format import load_controls

        return load_controls(path)

    @property
    def _sweep(self) -> SweepCurves:
        return self.result.curves()

    @cached_property
    def _without_time(self) -> SweepCurves:
        return self._adjusted(self.time_fall)

    @cached_property
    def _without_data(self) -> SweepCurves:
        return self._adjusted(-data_part(self.frozen, self._sweep.loss.size))

    def _adjusted(self, change: Array) -> SweepCurves:
        # The losses beyond the finite ones stay: that there are some decides a flag.
        loss = np.array(self.result.loss)
        loss[: change.size] += change
        return SweepCurves(producing_lr(self.result.lr), loss)

    def _need_frozen(self) -> None:
        if not self.frozen.size:
            raise CannotTellError("no frozen control was run: pass `frozen=True` to `controls`")


def _plain(record: dict[str, object]) -> dict[str, object]:
    """A record of records with its flags by name."""
    plain: dict[str, object] = {}
    for key, value in record.items():
        if isinstance(value, dict):
            plain[key] = _plain(value)
        elif key == "flags" and isinstance(value, tuple):
            plain[key] = [flag.name.lower() for flag in value]
        else:
            plain[key] = value
    return plain
