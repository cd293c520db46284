"""How far the answers of several sweeps lie apart, and the curve in their middle."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from lrfind.analysis.calibration import CONFIDENCE
from lrfind.support.arguments import require_number
from lrfind.support.arrays import Array, ArrayLike
from lrfind.support.errors import CannotTellError

FEWEST_RUNS = 3
"""With fewer runs their spread cannot be told from chance."""

COVERAGE = 0.8
"""Share of the runs in a band: from the 10 % to the 90 % quantile."""


@dataclass(frozen=True)
class Spread:
    """Where one rate lies in each of several runs.

    Attributes:
        decades: log10 of the rate in every run that has one, in the order of the runs.
        missing: How many runs have none.

    Example:
        >>> spread = Spread((-2.0, -1.5, -1.0))
        >>> round(spread.median_lr, 4), spread.sd
        (0.0316, 0.5)
    """

    decades: tuple[float, ...]
    missing: int = 0

    @property
    def median_lr(self) -> float:
        """The rate in the middle; NaN if no run has one."""
        return float(10 ** np.median(self.decades)) if self.decades else math.nan

    @property
    def sd(self) -> float:
        """Sample standard deviation over the runs, in decades; NaN for fewer than two."""
        return float(np.std(self.decades, ddof=1)) if len(self.decades) > 1 else math.nan

    def interval(
        self, confidence: float = CONFIDENCE, *, least: float = 0.0
    ) -> tuple[float, float]:
        """A confidence interval for the median rate of very many runs.

        `median ± t * sqrt(pi / 2) * sd / sqrt(k)` decades, with Student's t for k - 1 degrees of
        freedom: sqrt(pi / 2) is what the median of many normal values scatters more than their
        mean; of few it scatters a little less, so the interval errs on the wide side.

        Args:
            confidence: Between 0 and 1.
            least: The half-width is no less, in decades: a minimum is known to one step only.

        Returns:
            Its two rates.

        Raises:
            CannotTellError: Fewer than 3 runs have a rate.
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
    """How far the true minima of repeated sweeps scatter, without what each sweep's noise adds.

    The variance over runs is the sum of the two, so
    `sqrt(max(0, sample variance of the minima - mean of within_sd**2))`: the estimate by moments
    of a one-way random-effects model (Searle, Casella & McCulloch, "Variance Components", 1992,
    chapter 3).

    Args:
        minima: Shape `(k,)`, log10 of the rate at the minimum of each run.
        within_sd: Standard deviation of each run's minimum given that run, in decades: a number or
            shape `(k,)`. With 0 the answer is an upper bound.

    Returns:
        A standard deviation in decades; 0 where the sweeps' own noise explains all the scatter.

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
    """One run's curve, to be laid over others.

    Attributes:
        lr: Shape `(n,)`, not falling.
        values: Shape `(n,)`, finite.
        blew_up: Whether the run ended because its loss blew up: beyond its end it then counts as
            above every loss. Otherwise nothing is known there.
    """

    lr: Array
    values: Array
    blew_up: bool


@dataclass(frozen=True, eq=False)
class Band:
    """The pointwise median of several curves, and the band that holds most of them.

    Attributes:
        lr: Shape `(n,)`, the common axis.
        median: Shape `(n,)`; infinite where half of the runs have blown up, NaN where fewer than
            half of them were measured or have blown up.
        low: Shape `(n,)`, the lower edge, likewise.
        high: Shape `(n,)`, the upper edge, likewise.
        count: Shape `(n,)`, how many runs were measured there.
    """

    lr: Array
    median: Array
    low: Array
    high: Array
    count: Array


def median_band(curves: Sequence[RunCurve], coverage: float = COVERAGE) -> Band:
    """The pointwise median and quantiles of curves over one common axis.

    Curves over the same rates are compared step by step. Others are interpolated linearly in
    log10 of the rate, each within its own range, onto rates spaced evenly from the lowest to the
    highest, as many as the longest curve has.

    A run that blew up stays in the comparison as a loss above all others: leaving it out would
    make the median of the survivors look good. One that ended for another reason is left out
    beyond its end.

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
    # The rates that made the first two losses are one: the later of the two is what it did.
    keep = np.append(np.diff(curve.lr) > 0, True)
    rates, values = np.log10(curve.lr[keep]), curve.values[keep]
    # An end of the axis, rounded, may lie a hair outside the very curve it was taken from.
    at = np.log10(axis)
    at = np.where(np.abs(at - rates[0]) < 1e-9, rates[0], at)
    at = np.where(np.abs(at - rates[-1]) < 1e-9, rates[-1], at)
    return np.asarray(np.interp(at, rates, values, left=math.nan, right=_beyond(curve)))


def _quantile(table: Array, share: float) -> Array:
    """Quantiles of sorted columns that end in infinities and NaNs, which NumPy's would spread."""
    known = (~np.isnan(table)).sum(axis=0)
    place = share * np.maximum(known - 1, 0)
    below, columns = np.floor(place).astype(int), np.arange(table.shape[1])
    first = table[below, columns]
    second = table[np.ceil(place).astype(int), columns]
    between = np.zeros_like(first)
    apart = (second > first) & (place > below)
    between[apart] = (place - below)[apart] * (second[apart] - first[apart])
    return np.where(2 * known >= table.shape[0], first + between, np.nan)
