"""How much of a sweep's loss decrease is training time alone, and how much of its noise the data.

Three runs see the same batches with the same random numbers: the sweep, a run at a constant
learning rate, and the frozen-weights control. The contribution of the batch and the dropout mask to
the loss is common to all three as long as their weights are similar, and cancels in the difference
of two of them. So the effect of training time is estimated as the constant run minus the
frozen-weights control, which share nearly all of their noise, and is smoothed before the sweep is
corrected for it. Correcting with the raw losses of the constant run would reduce the noise on the
plateau but add noise around the minimum, where the sweep's weights differ and little of the noise
is shared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrfind.analysis.curves import CENTRED, Minimum, SweepCurves
from lrfind.analysis.whittaker import ROUNDING, CentredFit, uncapped
from lrfind.support.arrays import Array

FEWEST_DIFFERENCES = 5
"""Fewer batch-to-batch differences do not allow an estimate of their variance."""


@dataclass(frozen=True)
class TimeShare:
    """How much of a sweep's loss decrease is training time alone, as at a constant learning rate.

    Attributes:
        step: Where the centred curve of the sweep is lowest.
        lr: The learning rate there.
        fall: Decrease of the sweep's loss up to that step.
        time_step: `step`, or the last step of the constant run if it ended before.
        time_fall: Decrease of the constant run's loss up to `time_step`.
        share: `time_fall / fall`; None if the sweep's loss did not decrease. Noise may make it
            slightly negative or larger than 1. Without what time does after `time_step`.
        minimum: The minimum of the centred curve of the time-corrected sweep.
        shift: Distance of that minimum from the sweep's own, in decades; None if one is unusable.
    """

    step: int
    lr: float
    fall: float
    time_step: int
    time_fall: float
    share: float | None
    minimum: Minimum
    shift: float | None


@dataclass(frozen=True)
class DataStretch:
    """How much of the batch-to-batch variance is the data, in one part of a sweep.

    Attributes:
        name: "plateau" (the first tenth of the descent and all before), "descent", or "bottom" (the
            lowest tenth of the descent, on both sides of the minimum).
        steps: Number of losses in this part.
        correlation: Between the batch-to-batch differences of the sweep's detrended losses and
            those of the frozen-weights control, in [-1, 1]; None if they are too few or constant.
        explained: Share of the variance of the sweep's differences that disappears when the losses
            of the frozen-weights control are subtracted, at most 1; negative if that adds noise.
            None if there are too few differences, or only rounding errors.
    """

    name: str
    steps: int
    correlation: float | None
    explained: float | None


@dataclass(frozen=True)
class DataShare:
    """How much of the batch-to-batch variance of a sweep is the data.

    Attributes:
        sd: Standard deviation of the frozen-weights control's losses over the batches.
        noise: Batch-to-batch standard deviation of the sweep's losses (`CentredFit.noise`).
        stretches: Plateau, descent and bottom.
        minimum: The minimum of the centred curve of the data-corrected sweep.
        shift: Distance of that minimum from the sweep's own, in decades; None if one is unusable.
    """

    sd: float
    noise: float
    stretches: tuple[DataStretch, ...]
    minimum: Minimum
    shift: float | None


def time_fall(constant: Array, frozen: Array, count: int) -> Array:
    """Loss decrease of a run at a constant learning rate before each step, without batch noise.

    Args:
        constant: Shape `(p,)`, the losses of the constant run, the first of them finite.
        frozen: Shape `(n,)`, n >= count, the losses of the frozen-weights control; or empty.
        count: Number of steps. Beyond the last finite loss the decrease is held constant.

    Returns:
        Shape `(count,)`, see `fall_of`.

    Example:
        >>> batches = np.array([3.0, 1.0, 2.0, 2.0])
        >>> np.abs(time_fall(batches - np.arange(4) / 2, batches, 4).round(6)).tolist()
        [0.0, 0.5, 1.0, 1.5]
    """
    losses = constant[: min(count, finite_count(constant))]
    fall = fall_of(losses, frozen[:count])
    return np.append(fall, np.full(count - fall.size, fall[-1]))


def finite_count(loss: Array) -> int:
    """How many losses there are before the first that is not finite."""
    bad = np.flatnonzero(~np.isfinite(loss))
    return int(bad[0]) if bad.size else loss.size


def fall_of(loss: Array, frozen: Array) -> Array:
    """Decrease of the loss of a run before each step.

    The run and the frozen-weights control see the same batch, so the noise of the batch cancels in
    their difference, which is then smoothed (see `uncapped`). Without that control, or if any of
    its losses is not finite, the run's own smooth curve is used.

    Args:
        loss: Shape `(p,)`, finite.
        frozen: Shape `(n,)`, n >= p, the losses of the frozen-weights control; or empty.

    Returns:
        Shape `(p,)`.
    """
    if frozen.size and np.isfinite(frozen).all():
        return -uncapped(loss - frozen[: loss.size])
    curve = uncapped(loss)
    fall: Array = curve[0] - curve
    return fall


def data_part(frozen: Array, count: int) -> Array:
    """The effect of each batch on the loss at frozen weights, as a deviation from the mean.

    Args:
        frozen: Shape `(n,)`, n >= count, the losses of the frozen-weights control.
        count: Number of steps.

    Returns:
        Shape `(count,)`; 0 where the control's loss is not finite.
    """
    values, finite = frozen[:count], np.isfinite(frozen[:count])
    mean = values[finite].mean() if finite.any() else 0.0
    return np.where(finite, values - mean, 0.0)


def time_share(
    sweep: SweepCurves, corrected: SweepCurves, constant_fall: Array, frozen: Array, last: int
) -> TimeShare:
    """Compare the loss decrease of a sweep with that of training time alone, at its minimum.

    Args:
        sweep: The sweep.
        corrected: The time-corrected sweep.
        constant_fall: Shape `(n,)`, from `time_fall`.
        frozen: Shape `(n,)`, the losses of the frozen-weights control; or empty.
        last: The last step of the constant run with a finite loss.

    Returns:
        The comparison.
    """
    own, left = sweep.minimum(CENTRED), corrected.minimum(CENTRED)
    # The diverging loss, which would dominate the smoothing, is capped as in `fit_centred`.
    capped = np.where(np.isnan(sweep.fit.smooth), sweep.fit.cap, sweep.loss)
    whole = float(fall_of(capped, frozen[: capped.size])[own.step])
    known = min(own.step, last)
    time = float(constant_fall[known])
    share = time / whole if own.usable and whole > 0 else None
    return TimeShare(own.step, own.lr, whole, known, time, share, left, decades_between(own, left))


def data_share(sweep: SweepCurves, corrected: SweepCurves, frozen: Array) -> DataShare:
    """Compare the noise of each part of a sweep with that of the frozen-weights control.

    Args:
        sweep: The sweep.
        corrected: The data-corrected sweep.
        frozen: Shape `(n,)`, the losses of the frozen-weights control on the sweep's batches.

    Returns:
        The comparison.
    """
    values = frozen[: sweep.loss.size]
    finite = values[np.isfinite(values)]
    # For equal values the plain standard deviation may be a rounding error instead of 0.
    sd = float(np.std(finite)) if finite.size and np.ptp(finite) > 0 else 0.0
    own, left = sweep.minimum(CENTRED), corrected.minimum(CENTRED)
    # Differences along a curved descent are not only noise, so the trend is removed first: that of
    # the corrected sweep, which has the least noise. On simulated noise the shares are unbiased to
    # within 0.1.
    detrended = sweep.loss - corrected.fit.curve
    least = ROUNDING * abs(sweep.fit.level)
    stretches = tuple(
        _stretch(name, detrended[part], values[part], least)
        for name, part in stretches_of(sweep.fit).items()
    )
    return DataShare(sd, sweep.fit.noise, stretches, left, decades_between(own, left))


def stretches_of(fit: CentredFit) -> dict[str, slice]:
    """Plateau, descent and bottom of a sweep, by the height of its centred curve.

    The descent runs from a tenth to nine tenths of the depth. A sweep that never descends is all
    plateau, up to where it diverges.
    """
    curve, size = fit.curve, fit.curve.size
    if not fit.descended:
        blown_up = np.flatnonzero(np.isnan(fit.smooth))
        end = int(blown_up[0]) if blown_up.size else size
        return {"plateau": slice(0, end), "descent": slice(end, end), "bottom": slice(end, end)}
    lowest = int(np.argmin(curve))
    top = float(curve[fit.highest])
    onset, landing = (
        1 + int(np.max(np.flatnonzero(curve[:lowest] > top - part * fit.depth), initial=-1))
        for part in (0.1, 0.9)
    )
    risen = np.flatnonzero(curve[lowest:] > top - 0.9 * fit.depth)
    end = lowest + int(risen[0]) if risen.size else size
    return {
        "plateau": slice(0, onset),
        "descent": slice(onset, landing),
        "bottom": slice(landing, end),
    }


def decades_between(start: Minimum, end: Minimum) -> float | None:
    """Distance of one minimum to the right of another; None if one of them is unusable."""
    return math.log10(end.lr / start.lr) if start.usable and end.usable else None


def _stretch(name: str, detrended: Array, frozen: Array, least: float) -> DataStretch:
    """One part of a sweep from its losses; variation up to `least` counts as rounding."""
    own, data = np.diff(detrended), np.diff(frozen)
    both = np.isfinite(data)
    own, data = own[both], data[both]
    if own.size < FEWEST_DIFFERENCES or np.ptp(own) <= least:
        return DataStretch(name, detrended.size, None, None)
    explained = float(1 - np.var(own - data) / np.var(own))
    correlation = float(np.corrcoef(own, data)[0, 1]) if np.ptp(data) > least else None
    return DataStretch(name, detrended.size, correlation, explained)
