"""Smith's bounds of a cyclical learning rate, read off a metric that should rise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lrfind.analysis.loss_unit import loss_unit
from lrfind.analysis.whittaker import fit_centred
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError
from lrfind.support.html import record_html
from lrfind.support.text import list_table, rate

RISEN = 0.1
"""A metric starts to rise where it exceeds this share of its whole rise."""


@dataclass(frozen=True)
class Bounds:
    """The bounds of a cyclical learning rate (Smith 2017, arXiv:1506.01186, section 3.3).

    Attributes:
        base_lr: Where the metric starts to rise.
        max_lr: Where it is highest.
        group_scale: Learning rate of each parameter group as a multiple of these.
    """

    base_lr: float
    max_lr: float
    group_scale: tuple[float, ...] = (1.0,)

    def _repr_html_(self) -> str:
        bounds = {"base_lr": self.base_lr, "max_lr": self.max_lr}
        rows = [(name, rate(lr)) for name, lr in bounds.items()]
        return record_html(list_table([*rows, ("Next", "CyclicLR(optimizer, **bounds.cyclic())")]))

    def cyclic(self, groups: slice = slice(None)) -> dict[str, list[float]]:
        """The arguments for `torch.optim.lr_scheduler.CyclicLR`, one learning rate per group.

        Args:
            groups: Which groups; with several optimizers, those of the one to schedule.

        Example:
            >>> Bounds(0.001, 0.006).cyclic()
            {'base_lr': [0.001], 'max_lr': [0.006]}
        """
        return {
            "base_lr": [self.base_lr * scale for scale in self.group_scale[groups]],
            "max_lr": [self.max_lr * scale for scale in self.group_scale[groups]],
        }


def find_bounds(lr: Array, metric: Array, group_scale: Sequence[float] = (1.0,)) -> Bounds:
    """Read the two learning rates off the centred curve of a metric.

    `max_lr` is where the curve is highest; `base_lr` where, on the way there, it passes a tenth of
    its rise for the last time.

    Args:
        lr: Shape `(n,)`, the learning rate of the last update before each value.
        metric: Shape `(n,)`, higher is better; the first non-finite value and all after it are
            dropped.
        group_scale: Learning rate of each parameter group as a multiple of the swept one.

    Returns:
        The bounds.

    Raises:
        CannotTellError: The metric never rose by more than its noise.
    """
    bad = np.flatnonzero(~np.isfinite(metric))
    finite = metric[: bad[0] if bad.size else None]
    if finite.size < 2:
        raise CannotTellError(f"only {finite.size} finite values of the metric were recorded")
    fit = fit_centred(-finite / loss_unit(finite), plateau=False)
    if not fit.descended:
        raise CannotTellError(
            "the metric never rose by more than its noise: raise `end_lr` or `num_iter`"
        )
    peak = int(np.argmin(fit.curve))
    risen = (fit.curve[fit.highest] - fit.curve[: peak + 1]) / fit.depth
    low = np.flatnonzero(risen <= RISEN)
    base = int(low[-1]) + 1 if low.size else 0
    return Bounds(float(lr[base]), float(lr[peak]), tuple(group_scale))
