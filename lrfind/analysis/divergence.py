"""The rule that stops a sweep when the loss diverges."""

from __future__ import annotations

from collections import deque
from statistics import median, pstdev

WINDOW = 5
"""Losses in the running median; up to two outliers in it have no effect."""

LEAST_RISE = 0.1
"""Share of the initial level that a smaller decrease of the loss is rounded up to."""

FEWEST_START = 10
"""Minimum number of first losses: fewer do not allow an estimate of the noise."""


class DivergenceRule:
    """Detects that the loss has diverged, one loss at a time.

    Other LR finders stop at `smoothed loss > 4 * best`, which is immediate for a negative loss and
    too early if the best loss is close to zero. Here the rise is compared with the decrease so far:
    with `level` and `noise` the median and the standard deviation of the first losses (a tenth of
    the sweep, at least 10), `now` the median of the last 5 and `best` the lowest value of `now` so
    far, the loss has diverged when

        now - best > diverge_th * max(level - best, noise, |level| / 10)

    The last two terms matter if the loss has hardly decreased: they keep a loss that creeps up a
    little, or steps up with the order of the data, from counting as diverged. `now` is a running
    median and not an EMA, because one outlier shifts an EMA for a long time and a median not at
    all.

    Args:
        diverge_th: How far the loss may rise, as a multiple of its decrease; None for no limit.
        num_iter: Planned number of steps.

    Example:
        >>> rule = DivergenceRule(4.0, num_iter=20)
        >>> losses = [-1.0] * 10 + [-2.0, -3.0, -3.0, -3.0, 50.0, 60.0, 70.0]
        >>> [rule.diverged(loss) for loss in losses].index(True)
        16
    """

    def __init__(self, diverge_th: float | None, num_iter: int) -> None:
        self._threshold = diverge_th
        self._start: list[float] = []
        self._start_size = max(FEWEST_START, num_iter // 10)
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._level = self._least_rise = 0.0
        self._best = float("inf")

    def diverged(self, loss: float) -> bool:
        """Take the next loss, finite; True once the loss has diverged."""
        if self._threshold is None:
            return False
        self._recent.append(loss)
        # For an even number, while the window fills, the upper of the two middle losses.
        now = sorted(self._recent)[len(self._recent) // 2]
        if now < self._best:
            self._best = now
        if len(self._start) < self._start_size:
            self._begin(loss)
            return False
        rise = now - self._best
        # The first comparison is false at almost every step, so the second is rarely evaluated.
        return rise > self._least_rise and rise > self._threshold * (self._level - self._best)

    def _begin(self, loss: float) -> None:
        self._start.append(loss)
        if len(self._start) == self._start_size and self._threshold is not None:
            self._level = median(self._start)
            noise = max(pstdev(self._start), LEAST_RISE * abs(self._level))
            self._least_rise = self._threshold * noise
