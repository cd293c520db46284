"""Predicted against measured learning rates over seeds, in decades."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrfind.support.arrays import Array, ArrayLike


@dataclass(frozen=True)
class RateError:
    """How far measured rates lie from predicted ones; see `rate_error`.

    Attributes:
        decades: Mean of `log10(measured / predicted)`; positive where the measured is larger.
        low: Lower end of the confidence interval of that mean.
        high: Its upper end.
        count: Number of pairs.
    """

    decades: float
    low: float
    high: float
    count: int

    @property
    def stands(self) -> bool:
        """Whether the prediction lies within the interval."""
        return self.low <= 0 <= self.high


def rate_error(predicted: ArrayLike, measured: ArrayLike, *, level: float = 0.95) -> RateError:
    """Hold predicted learning rates against measured ones, seed by seed.

    The mean of `d = log10(measured / predicted)` with Student's interval,
    `mean(d) +- t * sd(d) / sqrt(n)` at n - 1 degrees of freedom: it holds the spread of what was
    predicted from as well as that of what was measured.

    Args:
        predicted: Shape `(n,)`, one rate per seed, above 0.
        measured: Shape `(n,)`, likewise.
        level: Of the interval, in (0, 1).

    Returns:
        The difference in decades.

    Raises:
        ValueError: Fewer than two pairs, unequal lengths, a rate that is not finite and above 0, or
            a level outside (0, 1).

    Example:
        >>> rate_error([0.1, 0.1, 0.1], [0.1, 0.2, 0.05])
        RateError(decades=0.0, low=-0.74..., high=0.74..., count=3)
    """
    from scipy.special import stdtrit

    old, new = _logs("predicted", predicted), _logs("measured", measured)
    if old.size != new.size:
        raise ValueError(f"`predicted` and `measured` must pair up, got {old.size} and {new.size}.")
    logs = new - old
    if not 0 < level < 1:
        raise ValueError(f"`level` must be in (0, 1), got {level!r}.")
    mean = float(logs.mean())
    half = float(stdtrit(logs.size - 1, (1 + level) / 2) * logs.std(ddof=1) / np.sqrt(logs.size))
    return RateError(mean, mean - half, mean + half, logs.size)


def _logs(name: str, rates: ArrayLike) -> Array:
    values = np.asarray(rates, dtype=np.float64)
    if values.ndim != 1 or values.size < 2:
        raise ValueError(f"`{name}` must hold two rates or more, got shape {values.shape}.")
    if not np.all(np.isfinite(values) & (values > 0)):
        raise ValueError(f"`{name}` must hold finite rates above 0.")
    return np.asarray(np.log10(values))
