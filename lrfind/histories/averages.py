"""The averages that other LR finders keep instead of the losses, and how they are undone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lrfind.analysis.smoothing import debias_factor, ema
from lrfind.support.arrays import Array


class Average(NamedTuple):
    """An EMA, `s[t] = beta * s[t-1] + (1 - beta) * loss[t]`, by how it starts and is corrected.

    Attributes:
        seeded: Whether it starts from the first loss, `s[0] = loss[0]`, and not from zero.
        debias: Exponent n of the factor `1 - beta**n` that the first value is divided by; the next
            ones are n + 1, n + 2 and so on. None if nothing is divided.

    Example:
        >>> kept = Average(seeded=True).of(np.array([3.0, 1.0, 2.0]), 0.5)
        >>> kept.tolist(), Average(seeded=True).undone(kept, 0.5).tolist()
        ([3.0, 2.0, 2.0], [3.0, 1.0, 2.0])
    """

    seeded: bool = False
    debias: int | None = None

    def of(self, loss: Array, beta: float) -> Array:
        """The average of losses, shape `(n,)`."""
        average = ema(loss, beta)
        if self.seeded:
            # A start from the first loss adds what an EMA from zero lacks of it.
            average = average + loss[0] * beta ** np.arange(1, loss.size + 1)
        return average / self._factor(loss.size, beta)

    def undone(self, kept: Array, beta: float) -> Array:
        """The losses behind an average, `(s[t] - beta * s[t-1]) / (1 - beta)`, shape `(n,)`."""
        average = kept * self._factor(kept.size, beta)
        start = average[:1] if self.seeded else np.zeros(1)
        before = np.concatenate([start, average[:-1]])
        return np.asarray((average - beta * before) / (1 - beta))

    def _factor(self, size: int, beta: float) -> Array:
        if self.debias is None:
            return np.ones(size)
        return debias_factor(np.arange(self.debias, self.debias + size), beta)
