"""The learning rates of a sweep."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lrfind.support.arguments import require_choice, require_count, require_positive
from lrfind.support.arrays import Array, ArrayLike

STEP_MODES: dict[str, Callable[[float, float, int], Array]] = {
    "exp": np.geomspace,
    "linear": np.linspace,
}
"""How the rate grows, by the name that `step_mode` takes; both end points are hit exactly."""


def lr_sequence(start_lr: float, end_lr: float, num_iter: int, step_mode: str = "exp") -> Array:
    """The learning rate of each optimizer step of a sweep.

    With `"exp"`, `lr[k] = start_lr * (end_lr / start_lr) ** (k / (num_iter - 1))`, uniform in
    log10; with `"linear"`, uniform in the rate itself (Smith 2017, arXiv:1506.01186, section 3.3).

    Args:
        start_lr: Rate of the first step, above 0.
        end_lr: Rate of the last step, above `start_lr`.
        num_iter: Number of steps, at least 2.
        step_mode: `"exp"` or `"linear"`.

    Returns:
        Shape `(num_iter,)`; `lr[0] == start_lr` and `lr[-1] == end_lr` exactly.

    Raises:
        TypeError: A rate is no number, or `num_iter` no whole number.
        ValueError: A rate is not finite and above 0, `start_lr >= end_lr`, `num_iter < 2`, or an
            unknown `step_mode`.

    Example:
        >>> lr_sequence(0.01, 10.0, 4).tolist()
        [0.01, 0.1, 1.0, 10.0]
    """
    start, end = require_positive("start_lr", start_lr), require_positive("end_lr", end_lr)
    if start >= end:
        raise ValueError(f"`start_lr` must be below `end_lr`, got {start!r} and {end!r}.")
    count = require_count("num_iter", num_iter, least=2)
    spaced = STEP_MODES[require_choice("step_mode", step_mode, STEP_MODES)]
    return spaced(start, end, count)


def producing_lr(lr: ArrayLike) -> Array:
    """The rate that made the weights on which each loss was measured.

    `loss[k]` is measured before step k, so the last rate that can have moved it is `lr[k - 1]`.
    `loss[0]` was measured on untouched weights; it is placed at `lr[0]`, the left edge. Every
    curve, minimum and picture puts a loss at this rate.

    Args:
        lr: Shape `(n,)`, the rate that each step used.

    Returns:
        Shape `(n,)`.

    Example:
        >>> producing_lr([0.1, 0.2, 0.4]).tolist()
        [0.1, 0.1, 0.2]
    """
    rates = np.asarray(lr, dtype=np.float64)
    return np.concatenate([rates[:1], rates[:-1]])
