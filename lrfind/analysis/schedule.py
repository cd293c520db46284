"""The learning rates of a sweep, and smoothing windows in decades instead of steps."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lrfind.support.arguments import require_beta, require_choice, require_count, require_positive
from lrfind.support.arrays import Array, ArrayLike
from lrfind.support.rates import decades_between

STEP_MODES: dict[str, Callable[[float, float, int], Array]] = {
    "exp": np.geomspace,
    "linear": np.linspace,
}
"""How the learning rate grows, by `step_mode`; both end points are hit exactly."""


def lr_sequence(start_lr: float, end_lr: float, num_iter: int, step_mode: str = "exp") -> Array:
    """The learning rate of each optimizer step of a sweep.

    With `"exp"`, `lr[k] = start_lr * (end_lr / start_lr) ** (k / (num_iter - 1))`, uniform in
    log10; with `"linear"`, uniform in the learning rate itself (Smith 2017, arXiv:1506.01186,
    section 3.3).

    Args:
        start_lr: Learning rate of the first step, above 0.
        end_lr: Learning rate of the last step, above `start_lr`.
        num_iter: Number of steps, at least 2.
        step_mode: `"exp"` or `"linear"`.

    Returns:
        Shape `(num_iter,)`; `lr[0] == start_lr` and `lr[-1] == end_lr` exactly.

    Raises:
        TypeError: A learning rate is not a number, or `num_iter` is not an integer.
        ValueError: A learning rate is not finite and above 0, `start_lr >= end_lr`, `num_iter < 2`,
            or `step_mode` is unknown.

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
    """The learning rate of the update that produced the weights each loss was computed with.

    `loss[k]` is computed before step k, so the last learning rate that affects it is `lr[k - 1]`.
    `loss[0]` was computed with the initial weights; it is placed at `lr[0]`, the left edge. Every
    curve, minimum and figure places losses at these learning rates.

    Args:
        lr: Shape `(n,)`, the learning rate of each step.

    Returns:
        Shape `(n,)`.

    Example:
        >>> producing_lr([0.1, 0.2, 0.4]).tolist()
        [0.1, 0.1, 0.2]
    """
    rates = np.asarray(lr, dtype=np.float64)
    return np.concatenate([rates[:1], rates[:-1]])


def decades_per_step(start_lr: float, end_lr: float, num_iter: int, step_mode: str) -> float:
    """Decades of the learning rate per step of a sweep.

    `h = log10(end_lr / start_lr) / (num_iter - 1)`.

    Args:
        start_lr: Learning rate of the first step.
        end_lr: Learning rate of the last step.
        num_iter: Number of steps.
        step_mode: Must be "exp"; a linear sweep has no constant number of decades per step.

    Returns:
        Decades.

    Raises:
        ValueError: Another `step_mode`.

    Example:
        >>> round(decades_per_step(1e-7, 10.0, 101, "exp"), 9)
        0.08
    """
    if step_mode != "exp":
        raise ValueError(
            f"a window in decades needs a sweep with `step_mode` 'exp', got {step_mode!r}: only "
            "there is every step the same fraction of a decade."
        )
    return decades_between(start_lr, end_lr) / (num_iter - 1)


def beta_of_window(decades: float, step: float) -> float:
    """The beta of an average with a given window in decades.

    `beta = exp(-step / decades)`: a loss that lies `decades` to the left has 1/e of the weight of
    the newest one, and one at `ln(2) * decades` has half. With `decades_per_step` for `step`, the
    shift of the minimum by this average, in decades, does not depend on the number of steps; at a
    straight or quadratic minimum it is the window itself, less half a step.

    Args:
        decades: The window, above 0.
        step: Decades per step, above 0.

    Returns:
        A beta in [0, 1); 0, no smoothing, if the window is far shorter than a step.

    Raises:
        TypeError: `decades` is not a number.
        ValueError: `decades` is not finite and above 0, or too large for a beta below 1.

    Example:
        >>> round(beta_of_window(0.5, 0.01), 4)
        0.9802
    """
    beta = math.exp(-step / require_positive("decades", decades))
    if beta >= 1:
        raise ValueError(f"`decades` is too large a window for a beta below 1, got {decades!r}.")
    return beta


def window_of_beta(beta: float, step: float) -> float:
    """The window of a beta in decades; the inverse of `beta_of_window`.

    `decades = -step / ln(beta)`.

    Args:
        beta: Weight of the old value, in [0, 1).
        step: Decades per step, above 0.

    Returns:
        Decades; 0 for a beta of 0.

    Raises:
        TypeError: `beta` is not a number.
        ValueError: `beta` outside [0, 1).

    Example:
        >>> round(window_of_beta(0.98, 0.01), 3)
        0.495
    """
    beta = require_beta(beta)
    return -step / math.log(beta) if beta else 0.0
