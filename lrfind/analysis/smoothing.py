"""The exponential moving averages that other finders show instead of the loss."""

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
    loop. It lies below the loss by the factor `1 - beta**(t+1)` at first, see `debiased_ema`.

    Args:
        loss: Shape `(n,)`.
        beta: Weight of the old value, in [0, 1): one number, or shape `(k,)` for k averages at
            once. `beta=0` returns the loss itself.

    Returns:
        Shape `(n,)`, or `(k, n)` for k betas.

    Raises:
        ValueError: `beta` outside [0, 1), or `loss` not one-dimensional.

    Example:
        >>> ema([100, 100, 100, 100, 100], beta=0.98).round(2).tolist()
        [2.0, 3.96, 5.88, 7.76, 9.61]
    """
    old = _check_beta(beta)[..., None]
    raw = _check_loss(loss)
    average = (1 - old) * raw
    # Doubling: after the k-th pass each value holds the weighted sum of its last 2**k losses, so
    # log2(n) array operations do what the recursion does in n steps of Python.
    lag = 1
    while lag < raw.size and old.any():
        # A weight of 0 must drop its value even if that is infinite, and 0 * inf is NaN.
        past = np.zeros_like(average[..., lag:])
        np.multiply(old, average[..., :-lag], out=past, where=old > 0)
        average[..., lag:] += past
        old, lag = old * old, 2 * lag
    return average


def debiased_ema(loss: ArrayLike, beta: ArrayLike = BETA) -> Array:
    """Exponential moving average with the start from zero divided out.

    `ema(loss, beta)[t] / (1 - beta**(t+1))`, the correction of Adam (Kingma & Ba 2015,
    arXiv:1412.6980, section 3) and the `debias_loss` of fastai. On a constant loss it is that
    loss from the first step on.

    Args:
        loss: Shape `(n,)`.
        beta: Weight of the old value, in [0, 1): one number or shape `(k,)`.

    Returns:
        Shape `(n,)`, or `(k, n)` for k betas.

    Raises:
        ValueError: `beta` outside [0, 1), or `loss` not one-dimensional.

    Example:
        >>> debiased_ema([100, 100, 100], beta=0.98).round(9).tolist()
        [100.0, 100.0, 100.0]
    """
    average = ema(loss, beta)
    steps = np.arange(1, average.shape[-1] + 1)
    return np.asarray(average / debias_factor(steps, beta))


def debias_factor(steps: ArrayLike, beta: ArrayLike) -> Array:
    """The factor `1 - beta**t` by which a zero-started EMA of a constant falls short of it.

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
        # expm1 keeps all digits where beta is close to 1; log(0) = -inf gives the factor 1.
        return np.asarray(-np.expm1(np.asarray(steps, dtype=np.float64) * np.log(old)))


def debias_steps(beta: float, *, tolerance: float = 0.01) -> int:
    """After how many values the start from zero is gone from an EMA.

    The smallest t with `beta**t <= tolerance`, that is with `debias_factor(t, beta)` within
    `tolerance` of 1: from then on a zero-started EMA of a constant has all but that part of it.

    Args:
        beta: Weight of the old value, in [0, 1).
        tolerance: The part that may be missing, in (0, 1).

    Returns:
        Number of averaged values, at least 1.

    Raises:
        TypeError: An argument is no number.
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
    # Where beta**t is the tolerance exactly, rounding must not ask for one step more.
    return max(1, math.ceil(math.log(tolerance) / math.log(beta) * (1 - 1e-12)))


def after_climb(descent: Array, beta: float) -> int:
    """Where an EMA that starts from 0 has caught up: there it is highest on the way down."""
    return int(np.argmax(ema(descent, beta)))


def after_half_life(descent: Array, beta: float) -> int:
    """One half-life: the first debiased values are means of a few losses, and low by chance."""
    return math.ceil(math.log(0.5) / math.log(beta))


class Smoother(NamedTuple):
    """A moving average, and how its minimum is read and drawn."""

    label: str
    """Its name as a person reads it."""
    average: Callable[[Array, float], Array]
    """Takes losses, shape `(n,)`, and beta; returns the average, shape `(n,)`."""
    settled: Callable[[Array, float], int]
    """Takes the noise-free curve down to its minimum and a beta above 0; returns the step from
    which on the average may have its own minimum."""
    style: dict[str, Any]
    """Colour, marker and line, by matplotlib's names."""
    climbs: bool = False
    """Whether it starts from 0, so that a sweep may end before it has reached the loss."""
    corrects: str | None = None
    """The smoother whose start it corrects; what that correction adds to a shift is told apart."""


SMOOTHERS: dict[str, Smoother] = {
    "ema": Smoother(
        "EMA", ema, after_climb, {"color": SKY, "marker": "s", "linestyle": ":"}, climbs=True
    ),
    "debiased": Smoother(
        "debiased EMA",
        debiased_ema,
        after_half_life,
        {"color": RED, "marker": "D", "linestyle": "--"},
        corrects="ema",
    ),
}
"""Every average that a minimum can be read from, by the name that `curve` takes."""

USUAL = "debiased"
"""The one that everyone looks at."""


def settled(name: str, fitted: Array, beta: float) -> int:
    """The step from which on the minimum of an average is searched.

    It never comes after the minimum of the noise-free curve, since an average of past values turns
    only after they do.

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


def _check_loss(loss: ArrayLike) -> Array:
    values = np.asarray(loss, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"`loss` must be one-dimensional, got shape {values.shape}.")
    return values
