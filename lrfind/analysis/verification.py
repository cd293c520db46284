"""Short trainings around a suggested rate: which is best, and does the suggestion stand?

Fifty steps favour higher rates than a whole training does: they reach their level early, and stay
there. So a trial is judged by where it is heading: its loss is taken twice, half-way and at the
end, and the fall between the two is carried on for two more such halves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lrfind._types import Array
from lrfind.analysis.calibration import CARRIED_ON, DOUBT, VERIFIED
from lrfind.analysis.constant_run import ConstantRun
from lrfind.analysis.posterior import around
from lrfind.analysis.verdict import Verdict

STANDS = 0.1
"""A suggestion stands if it loses at most this share of the gain of the best rate tried."""


@dataclass(frozen=True)
class Trial:
    """One short training and its score.

    Attributes:
        run: Its record.
        halfway: Loss on the score batches half-way.
        end: The same at the end.
    """

    run: ConstantRun
    halfway: float
    end: float

    @property
    def score(self) -> float:
        """Where the loss is heading: `end * (end / halfway) ** 2` if it falls, else `end`.

        A loss that is not above 0 has no such ratio, and is carried on along a straight line.
        """
        if not (math.isfinite(self.end) and math.isfinite(self.halfway)):
            return math.inf
        fall = min(self.end - self.halfway, 0.0)
        if self.end <= 0:
            return self.end + CARRIED_ON * fall
        return float(self.end * (1 + fall / self.halfway) ** CARRIED_ON) if fall else self.end


@dataclass(frozen=True)
class Verification:
    """The answer of a few short trainings.

    Attributes:
        trials: One for each rate, in rising order.
        suggested: The rate put to the test; None if there was none.
        level: Loss before the first step, on the mini-batches.
        noise: Its standard deviation from batch to batch.
        steps: Optimizer steps spent, those of a sweep before included.
        schedule: Schedule of the training to come: "constant", "one_cycle" or None.
        scale: Rate of each parameter group as a multiple of the largest.
    """

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
    def losses(self) -> Array:
        """Share of the best trial's gain that each of them loses, 0 for the best, at most 2."""
        scores = np.array([trial.score for trial in self.trials])
        best = float(scores.min())
        if not best < self.level:
            return np.where(scores == best, 0.0, 2.0)
        return np.minimum((scores - best) / (self.level - best), 2.0)

    @property
    def best(self) -> float:
        """The rate of the trial with the best score."""
        return float(self.rates[np.argmin(self.losses)])

    @property
    def lr(self) -> float:
        """The rate to train with.

        The mean of the rates tried in log10, weighted by `exp(-loss / 0.05)`, over the factor that
        the benchmark measured between such a mean and the best rate under the schedule.
        """
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
        """Whether the rate put to the test keeps up with the best one; None without one.

        Between two rates tried, its loss is interpolated; outside of them nothing was measured.
        """
        if self.suggested is None:
            return None
        rates = np.log10(self.rates)
        wanted = math.log10(self.suggested)
        if not rates[0] - 1e-9 <= wanted <= rates[-1] + 1e-9:
            return None
        return bool(np.interp(wanted, rates, self.losses) <= STANDS)

    @property
    def verdict(self) -> Verdict:
        """How far to trust it."""
        scores = [trial.score for trial in self.trials]
        if not self.level - min(scores) > self.noise:
            return Verdict.NO_DESCENT
        near = self.rates[self.losses <= STANDS]
        if near[-1] == self.rates[-1] and near[0] != self.rates[0]:
            return Verdict.AT_END
        if math.log10(near[-1] / near[0]) > 1:
            return Verdict.FLAT
        return Verdict.CLEAR

    def one_cycle(self, groups: slice = slice(None)) -> dict[str, list[float]]:
        """The argument for `torch.optim.lr_scheduler.OneCycleLR`: one peak rate per group.

        Args:
            groups: Which groups; with several optimizers, those of the one to schedule.
        """
        return {"max_lr": list(self.group_lr[groups])}

    def to_dict(self) -> dict[str, object]:
        """The answer as plain numbers and strings, ready for JSON."""
        return {
            "lr": self.lr,
            "interval": list(self.interval),
            "verdict": self.verdict.name.lower(),
            "schedule": self.schedule,
            "best": self.best,
            "suggested": self.suggested,
            "stands": self.stands,
            "steps": self.steps,
            "group_lr": list(self.group_lr),
            "trials": [
                {
                    "lr": trial.run.lr,
                    "halfway": _plain(trial.halfway),
                    "end": _plain(trial.end),
                    "loses": float(loses),
                }
                for trial, loses in zip(self.trials, self.losses, strict=True)
            ],
        }

    def __str__(self) -> str:
        from lrfind.display.verification_table import verification_text

        return verification_text(self)


def _plain(value: float) -> float | str:
    """JSON has no NaN or infinity; they go as strings."""
    return value if math.isfinite(value) else str(value)
