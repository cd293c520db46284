"""The minimum of one curve, and its shift from the raw and the centred minimum in two parts.

A shift is how far one minimum lies to the right of another, in decades (log10 of the ratio of the
learning rates) and in steps. The part due to smoothing is estimated on plausible noise-free curves:
smooth each, and measure how far its minimum moves (see `lrfind.analysis.estimate`). The rest is
noise and fit error: where the batches happened to put the raw or the centred minimum.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np

from lrfind.analysis.curves import CENTRED, EXPECTED, RAW, Minimum, SweepCurves
from lrfind.analysis.defaults import FACTOR
from lrfind.analysis.estimate import Estimate, estimate
from lrfind.analysis.flags import Flag
from lrfind.analysis.smoothing import SMOOTHERS, label_of, settled
from lrfind.support.arrays import Array, Steps
from lrfind.support.rates import all_decades_between, decades_between
from lrfind.support.records import flag_names


@dataclass(frozen=True)
class Shift:
    """How far a minimum lies from a reference minimum; positive to the right.

    Attributes:
        decades: Distance in decades of the learning rate.
        steps: Distance in steps of the sweep.
    """

    decades: float
    steps: int


@dataclass(frozen=True)
class CurveRow:
    """One curve of a comparison.

    Attributes:
        curve: Name of the curve: "raw", "centred", "ema" or "debiased"; "expected" for the expected
            minimum, which is estimated from the whole sweep.
        beta: Weight of the old value; None for a curve without one.
        minimum: Where the curve is lowest.
        from_raw: Shift of its minimum from the raw one; None if the minimum is unusable.
        from_centred: Shift of its minimum from the centred one, likewise.
        smoothing: Decades by which this smoothing moves the minimum of the noise-free curve;
            None if that smoothed curve or the sweep has no minimum, and for "expected".
        error: Standard error of `smoothing`, in decades; None without it.
        debiasing: The part of `smoothing` that debiasing adds to the plain EMA, in decades; None if
            the plain EMA has no minimum to compare with.
        lag: Mean age of the averaged losses at the centred minimum, in decades: with its t-th loss,
            `beta / (1 - beta) - t * beta**t / (1 - beta**t)` steps. It is the shift on a straight
            loss, and nearly that on a quadratic one. With a steep rise after the minimum the shift
            is smaller, with a slow rise larger.
    """

    curve: str
    beta: float | None
    minimum: Minimum
    from_raw: Shift | None
    from_centred: Shift | None
    smoothing: float | None
    error: float | None
    debiasing: float | None
    lag: float | None

    @property
    def label(self) -> str:
        """The curve's name for display, such as `EMA 0.98`."""
        if self.curve == RAW and Flag.SMOOTHED in self.minimum.flags:
            return "smoothed"
        return label_of(self.curve, self.beta)

    def drawn_in(self, unit: float) -> CurveRow:
        """The row with its loss in the unit of the curves, beside which it is drawn."""
        return replace(self, minimum=replace(self.minimum, loss=self.minimum.loss / unit))

    @property
    def decade_below(self) -> float:
        """The learning rate one decade below the minimum."""
        return self.minimum.lr / FACTOR

    @property
    def noise_from_raw(self) -> float | None:
        """Noise and fit error: what `smoothing` does not explain of `from_raw`, in decades."""
        return _rest(self.from_raw, self.smoothing)

    @property
    def noise_from_centred(self) -> float | None:
        """Noise and fit error in `from_centred`, in decades."""
        return _rest(self.from_centred, self.smoothing)

    def to_dict(self) -> dict[str, object]:
        """The row as plain numbers and strings, ready for JSON."""
        minimum = asdict(self.minimum) | {"flags": flag_names(self.minimum.flags)}
        return {
            "curve": self.curve,
            "beta": self.beta,
            **minimum,
            "decade_below": self.decade_below,
            "from_raw": self.from_raw and asdict(self.from_raw),
            "from_centred": self.from_centred and asdict(self.from_centred),
            "smoothing": self.smoothing,
            "error": self.error,
            "debiasing": self.debiasing,
            "noise_from_raw": self.noise_from_raw,
            "noise_from_centred": self.noise_from_centred,
            "lag": self.lag,
        }


def curve_row(curves: SweepCurves, name: str, beta: float | None = None) -> CurveRow:
    """Find the minimum of one curve, and its shifts with their parts.

    Args:
        curves: The sweep.
        name: One of `CURVES`, or "expected".
        beta: Weight of the old value, in [0, 1), for a smoother; None for the others.
    """
    minimum = _minimum(curves, name, beta)
    smoothing, debiasing = _parts(curves, name, beta)
    raw, centred = curves.minimum(RAW), curves.minimum(CENTRED)
    return CurveRow(
        name,
        beta,
        minimum,
        from_raw=None if name == RAW else _shift(minimum, raw),
        from_centred=None if name == CENTRED else _shift(minimum, centred),
        smoothing=smoothing and smoothing.decades,
        error=smoothing and smoothing.error,
        debiasing=debiasing and debiasing.decades,
        lag=None if beta is None else _lag(curves.lr, centred.step, beta),
    )


def _minimum(curves: SweepCurves, name: str, beta: float | None) -> Minimum:
    if name == EXPECTED:
        return curves.expected_minimum
    return curves.minimum(name) if beta is None else curves.minimum(name, beta)


def _parts(
    curves: SweepCurves, name: str, beta: float | None
) -> tuple[Estimate | None, Estimate | None]:
    """How far smoothing moves the minimum, and the part of that due to debiasing."""
    if beta is None:
        # The expected minimum is shifted by the prior, which is neither smoothing nor noise.
        return (None if name == EXPECTED else Estimate(0.0, 0.0)), None
    if curves.sweep_flags:
        return None, None
    start = np.argmin(curves.plausible, axis=1)
    moved = _plausible_minima(curves, name, beta)
    uncorrected = SMOOTHERS[name].corrects
    before = None if uncorrected is None else _plausible_minima(curves, uncorrected, beta)
    return _mean_move(curves, start, moved), _mean_move(curves, before, moved)


def _plausible_minima(curves: SweepCurves, name: str, beta: float) -> Steps | None:
    """Where an average of each plausible curve is lowest; None if it still rises from 0."""
    if Flag.BURN_IN in curves.minimum(name, beta).flags:
        return None
    start = settled(name, curves.fit.curve, beta)
    averages = SMOOTHERS[name].average(curves.plausible, beta)
    lowest: Steps = np.argmin(averages[:, start:], axis=1)
    return start + lowest


def _mean_move(curves: SweepCurves, start: Steps | None, end: Steps | None) -> Estimate | None:
    """The mean distance in decades between two steps of each plausible curve."""
    if start is None or end is None:
        return None
    return estimate(all_decades_between(curves.lr[start], curves.lr[end]), curves.resolution)


def _lag(lr: Array, step: int, beta: float) -> float:
    """Mean age of the averaged losses at `step`, in decades at the spacing there."""
    # Not between the first two, which are equal (see `producing_lr`), nor beyond the last.
    here = max(0, min(max(step, 1), lr.size - 2))
    count = step + 1
    age = beta / (1 - beta) - count * beta**count / (1 - beta**count)
    return age * decades_between(lr[here], lr[here + 1])


def _shift(minimum: Minimum, reference: Minimum) -> Shift | None:
    if not minimum.usable:
        return None
    return Shift(decades_between(reference.lr, minimum.lr), minimum.step - reference.step)


def _rest(total: Shift | None, part: float | None) -> float | None:
    return None if total is None or part is None else total.decades - part
