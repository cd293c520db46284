"""The curves of one sweep, raw and smoothed, and the minimum of each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lrfind.analysis.defaults import BETA, FACTOR
from lrfind.analysis.estimate import plausible_curves
from lrfind.analysis.flags import FEWEST_LOSSES, UNUSABLE, Flag
from lrfind.analysis.loss_unit import in_full, loss_unit
from lrfind.analysis.noise import has_plateau
from lrfind.analysis.posterior import MinimumPosterior, minimum_posterior
from lrfind.analysis.smoothing import SMOOTHERS, settled
from lrfind.analysis.verdict import Judgement, Verdict, judge
from lrfind.analysis.whittaker import CentredFit, fit_centred
from lrfind.support.arguments import require_beta, require_choice
from lrfind.support.arrays import Array, ArrayLike
from lrfind.support.errors import CannotTellError
from lrfind.support.rates import all_decades_between, decades_between


@dataclass(frozen=True)
class Minimum:
    """Where a curve is lowest.

    Attributes:
        step: Index of the lowest value, 0-based.
        lr: Learning rate of the update that produced the weights this loss was computed with; for
            a mini-batch loss, that of the step before (see `producing_lr`).
        loss: Value of the curve there.
        flags: Warnings about this minimum.
    """

    step: int
    lr: float
    loss: float
    flags: tuple[Flag, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether a suggestion may be made from it."""
        return UNUSABLE.isdisjoint(self.flags)


RAW, CENTRED, EXPECTED = "raw", "centred", "expected"
"""The expected minimum is not that of a curve: see `MinimumPosterior.mean`."""
CURVES = (RAW, CENTRED, *SMOOTHERS)
"""Every curve with a minimum; the smoothers are those that have a beta."""


class SweepCurves:
    """The finite part of one sweep, with its curves and their minima.

    Args:
        lr: Shape `(n,)`, the learning rate of the last update before each loss (see
            `producing_lr`).
        loss: Shape `(n,)`, the raw losses. The first non-finite one and all after it are dropped.
        smoothed: Whether these are averages of which the raw losses are not known.

    Attributes:
        lr: Shape `(m,)`, the learning rates of the finite losses.
        loss: Shape `(m,)`, the finite losses, in `unit` as every curve.
        unit: 1.0, or a power of two where the losses are extreme; see `loss_unit`.

    Raises:
        CannotTellError: Fewer than two finite losses.

    Example:
        >>> lr = np.geomspace(1e-3, 1e1, 81)
        >>> round(SweepCurves(lr, np.abs(np.log10(lr) + 1) + 1).minimum("raw").lr, 3)
        0.1
    """

    def __init__(self, lr: ArrayLike, loss: ArrayLike, *, smoothed: bool = False) -> None:
        recorded = np.asarray(loss, dtype=np.float64)
        finite = int(np.argmin(np.append(np.isfinite(recorded), False)))
        if finite < 2:
            raise CannotTellError(
                f"only {finite} finite loss{'' if finite == 1 else 'es'} recorded: "
                "lower `start_lr`, or check `loss_fn` and the data for NaN"
            )
        self.lr = np.asarray(lr, dtype=np.float64)[:finite]
        self.unit = loss_unit(recorded[:finite])
        self.loss = recorded[:finite] / self.unit
        self._ended_finite = finite == recorded.size
        self._smoothed = smoothed
        self._minima: dict[tuple[str, float], Minimum] = {}

    def every(self, stride: int, phase: int = 0) -> SweepCurves:
        """The sub-sweep of every `stride`-th loss, starting at index `phase`.

        Args:
            stride: At least 1.
            phase: From 0 to `stride` - 1.

        Returns:
            Its curves; it ends with a non-finite loss if the sweep does.

        Raises:
            CannotTellError: Fewer than two losses are left.
        """
        end = [] if self._ended_finite else [np.nan]
        chosen = np.append(self.loss[phase::stride] * self.unit, end)
        return SweepCurves(self.lr[phase::stride], chosen, smoothed=self._smoothed)

    @cached_property
    def fit(self) -> CentredFit:
        """The centred fit, computed once."""
        return fit_centred(self.loss, plateau=has_plateau(self.lr))

    @cached_property
    def posterior(self) -> MinimumPosterior:
        """The posterior of the minimum of the noise-free curve, computed once."""
        return minimum_posterior(self.lr, self.loss, self.fit, self._ended_finite)

    @cached_property
    def plausible(self) -> Array:
        """Shape `(k, m)`: plausible noise-free curves, computed once."""
        return plausible_curves(self.fit)

    @property
    def resolution(self) -> float:
        """Decades over which the centred curve rounds off a kink, and half a step."""
        step = decades_between(self.lr[0], self.lr[-1]) / max(self.lr.size - 1, 1)
        return step * math.hypot(self.fit.resolution, 12**-0.5)

    @cached_property
    def judgement(self) -> Judgement:
        """How far the minimum can be trusted, and why."""
        if Flag.TOO_SHORT in self.sweep_flags:
            return Judgement(Verdict.TOO_SHORT, Flag.TOO_SHORT.value)
        return judge(self.fit, self.posterior)

    @property
    def verdict(self) -> Verdict:
        """The verdict alone."""
        return self.judgement.verdict

    def curve(self, name: str, beta: float = BETA) -> Array:
        """The curve of that name, shape `(m,)`; only the smoothers use `beta`."""
        require_choice("curve", name, CURVES)
        beta = require_beta(beta)
        if name in SMOOTHERS:
            return SMOOTHERS[name].average(self.loss, beta)
        return self.fit.curve if name == CENTRED else self.loss

    def minimum(self, name: str, beta: float = BETA) -> Minimum:
        """The minimum of the curve of that name, with its flags; computed once."""
        asked = name, require_beta(beta)
        return self._minima.get(asked) or self._minima.setdefault(asked, self._lowest(*asked))

    def _lowest(self, name: str, beta: float) -> Minimum:
        curve = self.curve(name, beta)
        start, flags = 0, self.sweep_flags
        if name in SMOOTHERS:
            start = settled(name, self.fit.curve, beta)
            flags += self._start_flags(name, curve, start, beta)
        step = start + int(np.argmin(curve[start:]))
        flags += self._end_flags(name, step)
        lr = float(self.lr[step])
        if name in SMOOTHERS and lr / FACTOR >= self.lr[np.argmin(self.loss)]:
            flags += (Flag.ABOVE_RAW,)
        return Minimum(step, lr, in_full(float(curve[step]), self.unit), flags)

    @property
    def expected_minimum(self) -> Minimum:
        """The mean of the posterior, at its nearest step; with the centred minimum's flags."""
        rate = self.posterior.mean
        step = int(np.argmin(np.abs(all_decades_between(np.float64(rate), self.lr))))
        loss = in_full(float(self.fit.curve[step]), self.unit)
        return Minimum(step, rate, loss, self.minimum(CENTRED).flags)

    @cached_property
    def sweep_flags(self) -> tuple[Flag, ...]:
        """The flags of the sweep as a whole, whatever the curve."""
        kept = (Flag.SMOOTHED,) if self._smoothed else ()
        if self.loss.size < FEWEST_LOSSES:
            return (*kept, Flag.TOO_SHORT)
        return kept if self.fit.descended else (*kept, Flag.NO_DESCENT)

    def _start_flags(self, name: str, curve: Array, start: int, beta: float) -> tuple[Flag, ...]:
        flags = (Flag.START_ARTEFACT,) if int(np.argmin(curve)) < start else ()
        climbs = SMOOTHERS[name].climbs and beta > 0
        in_burn_in = climbs and start == int(np.argmin(self.fit.curve))
        return (*flags, Flag.BURN_IN) if in_burn_in else flags

    def _end_flags(self, name: str, step: int) -> tuple[Flag, ...]:
        if step < self.loss.size - 1:
            return ()
        # The raw loss may really be lowest just before it becomes infinite; an average only lags.
        cut_off = (Flag.CUT_OFF,) if name in SMOOTHERS else ()
        return (Flag.AT_END,) if self._ended_finite else cut_off
