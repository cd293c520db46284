"""The exponential moving averages that other LR finders show instead of the loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lrfind.analysis.defaults import BETA
from lrfind.support.arguments import require_beta, require_number
from lrfind.support.arrays import Array, ArrayLike
from lrfind.support.axes import RED, SKY


def ema(loss: ArrayLike, beta: ArrayLike = BETA) -> Array:
    """Exponential moving average that starts from zero.

    `s[t] = beta * s[t-1] + (1 - beta) * loss[t]` with `s[-1] = 0`: the `avg_loss` of fastai's fit
    loop. It is biased towards 0 by the factor `1 - beta**(t+1)`; see `debiased_ema`.

    Args:
        loss: Shape `(n,)`; with one beta also `(m, n)`, m curves.
        beta: Weight of the old value, in [0, 1): one number, or shape `(k,)` for k averages.
            `beta=0` returns the loss itself.

    Returns:
        Shape `(n,)`, `(m, n)` for m curves, or `(k, n)` for k betas.

    Raises:
        ValueError: `beta` outside [0, 1), or a `loss` of another shape.

    Example:
        >>> ema([100, 100, 100, 100, 100], beta=0.98).round(2).tolist()
        [2.0, 3.96, 5.88, 7.76, 9.61]
    """
    old = _check_beta(beta)[..., None]
    raw = _check_loss(loss, beta)
    average = (1 - old) * raw
    # Doubling: after the k-th pass each value holds the weighted sum of its last 2**k losses, so
    # log2(n) array operations replace the n Python steps of the recursion.
    lag = 1
    while lag < raw.shape[-1] and old.any():
        # A value with weight 0 must be dropped even if it is infinite, since 0 * inf is NaN.
        past = average[..., :-lag]
        average[..., lag:] += old * (past if old.all() else np.where(old > 0, past, 0.0))
        old, lag = old * old, 2 * lag
    return average


def debiased_ema(loss: ArrayLike, beta: ArrayLike = BETA) -> Array:
    """Exponential moving average, corrected for its start from zero.

    `ema(loss, beta)[t] / (1 - beta**(t+1))`, the bias correction of Adam (Kingma & Ba 2015,
    arXiv:1412.6980, section 3) and the `debias_loss` of fastai. For a constant loss it equals that
    loss from the first step on.

    Args:
        loss: Shape `(n,)`; with one beta also `(m, n)`, m curves.
        beta: Weight of the old value, in [0, 1): one number or shape `(k,)`.

    Returns:
        Shape `(n,)`, `(m, n)` for m curves, or `(k, n)` for k betas.

    Raises:
        ValueError: `beta` outside [0, 1), or a `loss` of another shape.

    Example:
        >>> debiased_ema([100, 100, 100], beta=0.98).round(9).tolist()
        [100.0, 100.0, 100.0]
    """
    average = ema(loss, beta)
    steps = np.arange(1, average.shape[-1] + 1)
    return np.asarray(average / debias_factor(steps, beta))


def debias_factor(steps: ArrayLike, beta: ArrayLike) -> Array:
    """The factor `1 - beta**t` by which a zero-started EMA of a constant is too small.

    Args:
        steps: Number of averaged values t, at least 1, shape `(n,)`.
        beta: Weight of the old value, in [0, 1): one number or shape `(k,)`.

    Returns:
        In (0, 1], shape `(n,)`, or `(k, n)` for k betas.

    Raises:
        ValueError: `beta` outside [0, 1).

    Example:
        >>> debias_factor([1, 2], beta=0.9).round(9).tolist()
        [0.1, 0.19]
    """
    old = _check_beta(beta)[..., None]
    with np.errstate(divide="ignore"):
        # expm1 keeps all digits when beta is close to 1; log(0) = -inf gives the factor 1.
        return np.asarray(-np.expm1(np.asarray(steps, dtype=np.float64) * np.log(old)))


def debias_steps(beta: float, *, tolerance: float = 0.01) -> int:
    """The number of values after which the start from zero has become negligible in an EMA.

    The smallest t with `beta**t <= tolerance`, so that `debias_factor(t, beta)` is within
    `tolerance` of 1: from then on a zero-started EMA of a constant is too small by at most that
    fraction.

    Args:
        beta: Weight of the old value, in [0, 1).
        tolerance: The fraction that may be missing, in (0, 1).

    Returns:
        Number of averaged values, at least 1.

    Raises:
        TypeError: An argument is not a number.
        ValueError: An argument is out of range.

    Example:
        >>> [debias_steps(beta) for beta in (0.9, 0.98, 0.99)]
        [44, 228, 459]
    """
    beta, tolerance = require_beta(beta), require_number("tolerance", tolerance)
    if not 0 < tolerance < 1:
        raise ValueError(f"`tolerance` must be in (0, 1), got {tolerance!r}.")
    if beta == 0:
        return 1
    # If beta**t equals the tolerance exactly, rounding must not add a step.
    return max(1, math.ceil(math.log(tolerance) / math.log(beta) * (1 - 1e-12)))


def after_climb(descent: Array, beta: float) -> int:
    """The step at which an EMA that starts from 0 has caught up: its maximum before it falls."""
    return int(np.argmax(ema(descent, beta)))


def after_half_life(descent: Array, beta: float) -> int:
    """One half-life; the first debiased values average few losses and may be low by chance."""
    return math.ceil(math.log(0.5) / math.log(beta))


class Smoother(NamedTuple):
    """A moving average, and how its minimum is found and drawn."""

    label: str
    """Its name for display."""
    average: Callable[[Array, float], Array]
    """Function of the losses, shape `(n,)`, and beta; returns the average, shape `(n,)`."""
    settled: Callable[[Array, float], int]
    """Function of the noise-free curve up to its minimum and a beta above 0; returns the first step
    at which the average may have its minimum."""
    style: dict[str, Any]
    """Colour, marker and line style, by matplotlib's names."""
    climbs: bool = False
    """Whether it starts from 0, so that a sweep may end before it has reached the loss."""
    corrects: str | None = None
    """The smoother whose start it corrects; the effect on the shift is reported separately."""


SMOOTHERS: dict[str, Smoother] = {
    "ema": Smoother(
        "EMA", ema, after_climb, {"color": SKY, "marker": "s", "linestyle": ":"}, climbs=True
    ),
    "debiased": Smoother(
        "debiased EMA",
        debiased_ema,
        after_half_life,
        {"color": RED, "marker": "D", "linestyle": "-"},
        corrects="ema",
    ),
}
"""Every average with a minimum, by the name that `curve` takes."""

USUAL = "debiased"
"""The one that LR finders usually show."""


def label_of(curve: str, beta: float | None) -> str:
    """A curve's name for display, such as `debiased EMA 0.98`."""
    name = SMOOTHERS[curve].label if curve in SMOOTHERS else curve
    return name if beta is None else f"{name} {beta:g}"


def settled(name: str, fitted: Array, beta: float) -> int:
    """The step from which the minimum of an average is searched.

    It is never after the minimum of the noise-free curve, since an average of past values reaches
    its minimum later than they do.

    Args:
        name: A key of `SMOOTHERS`.
        fitted: The noise-free curve, shape `(n,)`.
        beta: Weight of the old value, in [0, 1).

    Returns:
        A step, at most that of the curve's minimum.
    """
    lowest = int(np.argmin(fitted))
    if beta == 0:
        return 0
    return min(lowest, SMOOTHERS[name].settled(fitted[: lowest + 1], beta))


def _check_beta(beta: ArrayLike) -> Array:
    values = np.asarray(beta, dtype=np.float64)
    if not np.all((values >= 0) & (values < 1)):
        raise ValueError(f"`beta` must be in [0, 1), got {beta!r}.")
    return values


def _check_loss(loss: ArrayLike, beta: ArrayLike) -> Array:
    values = np.asarray(loss, dtype=np.float64)
    if values.ndim != 1 and (values.ndim != 2 or np.ndim(beta)):
        raise ValueError(
            f"`loss` must be one-dimensional, or one curve a row with one `beta`, got shape "
            f"{values.shape}."
        )
    return values
