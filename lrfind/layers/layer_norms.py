"""Norms and trust ratios of each parameter tensor during a sweep, and which blew up first."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lrfind.support.arguments import require_choice, require_positive
from lrfind.support.arrays import Array
from lrfind.support.records import freeze, same_fields

Mask = NDArray[np.bool_]

NORMS = ("weight", "gradient", "update")
QUANTITIES = {
    "weight": "weight norm r1 = |w|",
    "gradient": "gradient norm |g|",
    "update": "update norm |dw|",
    "step": "step norm r2, per unit of learning rate",
    "update_ratio": "update/weight ratio |dw|/|w|",
    "lars_ratio": "LARS trust ratio |w| / (|g| + wd |w|)",
    "lamb_ratio": "LAMB trust ratio r = r1/r2",
    "applied": "trust ratio that the optimizer applied",
}
"""Quantities available for every layer and step, with their axis labels."""


@dataclass(frozen=True)
class BlowUp:
    """Where one parameter tensor blew up: its norm grew to a multiple of its initial norm.

    Attributes:
        layer: Name of the tensor.
        step: The step at which its norm reached that multiple.
        lr: The learning rate of that step, as in `Layers.lr`.
        growth: The norm after that step divided by the initial norm.
    """

    layer: str
    step: int
    lr: float
    growth: float


@dataclass(frozen=True, eq=False)
class Layers:
    """Norms of every trainable parameter tensor at every step of a sweep, without frozen ones.

    All norms are Euclidean, over the whole tensor. They are NaN if the step was not made, as after
    a non-finite loss.

    Attributes:
        names: Name of each parameter tensor, as in `model.named_parameters()`.
        lr: Shape `(n,)`, float64, read-only: the learning rate of each step, as in the result.
        weight: Shape `(n, layers)`: `|w|` before the step.
        gradient: Shape `(n, layers)`: `|g|`, the gradient as passed to the optimizer: of all
            micro-batches, unscaled and clipped; with a closure, that of its first call. NaN for a
            tensor without gradient.
        update: Shape `(n, layers)`: `|dw|`, weights after the step minus weights before, including
            weight decay and momentum. A step below the resolution of the dtype shows up as rounding
            or 0.
        rate_scale: The layer's own learning rate as a multiple of `lr`.
        weight_decay: The layer's weight decay, 0 for none.
        applied: Shape `(n, layers)`: the trust ratio that the optimizer applied, if it stores one
            in `optimizer.state[w]["trust_ratio"]`, as LAMB of `pytorch_optimizer` does; else empty.

    Example:
        >>> layers = Layers(("w",), [0.5, 9.0], [[2.0], [20.0]], [[44.0], [8.0]], [[22.0], [72.0]])
        >>> layers.update_ratio.ravel().tolist(), layers.step.ravel().tolist()
        ([11.0, 3.6], [44.0, 8.0])
        >>> layers.lamb_ratio.ravel().round(3).tolist()
        [0.045, 2.5]
        >>> layers.blow_ups()
        (BlowUp(layer='w', step=0, lr=0.5, growth=10.0),)
    """

    names: tuple[str, ...]
    lr: Array
    weight: Array
    gradient: Array
    update: Array
    rate_scale: tuple[float, ...] = ()
    weight_decay: tuple[float, ...] = ()
    applied: Array = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        count = len(self.names)
        object.__setattr__(self, "names", tuple(self.names))
        for name, default in (("rate_scale", 1.0), ("weight_decay", 0.0)):
            values = tuple(map(float, getattr(self, name))) or (default,) * count
            if len(values) != count or not np.all(np.isfinite(values)):
                raise ValueError(f"`{name}` must hold {count} finite numbers, got {values!r}.")
            object.__setattr__(self, name, values)
        freeze(self, "lr", *NORMS, "applied")
        shape = (*self.lr.shape, count)
        for name in (*NORMS, "applied"):
            if getattr(self, name).shape != shape and not (
                name == "applied" and not self.applied.size
            ):
                raise ValueError(
                    f"`{name}` must have shape {shape}, got {getattr(self, name).shape}."
                )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layers):
            return NotImplemented
        return same_fields(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Layers: {len(self.names)} parameter tensors, {self.lr.size} steps>"

    @property
    def update_ratio(self) -> Array:
        """Shape `(n, layers)`: `|dw| / |w|`, NaN where `|w|` is 0.

        A diagnostic, not a rule for the learning rate: the often cited target of 1e-3 is far off
        for many networks.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.weight > 0, self.update / self.weight, np.nan)

    @property
    def step(self) -> Array:
        """Shape `(n, layers)`: r2, the norm of the optimizer's step per unit of learning rate.

        `|dw| / lr`; for Adam, with or without weight decay, this is r2 of You et al. 2020
        (arXiv:1904.00962, Algorithm 2). A trust ratio applied by the optimizer itself is divided
        out: `|dw| / (lr * applied)`, exact for LAMB unless its weight decay is decoupled.
        """
        rate = np.outer(self.lr, self.rate_scale)
        rate = rate * self.applied if self.applied.size else rate
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.update == 0, 0.0, self.update / rate)

    @property
    def lamb_ratio(self) -> Array:
        """Shape `(n, layers)`: the trust ratio of LAMB, `r1 / r2`; 1 where either is 0.

        r1 is `|w|` and r2 the norm of the step, see `step` (You et al. 2020, arXiv:1904.00962,
        Algorithm 2, with the identity as phi). Defined for every optimizer: for one without trust
        ratios it is the factor by which LAMB would have scaled each layer's step. It is not
        clipped; LAMB as published bounds r1 by 10, and `applied` is the ratio with that bound.
        """
        return _trust_ratio(self.weight, self.step, self.weight > 0)

    @property
    def lars_ratio(self) -> Array:
        """Shape `(n, layers)`: the trust ratio of LARS, `|w| / (|g| + wd |w|)`.

        1 where `|w|` or `|g|` is 0 (You, Gitman and Ginsburg 2017, arXiv:1708.03888, equation 6,
        without its trust coefficient, which is 0.001 there).
        """
        below = self.gradient + np.asarray(self.weight_decay) * self.weight
        return _trust_ratio(self.weight, below, (self.weight > 0) & (self.gradient != 0))

    def quantity(self, name: str) -> Array:
        """One of the quantities by its name.

        Args:
            name: "weight", "gradient", "update", "step", "update_ratio", "lars_ratio",
                "lamb_ratio" or "applied".

        Returns:
            Shape `(n, layers)`.

        Raises:
            ValueError: An unknown name, or "applied" if the optimizer stored no trust ratio.
        """
        values: Array = getattr(self, require_choice("quantity", name, QUANTITIES))
        if not values.size and self.lr.size and self.names:
            raise ValueError("`quantity` is 'applied', but the optimizer stored no trust ratio.")
        return values

    def blow_ups(self, factor: float = 10.0) -> tuple[BlowUp, ...]:
        """The layers whose weights blew up, in order.

        A layer blows up at the step at which its weight norm reaches `factor` times its initial
        value. The update/weight ratio is less reliable: exploding weights grow along with their
        updates, so it often stays below 1. Tensors that start at 0, such as the bias of a batch
        norm, have no initial norm to compare with and are skipped.

        Args:
            factor: Multiple of the initial norm, above 1.

        Returns:
            One record for each layer that blew up, by step, then by growth, largest first; empty if
            none did.

        Raises:
            ValueError: `factor` is not above 1.
        """
        factor = require_positive("factor", factor)
        if factor <= 1:
            raise ValueError(f"`factor` must be above 1, got {factor!r}.")
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = np.where(self.weight[:1] > 0, self.weight / self.weight[:1], np.nan)
        found = []
        for name, column in zip(self.names, growth.T, strict=True):
            beyond = np.flatnonzero(column >= factor)
            if beyond.size:
                # Norms are taken before each step, so the previous step caused this one.
                made = int(beyond[0]) - 1
                found.append(BlowUp(name, made, float(self.lr[made]), float(column[beyond[0]])))
        return tuple(sorted(found, key=lambda each: (each.step, -each.growth)))


def _trust_ratio(above: Array, below: Array, both: Mask) -> Array:
    """The quotient; 1 where either is 0, NaN where either is NaN."""
    known = ~(np.isnan(above) | np.isnan(below))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(both & (below != 0), above / below, 1.0)
    return np.where(known, ratio, np.nan)
