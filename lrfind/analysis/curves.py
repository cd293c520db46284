"""The curves of one sweep, raw and smoothed, and the minimum of each."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lrfind._errors import CannotTellError, require_choice
from lrfind._types import Array, ArrayLike
from lrfind.analysis.sequences import producing_lr
from lrfind.analysis.smoothing import debiased_ema, ema
from lrfind.analysis.whittaker import CentredFit, fit_centred

FEWEST_LOSSES = 10
"""With fewer finite losses no minimum can be told from chance."""


class Flag(enum.Enum):
    """What a person must know about a minimum; the value says it and names the remedy."""

    START_ARTEFACT = (
        "an EMA that starts from 0 is lowest at its first value, which says nothing of the loss; "
        "its minimum after the burn-in is given instead"
    )
    BURN_IN = (
        "the EMA never left its burn-in, so it has no minimum of its own: "
        "use the debiased EMA, a lower beta or a higher `num_iter`"
    )
    AT_END = (
        "the curve was still falling when the sweep ended, so its true minimum lies further "
        "right: raise `end_lr`, or `diverge_th` if the sweep stopped before `end_lr`"
    )
    NO_DESCENT = (
        "the loss never fell below its initial level by more than its noise: lower `start_lr`, "
        "raise `num_iter`, or check that the model can learn from this data"
    )
    TOO_SHORT = (
        f"fewer than {FEWEST_LOSSES} finite losses were recorded: raise `num_iter`, lower "
        "`start_lr`, or check `loss_fn` if the first losses are not finite"
    )
    ABOVE_RAW = (
        "one decade below this smoothed minimum is not below the raw minimum: the smoothing moved "
        "it by a decade or more, so do not take its tenth for a safe rate"
    )


UNUSABLE = frozenset({Flag.BURN_IN, Flag.NO_DESCENT, Flag.TOO_SHORT})
"""A minimum with one of these supports no suggestion."""


@dataclass(frozen=True)
class Minimum:
    """Where a curve is lowest.

    Attributes:
        step: Index of the lowest value, 0-based.
        lr: Rate that made the weights measured there, `lr[step - 1]` of the record.
        loss: Value of the curve there.
        flags: What to know before using it.
    """

    step: int
    lr: float
    loss: float
    flags: tuple[Flag, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether a suggestion may be built on it."""
        return UNUSABLE.isdisjoint(self.flags)


def _raw(loss: Array, beta: float) -> Array:
    return loss


def _centred(loss: Array, beta: float) -> Array:
    return fit_centred(loss).curve


CURVES: dict[str, Callable[[Array, float], Array]] = {
    "raw": _raw,
    "centred": _centred,
    "ema": ema,
    "debiased": debiased_ema,
}
"""Every curve that a minimum can be read from, as a function of (loss, beta)."""


class SweepCurves:
    """The finite part of one sweep, with its curves and their minima.

    Args:
        lr: Shape `(n,)`, the rate each step used.
        loss: Shape `(n,)`, the raw losses. What follows the first non-finite one is left out.

    Attributes:
        lr: Shape `(m,)`, the rate that made the weights of each loss (see `producing_lr`).
        loss: Shape `(m,)`, the finite losses.

    Raises:
        CannotTellError: Fewer than two finite losses.

    Example:
        >>> lr = np.geomspace(1e-3, 1e1, 81)
        >>> curves = SweepCurves(lr, np.abs(np.log10(producing_lr(lr)) + 1) + 1)
        >>> round(curves.minimum("raw").lr, 3)
        0.1
    """

    def __init__(self, lr: ArrayLike, loss: ArrayLike) -> None:
        recorded = np.asarray(loss, dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(recorded))
        finite = int(bad[0]) if bad.size else recorded.size
        if finite < 2:
            raise CannotTellError(
                f"only {finite} finite loss{'' if finite == 1 else 'es'} recorded: "
                "lower `start_lr`, or check `loss_fn` and the data for NaN"
            )
        self.lr = producing_lr(lr)[:finite]
        self.loss = recorded[:finite]
        self._ended_finite = finite == recorded.size

    @cached_property
    def fit(self) -> CentredFit:
        """The centred fit, computed once."""
        return fit_centred(self.loss)

    def curve(self, name: str, beta: float = 0.98) -> Array:
        """The curve of that name in `CURVES`, shape `(m,)`."""
        require_choice("curve", name, CURVES)
        return self.fit.curve if name == "centred" else CURVES[name](self.loss, beta)

    def minimum(self, name: str, beta: float = 0.98) -> Minimum:
        """The minimum of the curve of that name, with its flags."""
        curve = self.curve(name, beta)
        step, flags = locate_minimum(name, curve, beta)
        if step == curve.size - 1 and self._ended_finite and Flag.BURN_IN not in flags:
            flags = (*flags, Flag.AT_END)
        return Minimum(step, float(self.lr[step]), float(curve[step]), self.sweep_flags + flags)

    @cached_property
    def sweep_flags(self) -> tuple[Flag, ...]:
        """The flags that hold for the sweep as a whole, whatever the curve."""
        if self.loss.size < FEWEST_LOSSES:
            return (Flag.TOO_SHORT,)
        return () if self.fit.descended else (Flag.NO_DESCENT,)


def locate_minimum(name: str, curve: Array, beta: float) -> tuple[int, tuple[Flag, ...]]:
    """The step at which a curve is lowest, past the burn-in of an EMA that starts from zero.

    Such an EMA climbs until it first falls; a minimum before that is the artefact of its start.

    Args:
        name: The curve's name in `CURVES`.
        curve: Shape `(n,)`, its values, n >= 1.
        beta: The curve's beta, used only for an EMA.

    Returns:
        The step, and the flags that the burn-in raises.
    """
    lowest = int(np.argmin(curve))
    if name != "ema" or beta == 0:
        return lowest, ()
    falls = np.flatnonzero(np.diff(curve) < 0)
    if falls.size == 0:
        return lowest, (Flag.START_ARTEFACT, Flag.BURN_IN)
    burn_in = int(falls[0])
    after = burn_in + int(np.argmin(curve[burn_in:]))
    return after, (Flag.START_ARTEFACT,) if lowest < burn_in else ()
