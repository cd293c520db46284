"""Short trainings around a suggested rate, and the rate and verdict computed from their losses.

Short trainings favour higher rates than a full training does: a high rate reaches its level early,
and stays there. So a trial is scored by its extrapolated loss: the loss is measured half-way and at
the end, and its decrease between the two is carried on for two more such halves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lrfind.analysis.calibration import CARRIED_ON, DOUBT, VERIFIED
from lrfind.analysis.posterior import around
from lrfind.analysis.verdict import FLAT, Verdict
from lrfind.result.constant_run import ConstantRun
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError

TOLERATED = 0.1
"""Regret against the best trial up to which a rate does about equally well."""

LOG_ROUNDING = 1e-9
"""Decades by which a distance between two rates may be off by rounding."""

MOST_REGRET = 2.0
"""Regrets are cut off there: the loss rose by as much as the best trial brought it down."""

ALL_BLEW_UP = "every rate that was tried blew up: try lower `rates`"
AT_END = "the {} of the rates that were tried is among the best: try `rates` beyond it"
ALIKE = "the rates that were tried lie close together and do about equally well: spread them"

REASONS = {
    Verdict.CLEAR: "one of the rates that were tried is best, and those around it are worse",
    Verdict.FLAT: (
        "rates over more than a decade do about equally well in a training this short: any of them "
        "will do, or raise `num_iter`"
    ),
    Verdict.NO_DESCENT: (
        "no trial brought the loss down by more than its noise from batch to batch: raise "
        "`num_iter`, or try other `rates`"
    ),
}
"""What a verdict means here; a sweep has other remedies."""


@dataclass(frozen=True)
class Trial:
    """One short training, and the loss it came to.

    Attributes:
        run: Its record.
        halfway: Loss on the score batches half-way.
        end: The same at the end.
    """

    run: ConstantRun
    halfway: float
    end: float

    @property
    def finite(self) -> bool:
        """Whether the loss stayed finite; a trial whose loss did not has blown up."""
        return math.isfinite(self.halfway) and math.isfinite(self.end)

    def heading(self, *, straight: bool = False) -> float:
        """The extrapolated loss: `end * (end / halfway) ** 2` if it decreases, else `end`.

        Args:
            straight: Extrapolate along a straight line instead, `end + 2 * (end - halfway)`: for
                losses that reach 0, where ratios mean nothing.
        """
        if not self.finite:
            return math.inf
        fall = min(self.end - self.halfway, 0.0)
        if straight or not fall:
            return self.end + CARRIED_ON * fall
        return float(self.end * (1 + fall / self.halfway) ** CARRIED_ON)


@dataclass(frozen=True)
class TrialScores:
    """The fields of a `Verification`, where they are described, and what is computed from them."""

    trials: tuple[Trial, ...]
    suggested: float | None
    level: float
    noise: float
    steps: int
    schedule: str | None = None
    scale: tuple[float, ...] = (1.0,)

    @property
    def rates(self) -> Array:
        """The rates tried, shape `(trials,)`."""
        return np.array([trial.run.lr for trial in self.trials])

    @cached_property
    def scores(self) -> Array:
        """The extrapolated loss of each trial, infinite for one that blew up."""
        straight = any(trial.finite and trial.end <= 0 for trial in self.trials)
        return np.array([trial.heading(straight=straight) for trial in self.trials])

    @property
    def all_blew_up(self) -> bool:
        """Whether every trial blew up, so that no rate can be given."""
        return not np.isfinite(self.scores).any()

    @cached_property
    def losses(self) -> Array:
        """Regret of each trial against the best: the share of the best one's gain that it loses.

        0 for the best, at most 2. Where none gained anything, the best loses 0 and the others 2.
        """
        best = float(self.scores.min())
        if not (best < self.level and math.isfinite(self.level)):
            return np.where((self.scores == best) & np.isfinite(best), 0.0, MOST_REGRET)
        return np.minimum((self.scores - best) / (self.level - best), MOST_REGRET)

    @property
    def best(self) -> float:
        """The rate of the trial with the best score.

        Raises:
            CannotTellError: Every trial blew up.
        """
        self._require_one()
        return float(self.rates[np.argmin(self.losses)])

    @property
    def lr(self) -> float:
        """The rate to train with.

        The mean of the rates tried in log10, weighted by `exp(-regret / 0.05)`, over the factor
        that the benchmark measured between such a mean and the best rate under the schedule. It is
        none of the rates tried, and with that factor it may lie outside of them.

        Raises:
            CannotTellError: Every trial blew up.
        """
        self._require_one()
        weight = np.exp(-self.losses / DOUBT)
        mean = weight @ np.log10(self.rates) / weight.sum()
        return float(10**mean / VERIFIED[self.schedule].factor)

    @property
    def group_lr(self) -> tuple[float, ...]:
        """The rate for each parameter group, in the optimizer's order."""
        return tuple(self.lr * each for each in self.scale)

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper rate that hold the best one for a training in 9 of 10 cases."""
        return around(self.lr, VERIFIED[self.schedule].deviation)

    @property
    def stands(self) -> bool | None:
        """Whether the suggestion holds up: its regret against the best trial is at most 0.1.

        Between two rates tried, the regret is interpolated. None without a suggestion, or for one
        outside of the rates tried, where nothing was measured.
        """
        if self.suggested is None:
            return None
        rates = np.log10(self.rates)
        wanted = math.log10(self.suggested)
        if not rates[0] - LOG_ROUNDING <= wanted <= rates[-1] + LOG_ROUNDING:
            return None
        return bool(np.interp(wanted, rates, self.losses) <= TOLERATED)

    @property
    def verdict(self) -> Verdict:
        """How far to trust it; `reason` says why."""
        if not self.noise < self.level - self.scores.min() < math.inf:
            return Verdict.NO_DESCENT
        near = self.rates[self.losses <= TOLERATED]
        if math.log10(near[-1] / near[0]) > FLAT + LOG_ROUNDING:
            return Verdict.FLAT
        # A rate above the best that keeps up with it says nothing about those further up; one
        # below does, as the loss rises steadily from there down.
        bracketed = self.rates[0] < self.best < self.rates[-1] and self.losses[-1] > DOUBT
        return Verdict.CLEAR if bracketed else Verdict.AT_END

    @property
    def reason(self) -> str:
        """What the verdict means for short trainings."""
        if self.all_blew_up:
            return ALL_BLEW_UP
        if self.verdict is not Verdict.AT_END:
            return REASONS[self.verdict]
        if (self.losses <= TOLERATED).all():
            return ALIKE
        return AT_END.format("lowest" if self.best == self.rates[0] else "highest")

    def _require_one(self) -> None:
        if self.all_blew_up:
            raise CannotTellError(f"no learning rate can be given: {ALL_BLEW_UP}.")
