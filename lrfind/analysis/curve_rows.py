"""The minimum of one curve, and its shift from the raw and the centred minimum in two parts.

A shift is how far one minimum lies to the right of another, in decades (log10 of the ratio of the
learning rates) and in steps. The part due to smoothing is a plug-in estimate: smooth the centred
curve in place of the loss, and measure how far its minimum moves. The rest is noise: where the
batches happened to put the raw or the centred minimum.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from lrfind.analysis.curves import CENTRED, EXPECTED, RAW, Flag, Minimum, SweepCurves, label_of
from lrfind.analysis.defaults import FACTOR
from lrfind.analysis.smoothing import SMOOTHERS, settled
from lrfind.support.arrays import Array
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
            None if that smoothed curve has no minimum, and for "expected".
        debiasing: The part of `smoothing` that debiasing adds to the plain EMA, in decades; None if
            the plain EMA has no minimum to compare with.
        lag: `beta / (1 - beta)` steps in decades, the EMA's mean delay: the shift on a straight or
            quadratic loss. With a steep rise after the minimum the shift is smaller, with a slow
            rise larger.
    """

    curve: str
    beta: float | None
    minimum: Minimum
    from_raw: Shift | None
    from_centred: Shift | None
    smoothing: float | None
    debiasing: float | None
    lag: float | None

    @property
    def label(self) -> str:
        """The curve's name for display, such as `EMA 0.98`."""
        return label_of(self.curve, self.beta)

    @property
    def decade_below(self) -> float:
        """The learning rate one decade below the minimum."""
        return self.minimum.lr / FACTOR

    @property
    def noise_from_raw(self) -> float | None:
        """The part of `from_raw` that is noise, in decades: what `smoothing` does not explain."""
        return _rest(self.from_raw, self.smoothing)

    @property
    def noise_from_centred(self) -> float | None:
        """The part of `from_centred` that is noise, in decades."""
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
        smoothing=smoothing,
        debiasing=debiasing,
        lag=None if beta is None else _lag(curves.lr, centred.step, beta),
    )


def _minimum(curves: SweepCurves, name: str, beta: float | None) -> Minimum:
    if name == EXPECTED:
        return curves.expected_minimum
    return curves.minimum(name) if beta is None else curves.minimum(name, beta)


def _parts(curves: SweepCurves, name: str, beta: float | None) -> tuple[float | None, float | None]:
    """Decades by which smoothing moves the minimum, and the part of them due to debiasing."""
    if beta is not None:
        return _plug_in(curves, name, beta)
    # The expected minimum is shifted by the prior, which is neither smoothing nor noise.
    return (None if name == EXPECTED else 0.0), None


def _plug_in(curves: SweepCurves, name: str, beta: float) -> tuple[float | None, float | None]:
    """Decades by which smoothing, and debiasing alone, move the minimum of the noise-free curve."""
    start = int(np.argmin(curves.fit.curve))
    moved = _noise_free_minimum(curves, name, beta)
    smoothing = None if moved is None else _decades(curves.lr, start, moved)
    uncorrected = SMOOTHERS[name].corrects
    if uncorrected is None:
        return smoothing, None
    before = _noise_free_minimum(curves, uncorrected, beta)
    if before is None or moved is None:
        return smoothing, None
    return smoothing, _decades(curves.lr, before, moved)


def _noise_free_minimum(curves: SweepCurves, name: str, beta: float) -> int | None:
    """Step at which an average of the noise-free curve is lowest; None if it still rises from 0."""
    if Flag.BURN_IN in curves.minimum(name, beta).flags:
        return None
    fitted = curves.fit.curve
    start = settled(name, fitted, beta)
    return start + int(np.argmin(SMOOTHERS[name].average(fitted, beta)[start:]))


def _lag(lr: Array, step: int, beta: float) -> float:
    """`beta / (1 - beta)` steps in decades, at the spacing of the learning rates at `step`."""
    # Not between the first two, which are equal (see `producing_lr`), nor beyond the last.
    here = max(0, min(max(step, 1), lr.size - 2))
    return beta / (1 - beta) * _decades(lr, here, here + 1)


def _decades(lr: Array, start: int, end: int) -> float:
    return math.log10(lr[end] / lr[start])


def _shift(minimum: Minimum, reference: Minimum) -> Shift | None:
    if not minimum.usable:
        return None
    return Shift(math.log10(minimum.lr / reference.lr), minimum.step - reference.step)


def _rest(total: Shift | None, part: float | None) -> float | None:
    return None if total is None or part is None else total.decades - part
