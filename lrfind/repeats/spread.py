"""The spread of several sweeps: of their minima or suggestions, and of their curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from lrfind.analysis.posterior import CONFIDENCE
from lrfind.support.arguments import require_number
from lrfind.support.arrays import Array, ArrayLike
from lrfind.support.errors import CannotTellError

FEWEST_RUNS = 3
"""With fewer runs their spread cannot be estimated."""

COVERAGE = 0.8
"""Share of the runs in a band: from the 10 % to the 90 % quantile."""


@dataclass(frozen=True)
class Spread:
    """One learning rate, such as the minimum, from each of several runs.

    Attributes:
        decades: log10 of the learning rate in every run that has one, in the order of the runs.
        missing: Number of runs that have none.

    Example:
        >>> spread = Spread((-2.0, -1.5, -1.0))
        >>> round(spread.median_lr, 4), spread.sd
        (0.0316, 0.5)
    """

    decades: tuple[float, ...]
    missing: int = 0

    @property
    def median_lr(self) -> float:
        """The median learning rate; NaN if no run has one."""
        return float(10 ** np.median(self.decades)) if self.decades else math.nan

    @property
    def sd(self) -> float:
        """Sample standard deviation over the runs, in decades; NaN for fewer than two."""
        return float(np.std(self.decades, ddof=1)) if len(self.decades) > 1 else math.nan

    def interval(
        self, confidence: float = CONFIDENCE, *, least: float = 0.0
    ) -> tuple[float, float]:
        """A confidence interval for the median learning rate of very many runs.

        `median ± t * sqrt(pi / 2) * sd / sqrt(k)` decades, with Student's t for k - 1 degrees of
        freedom. sqrt(pi / 2) is the ratio of the standard errors of median and mean for many normal
        values; for few it is slightly smaller, so the interval is conservative.

        Args:
            confidence: Confidence level, between 0 and 1.
            least: Minimum half-width in decades, since a minimum is known only to within a step.

        Returns:
            Lower and upper learning rate.

        Raises:
            CannotTellError: Fewer than 3 runs have a learning rate.
            ValueError: `confidence` out of range.
        """
        if not 0 < require_number("confidence", confidence) < 1:
            raise ValueError(f"`confidence` must be between 0 and 1, got {confidence!r}.")
        count = require_runs(len(self.decades))
        t = float(stdtrit(count - 1, (1 + confidence) / 2))
        half = max(t * math.sqrt(math.pi / 2) * self.sd / math.sqrt(count), least)
        middle = float(np.median(self.decades))
        return 10 ** (middle - half), 10 ** (middle + half)


def require_runs(count: int) -> int:
    """Return a number of runs, or raise `CannotTellError` if it is too small for a spread."""
    if count < FEWEST_RUNS:
        raise CannotTellError(
            f"at least {FEWEST_RUNS} runs with a minimum are needed, got {count}: add seeds"
        )
    return count


def between_run_sd(minima: ArrayLike, within_sd: ArrayLike = 0.0) -> float:
    """Standard deviation of the true minima between runs, corrected for the noise within each run.

    The variance over runs is the sum of the variances between and within runs, so
    `sqrt(max(0, sample variance of the minima - mean of within_sd**2))`: the moment estimator of a
    one-way random-effects model (Searle, Casella & McCulloch, "Variance Components", 1992, chapter
    3).

    Args:
        minima: Shape `(k,)`, log10 of the learning rate at the minimum of each run.
        within_sd: Standard deviation of the minimum within each run, in decades: a number or shape
            `(k,)`. With 0 the result is an upper bound.

    Returns:
        A standard deviation in decades; 0 if the noise within runs explains all the scatter.

    Raises:
        CannotTellError: Fewer than 3 runs.
        ValueError: `minima` not finite or not one-dimensional, `within_sd` negative, not finite or
            of another shape.

    Example:
        >>> round(between_run_sd([-2.0, -1.5, -1.0], within_sd=0.3), 3)
        0.4
    """
    found = np.asarray(minima, dtype=np.float64)
    if found.ndim != 1 or not np.all(np.isfinite(found)):
        raise ValueError("`minima` must be one-dimensional and finite.")
    within = np.asarray(within_sd, dtype=np.float64)
    if within.shape not in ((), found.shape):
        raise ValueError(
            f"`within_sd` must be a number or one for each run, got shape {within.shape} for "
            f"{found.size} runs."
        )
    if not np.all(np.isfinite(within) & (within >= 0)):
        raise ValueError("`within_sd` must be finite and not negative.")
    require_runs(found.size)
    excess = float(np.var(found, ddof=1) - np.mean(within**2))
    return math.sqrt(max(0.0, excess))


@dataclass(frozen=True)
class RunCurve:
    """The curve of one run, to be compared with others.

    Attributes:
        lr: Shape `(n,)`, non-decreasing.
        values: Shape `(n,)`, finite.
        blew_up: Whether the run ended because its loss diverged: beyond its end it then counts as
            larger than any loss. Otherwise nothing is known there.
    """

    lr: Array
    values: Array
    blew_up: bool


@dataclass(frozen=True, eq=False)
class Band:
    """The pointwise median of several curves, and a quantile band.

    Attributes:
        lr: Shape `(n,)`, the common learning rates.
        median: Shape `(n,)`; infinite where half of the runs have diverged, NaN where fewer than
            half of them have a value or have diverged.
        low: Shape `(n,)`, the lower edge, likewise.
        high: Shape `(n,)`, the upper edge, likewise.
        count: Shape `(n,)`, the number of runs with a value there.
    """

    lr: Array
    median: Array
    low: Array
    high: Array
    count: Array


def median_band(curves: Sequence[RunCurve], coverage: float = COVERAGE) -> Band:
    """The pointwise median and quantiles of curves on a common axis.

    Curves over the same learning rates are compared step by step. Others are interpolated linearly
    in log10 of the learning rate, each within its own range, onto log-spaced learning rates from
    the lowest to the highest, as many as the longest curve has.

    A run that diverged remains in the comparison with an infinite loss: dropping it would bias the
    median towards the survivors. A run that ended for another reason is dropped beyond its end.

    Args:
        curves: At least one.
        coverage: Share of the runs between the edges, in (0, 1).

    Returns:
        The band.

    Raises:
        ValueError: `coverage` out of range.

    Example:
        >>> lr = np.geomspace(0.01, 1, 3)
        >>> runs = [RunCurve(lr, level + np.array([3.0, 2, 1]), False) for level in (0, 1, 5)]
        >>> median_band(runs).median
        array([4., 3., 2.])
    """
    if not 0 < require_number("coverage", coverage) < 1:
        raise ValueError(f"`coverage` must be between 0 and 1, got {coverage!r}.")
    longest = max(curves, key=lambda curve: curve.lr.size).lr
    if all(np.array_equal(curve.lr, longest[: curve.lr.size]) for curve in curves):
        axis = longest
        rows = [_padded(curve, axis.size) for curve in curves]
    else:
        low, high = (pick(curve.lr[end] for curve in curves) for pick, end in ((min, 0), (max, -1)))
        axis = np.geomspace(low, high, longest.size)
        rows = [_interpolated(curve, axis) for curve in curves]
    table = np.sort(np.array(rows), axis=0)  # NaN goes last, after infinity
    tail = (1 - coverage) / 2
    return Band(
        lr=axis,
        median=_quantile(table, 0.5),
        low=_quantile(table, tail),
        high=_quantile(table, 1 - tail),
        count=np.isfinite(table).sum(axis=0),
    )


def _padded(curve: RunCurve, size: int) -> Array:
    beyond = np.full(size - curve.lr.size, _beyond(curve))
    return np.concatenate([curve.values, beyond])


def _beyond(curve: RunCurve) -> float:
    return math.inf if curve.blew_up else math.nan


def _interpolated(curve: RunCurve, axis: Array) -> Array:
    # The first two losses share a learning rate (see `producing_lr`); it affects only the second.
    keep = np.append(np.diff(curve.lr) > 0, True)
    rates, values = np.log10(curve.lr[keep]), curve.values[keep]
    # By rounding, an end of the axis may lie just outside the curve that it was taken from.
    at = np.log10(axis)
    at = np.where(np.abs(at - rates[0]) < 1e-9, rates[0], at)
    at = np.where(np.abs(at - rates[-1]) < 1e-9, rates[-1], at)
    return np.asarray(np.interp(at, rates, values, left=math.nan, right=_beyond(curve)))


def _quantile(table: Array, share: float) -> Array:
    """Quantiles of sorted columns; unlike NumPy's, infinities and NaNs at the end do not spread."""
    known = (~np.isnan(table)).sum(axis=0)
    place = share * np.maximum(known - 1, 0)
    below, columns = np.floor(place).astype(int), np.arange(table.shape[1])
    first = table[below, columns]
    second = table[np.ceil(place).astype(int), columns]
    between = np.zeros_like(first)
    apart = (second > first) & (place > below)
    between[apart] = (place - below)[apart] * (second[apart] - first[apart])
    return np.where(2 * known >= table.shape[0], first + between, np.nan)
