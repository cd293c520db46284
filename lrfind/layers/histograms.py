"""Histograms of a recorded quantity, one per stretch of the sweep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lrfind.support.arguments import require_count, require_positive
from lrfind.support.arrays import Array


@dataclass(frozen=True)
class Stretches:
    """Histograms of log10 of a quantity over consecutive stretches of a sweep, for each layer.

    Attributes:
        edges: Shape `(bins + 1,)`: bin edges in decades, the same for every layer and stretch.
        counts: Shape `(layers, stretches, bins)`: number of steps in each bin. Zeros, infinities
            and NaN are not counted; values beyond the edges count in the first or last bin.
        starts: Shape `(stretches + 1,)`: the first step of each stretch, then the number of steps.
    """

    edges: Array
    counts: Array
    starts: tuple[int, ...]


def histograms(values: Array, stretches: int, bins: int = 80, *, span: float = 8.0) -> Stretches:
    """Cut a recording into stretches, and make a histogram for each.

    Args:
        values: Shape `(n, layers)`, such as `Layers.lamb_ratio`.
        stretches: Number of stretches, at least 1; at most one per step is made.
        bins: Number of bins, at least 1.
        span: Maximum number of decades that the bins cover. They reach from the 98 % quantile of
            all values down to the 2 % quantile, or down this many decades if that is less.

    Returns:
        The histograms.

    Raises:
        ValueError: `stretches` or `bins` below 1, or `span` not above 0.

    Example:
        >>> found = histograms(np.array([[1.0], [10.0], [10.0], [100.0]]), stretches=2, bins=2)
        >>> found.edges.tolist(), found.counts.tolist(), found.starts
        ([0.0, 1.0, 2.0], [[[1.0, 1.0], [0.0, 2.0]]], (0, 2, 4))
    """
    stretches = require_count("stretches", stretches, least=1)
    bins = require_count("bins", bins, least=1)
    span = require_positive("span", span)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(values)
    finite = logs[np.isfinite(logs)]
    low, high = 0.0, 0.0
    if finite.size:
        # Otherwise a few outliers, as from a tensor that starts at 0, would compress the rest.
        low, high = np.quantile(finite, (0.02, 0.98), method="nearest")
    edges = np.histogram_bin_edges([max(low, high - span), high], bins)
    logs = np.where(np.isfinite(logs), np.clip(logs, edges[0], edges[-1]), np.nan)
    parts = np.array_split(logs, max(1, min(stretches, len(logs))))
    counts = [
        [np.histogram(part[:, layer][np.isfinite(part[:, layer])], edges)[0] for part in parts]
        for layer in range(logs.shape[1])
    ]
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    shape = (logs.shape[1], len(parts), bins)
    return Stretches(edges, np.array(counts, dtype=np.float64).reshape(shape), tuple(starts))
