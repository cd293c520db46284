"""The learning rate and verdict computed from short training runs around a suggestion.

Short runs favour higher learning rates than full training does: with a high learning rate the loss
falls quickly and then stagnates. So a trial is scored by its extrapolated loss: the loss is
measured half-way and at the end, and its decrease in between is extrapolated for two more halves.

A check answers with the suggestion that it checked, if that holds up; only otherwise, and without
one, with the rate that the trials themselves point to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lrfind.analysis.posterior import BETWEEN_RUNS, around
from lrfind.analysis.transfer import Transfer, transfer
from lrfind.analysis.verdict import FLAT, Verdict
from lrfind.checks.verification.decision import SweepSays, decide, highest_trained_well
from lrfind.checks.verification.trial import Trial
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError

TOLERATED = 0.1
"""Regret against the best trial up to which a learning rate counts as about equally good."""

DOUBT = 0.05
"""Regret at which a trial has 1/e of the weight of the best trial."""

LOG_ROUNDING = 1e-9
"""Tolerance for rounding in the distance between two learning rates, in decades."""

MOST_REGRET = 2.0
"""Regrets are capped here, where the loss rose by as much as the best trial decreased it."""

ALL_BLEW_UP = "every trial diverged: try lower `rates`"
AT_END = "the {} of the learning rates tried is among the best: verify `rates` beyond it"
NOT_EXCEEDED = (
    "higher learning rates do better in runs this short, which favour them, and so do not count "
    "against this one"
)
BELOW_ALL = "the sweep points below all of the learning rates tried: verify lower `rates`"
ALIKE = "the learning rates tried are close together and about equally good: spread them"

REASONS = {
    Verdict.CLEAR: "one of the learning rates tried is best, and those around it are worse",
    Verdict.FLAT: (
        "learning rates over more than a decade are about equally good in runs this short: to "
        "tell them apart, raise `num_iter` or `budget`"
    ),
    Verdict.NO_DESCENT: (
        "no trial decreased the loss by more than its batch-to-batch noise: raise `num_iter` or "
        "`budget`, or verify other `rates`"
    ),
}
"""The meaning of a verdict for trials; for a sweep the remedies differ."""


@dataclass(frozen=True)
class TrialScores:
    """The fields of `Verification`, which documents them, and what is computed from them."""

    trials: tuple[Trial, ...]
    suggested: float | None
    level: float
    noise: float
    steps: int
    schedule: str | None = None
    total_steps: int | None = None
    epochs: float | None = None
    scale: tuple[float, ...] = (1.0,)
    sweep: SweepSays | None = None
    regrets: tuple[float, ...] = ()

    @property
    def rates(self) -> Array:
        """The learning rates tried, shape `(trials,)`."""
        return np.array([trial.run.lr for trial in self.trials])

    @cached_property
    def scores(self) -> Array:
        """The extrapolated loss of each trial, infinite for one that diverged."""
        straight = any(trial.finite and trial.end <= 0 for trial in self.trials)
        return np.array([trial.heading(straight=straight) for trial in self.trials])

    @property
    def all_blew_up(self) -> bool:
        """Whether every trial diverged, so that there is no learning rate to suggest."""
        return not np.isfinite(self.scores).any()

    @cached_property
    def losses(self) -> Array:
        """Regret of each trial: the share of the best trial's loss decrease that it misses.

        0 for the best, at most 2. If no trial decreased the loss, 0 for the best and 2 for others.
        A trial that was given up early is compared with the others at that length.
        """
        if self.regrets:
            return np.array(self.regrets)
        best = float(self.scores.min())
        if not (best < self.level and math.isfinite(self.level)):
            return np.where((self.scores == best) & np.isfinite(best), 0.0, MOST_REGRET)
        return np.minimum((self.scores - best) / (self.level - best), MOST_REGRET)

    @property
    def best(self) -> float:
        """The learning rate of the trial with the best score.

        Raises:
            CannotTellError: Every trial diverged.
        """
        self._require_one()
        return float(self.rates[np.argmin(self.losses)])

    @property
    def lr(self) -> float:
        """The learning rate to train with: the suggestion, unless the trials speak against it.

        If it does not hold up, lies outside the learning rates tried, or there is none: where the
        sweep and the trials together expect the least regret, not above a suggestion of the sweep;
        without a sweep `mean_lr`. Never above the highest rate that trained well.

        Raises:
            CannotTellError: Every trial diverged.
        """
        if self.suggested is not None and self.keeps_suggestion:
            return self.suggested
        return self._trials_lr

    @property
    def keeps_suggestion(self) -> bool:
        """Whether `lr` is the suggestion: it was checked, and no trial speaks against it."""
        return self.regret is not None and self.stands is not False

    @property
    def mean_lr(self) -> float:
        """The mean of the learning rates tried in log10, weighted by `exp(-regret / 0.05)`.

        Raises:
            CannotTellError: Every trial diverged.
        """
        self._require_one()
        weight = np.exp(-self.losses / DOUBT)
        return float(10 ** (weight @ np.log10(self.rates) / weight.sum()))

    @cached_property
    def _trials_lr(self) -> float:
        """The learning rate that the trials point to, whatever was suggested."""
        self._require_one()
        if self.sweep is None:
            return min(self.mean_lr, highest_trained_well(self.rates, self.losses))
        return decide(self.rates, self.losses, self.sweep, self._way)

    @property
    def _way(self) -> Transfer:
        return transfer(self.schedule, self.total_steps, self.epochs)

    @property
    def group_lr(self) -> tuple[float, ...]:
        """Learning rate of each parameter group, in the optimizer's order."""
        return tuple(self.lr * each for each in self.scale)

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval for the best learning rate of a training run.

        Around the best rate that the sweep points to, as wide as its minimum is uncertain and tasks
        differ; without a sweep around the rate of the trials and as wide as tasks differ, which was
        not calibrated. It is widened where it would leave out `lr`.
        """
        way = self._way
        middle = self._trials_lr if self.sweep is None else self.sweep.minimum / 10**way.best
        own = 0.0 if self.sweep is None else self.sweep.deviation
        low, high = around(middle, math.hypot(own, way.deviation))
        return min(low, self.lr), max(high, self.lr)

    @property
    def stands(self) -> bool | None:
        """Whether the suggestion holds up: no trial has a regret that is lower by more than 0.1.

        After a sweep with a suggestion, trials above both do not count: short runs favour higher
        rates. It also holds up if the trials point to the same rate up to the spread between runs,
        0.16 decades. None without a regret, or if no trial decreased the loss by more than its
        noise; a suggestion that diverged does not hold up.
        """
        if self.suggested is None or self.regret is None:
            return None
        nearest = np.argmin(np.abs(np.log10(self.rates / self.suggested)))
        if not np.isfinite(self.scores[nearest]):
            return False
        if not self._descended:
            return None
        apart = abs(math.log10(self.suggested / self._trials_lr))
        limit = max(self.suggested, math.inf if self.sweep is None else self.sweep.limit)
        rivals = self.losses[self.rates <= limit * (1 + LOG_ROUNDING)]
        excess = self.regret - min(rivals, default=self.regret)
        return bool(excess <= TOLERATED or apart <= BETWEEN_RUNS)

    @property
    def _is_bounded(self) -> bool:
        """Whether the trials come after a sweep with a suggestion, which is not exceeded."""
        return self.sweep is not None and self.sweep.lr is not None

    @property
    def regret(self) -> float | None:
        """Regret of the suggestion against the best trial, interpolated between two trials.

        None without a suggestion, or if it lies outside the learning rates tried.
        """
        if self.suggested is None:
            return None
        rates = np.log10(self.rates)
        wanted = math.log10(self.suggested)
        if not rates[0] - LOG_ROUNDING <= wanted <= rates[-1] + LOG_ROUNDING:
            return None
        return float(np.interp(wanted, rates, self.losses))

    @property
    def verdict(self) -> Verdict:
        """How far `lr` can be trusted; `reason` says why."""
        if not self._descended:
            return Verdict.NO_DESCENT
        near = self.rates[self.losses <= TOLERATED]
        if math.log10(near[-1] / near[0]) > FLAT + LOG_ROUNDING:
            return Verdict.FLAT
        # If the highest learning rate is about as good as the best, even higher ones may be better.
        # That does not hold at the low end, where the loss only gets worse further down.
        bracketed = self.rates[0] < self.best < self.rates[-1] and self.losses[-1] > DOUBT
        if self._is_bounded:
            # It is not exceeded anyway; but the trials must reach down to it.
            bracketed = self.rates[0] <= self.lr * (1 + LOG_ROUNDING) and self.rates[0] < self.best
        return Verdict.CLEAR if bracketed else Verdict.AT_END

    @property
    def _descended(self) -> bool:
        """Whether a trial decreased the loss by more than its batch-to-batch noise."""
        return bool(self.noise < self.level - self.scores.min() < math.inf)

    @property
    def reason(self) -> str:
        """What the verdict means for these trials."""
        if self.all_blew_up:
            return ALL_BLEW_UP
        if self._is_bounded and self.verdict is Verdict.CLEAR and self.best > self.lr:
            return NOT_EXCEEDED
        if self.verdict is not Verdict.AT_END:
            return REASONS[self.verdict]
        if self._is_bounded and self.lr < self.rates[0] * (1 - LOG_ROUNDING):
            return BELOW_ALL
        if (self.losses <= TOLERATED).all():
            return ALIKE
        return AT_END.format("lowest" if self.best == self.rates[0] else "highest")

    def _require_one(self) -> None:
        if self.all_blew_up:
            raise CannotTellError(f"no learning rate can be suggested: {ALL_BLEW_UP}.")
