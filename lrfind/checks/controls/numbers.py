"""The control runs of a sweep, validated and read-only, and the numbers computed from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lrfind.analysis.curves import CENTRED, RAW, Minimum, SweepCurves
from lrfind.analysis.schedule import producing_lr
from lrfind.checks.controls.attribution import (
    DataShare,
    TimeShare,
    data_part,
    data_share,
    decades_between,
    finite_count,
    time_fall,
    time_share,
)
from lrfind.result.constant_run import ConstantRun
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.arguments import require_choice
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError
from lrfind.support.records import freeze, same_fields

TIME, DATA = "time", "data"
"""What a sweep can be corrected for."""

MINI_BATCH, TIME_CORRECTED = "mini-batch", "time-corrected"
DATA_CORRECTED, PROBE_BATCH = "data-corrected", "probe batch"
"""The losses whose minima are compared."""


@dataclass(frozen=True)
class MinimumRow:
    """One minimum in the table of a sweep and its controls.

    Attributes:
        name: "mini-batch", "time-corrected", "data-corrected" or "probe batch".
        curve: "raw" or "centred".
        minimum: The minimum of that curve.
        shift: Distance from the minimum of the mini-batch losses, in decades, positive to the
            right; None if one of them is unusable.
        interval: 90 % interval for the mean minimum over seeds (see `MinimumPosterior.interval`);
            None for a raw curve or an unusable minimum.
    """

    name: str
    curve: str
    minimum: Minimum
    shift: float | None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class ControlNumbers:
    """The fields of `Controls`, which documents them, and what is computed from them."""

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
        return same_fields(self, other) if isinstance(other, ControlNumbers) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def time_fall(self) -> Array:
        """Shape `(m,)`: decrease of the constant run's loss before each finite loss of the sweep.

        Smoothed, and held beyond the end of that run; see
        `lrfind.checks.controls.attribution.time_fall`.
        """
        return time_fall(self.constant.loss, self.frozen, self._sweep.loss.size)

    @property
    def suggested_fall(self) -> Array:
        """Shape `(m,)`: the same for the run at the second learning rate; empty without one."""
        if self.suggested is None:
            return np.empty(0)
        return time_fall(self.suggested.loss, self.frozen, self._sweep.loss.size)

    def curves(self, taken_off: str) -> SweepCurves:
        """The curves of the sweep, corrected for one influence.

        Args:
            taken_off: "time" for the time-corrected sweep: adds to each loss the decrease of the
                constant run's loss by then. "data" for the data-corrected sweep: subtracts from
                each loss the frozen-weights control's loss on that batch minus its mean.

        Returns:
            Like `RangeTestResult.curves`.

        Raises:
            CannotTellError: "data" without a frozen-weights control.
            ValueError: `taken_off` is neither.
        """
        require_choice("taken_off", taken_off, (TIME, DATA))
        return self._time_corrected if taken_off == TIME else self._data_corrected

    @cached_property
    def time(self) -> TimeShare:
        """How much of the loss decrease of the sweep is training time alone."""
        last = finite_count(self.constant.loss) - 1
        return time_share(self._sweep, self._time_corrected, self.time_fall, self.frozen, last)

    @cached_property
    def data(self) -> DataShare:
        """How much of the batch-to-batch variance of the sweep is the data.

        Raises:
            CannotTellError: There is no frozen-weights control.
        """
        return data_share(self._sweep, self._data_corrected, self.frozen)

    @cached_property
    def minima(self) -> tuple[MinimumRow, ...]:
        """The minima to compare: mini-batch, time-corrected, data-corrected and probe batch."""
        named = {MINI_BATCH: self._sweep, TIME_CORRECTED: self._time_corrected}
        if self.frozen.size:
            named[DATA_CORRECTED] = self._data_corrected
        if np.isfinite(self.result.probe).sum() > 1:
            named[PROBE_BATCH] = self.result.curves("probe")
        return tuple(
            self._row(name, curve, curves)
            for name, curves in named.items()
            for curve in (RAW, CENTRED)
        )

    def _row(self, name: str, curve: str, curves: SweepCurves) -> MinimumRow:
        own, minimum = self._sweep.minimum(curve), curves.minimum(curve)
        told = curve == CENTRED and minimum.usable
        interval = curves.posterior.interval() if told else None
        return MinimumRow(name, curve, minimum, decades_between(own, minimum), interval)

    @property
    def _sweep(self) -> SweepCurves:
        return self.result.curves()

    @cached_property
    def _time_corrected(self) -> SweepCurves:
        return self._corrected(self.time_fall)

    @cached_property
    def _data_corrected(self) -> SweepCurves:
        if not self.frozen.size:
            raise CannotTellError(
                "no frozen-weights control was run: pass `frozen=True` to `controls`"
            )
        return self._corrected(-data_part(self.frozen, self._sweep.loss.size))

    def _corrected(self, change: Array) -> SweepCurves:
        # Losses beyond the finite ones are kept, since a flag depends on whether there are any.
        loss = np.array(self.result.loss)
        loss[: change.size] += change
        return SweepCurves(producing_lr(self.result.lr), loss)
