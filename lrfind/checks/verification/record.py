"""Short trainings around a suggested rate: which is best, and does the suggestion stand?

Fifty steps favour higher rates than a whole training does: they reach their level early, and stay
there. So a trial is judged by where it is heading: its loss is taken twice, half-way and at the
end, and the fall between the two is carried on for two more such halves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lrfind.analysis.calibration import CARRIED_ON, DOUBT, VERIFIED
from lrfind.analysis.posterior import around
from lrfind.analysis.verdict import Verdict
from lrfind.result.constant_run import ConstantRun
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError
from lrfind.support.files import write_json

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STANDS = 0.1
"""A suggestion stands if it loses at most this share of the gain of the best rate tried."""

FLAT = 1 + 1e-9
"""Decades over which rates stand before their choice is a flat one."""

AT_END = "the {} of the rates that were tried is among the best: try `rates` beyond it"
ALIKE = "the rates that were tried lie close together and do about equally well: spread them"

BLOWN_UP = "every rate that was tried blew up: try lower `rates`"

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
        """Where the loss is heading: `end * (end / halfway) ** 2` if it falls, else `end`.

        Args:
            straight: Carry the fall on along a straight line instead, `end + 2 * (end - halfway)`:
                for losses that reach 0, where ratios mean nothing.
        """
        if not self.finite:
            return math.inf
        fall = min(self.end - self.halfway, 0.0)
        if straight or not fall:
            return self.end + CARRIED_ON * fall
        return float(self.end * (1 + fall / self.halfway) ** CARRIED_ON)


@dataclass(frozen=True)
class Verification:
    """The answer of a few short trainings.

    Attributes:
        trials: One for each rate, in rising order.
        suggested: The rate put to the test; None if there was none.
        level: Loss before the first step, on the batches that the trials are scored on.
        noise: Standard deviation of the loss from one mini-batch to the next.
        steps: Optimizer steps spent, with those of a sweep that went before; one that a non-finite
            loss prevented counts too.
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
    def scores(self) -> Array:
        """Where the loss of each trial is heading, infinite for one that blew up."""
        straight = any(trial.finite and trial.end <= 0 for trial in self.trials)
        return np.array([trial.heading(straight=straight) for trial in self.trials])

    @cached_property
    def losses(self) -> Array:
        """Share of the best trial's gain that each of them loses, 0 for the best, at most 2.

        Where none gained anything, the best loses 0 and the others 2.
        """
        best = float(self.scores.min())
        if not (best < self.level and math.isfinite(self.level)):
            return np.where((self.scores == best) & np.isfinite(best), 0.0, 2.0)
        return np.minimum((self.scores - best) / (self.level - best), 2.0)

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

        The mean of the rates tried in log10, weighted by `exp(-loss / 0.05)`, over the factor that
        the benchmark measured between such a mean and the best rate under the schedule. It is none
        of the rates tried, and with that factor it may lie outside of them.

        Raises:
            CannotTellError: Every trial blew up.
        """
        self._require_one()
        weight = np.exp(-self.losses / DOUBT)
        mean = weight @ np.log10(self.rates) / weight.sum()
        return float(10**mean / VERIFIED[self.schedule].factor)

    def _require_one(self) -> None:
        if not np.isfinite(self.scores).any():
            raise CannotTellError(f"no learning rate can be given: {BLOWN_UP}.")

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
        """How far to trust it; `reason` says why."""
        if not self.noise < self.level - self.scores.min() < math.inf:
            return Verdict.NO_DESCENT
        near = self.rates[self.losses <= STANDS]
        if math.log10(near[-1] / near[0]) > FLAT:
            return Verdict.FLAT
        # A rate above the best that keeps up with it says nothing about those further up; one
        # below does, as the loss rises steadily from there down.
        bracketed = self.rates[0] < self.best < self.rates[-1] and self.losses[-1] > DOUBT
        return Verdict.CLEAR if bracketed else Verdict.AT_END

    @property
    def reason(self) -> str:
        """What the verdict means for short trainings."""
        if not np.isfinite(self.scores).any():
            return BLOWN_UP
        if self.verdict is not Verdict.AT_END:
            return REASONS[self.verdict]
        if (self.losses <= STANDS).all():
            return ALIKE
        return AT_END.format("lowest" if self.best == self.rates[0] else "highest")

    def one_cycle(self, groups: slice = slice(None)) -> dict[str, list[float]]:
        """The argument for `torch.optim.lr_scheduler.OneCycleLR`: one peak rate per group.

        Args:
            groups: Which groups; with several optimizers, those of the one to schedule.
        """
        return {"max_lr": list(self.group_lr[groups])}

    def to_dict(self) -> dict[str, object]:
        """The answer as plain numbers and strings, ready for JSON.

        Where every trial blew up, `cannot_tell` stands in place of `lr`, `interval`, `best` and
        `group_lr`.
        """
        answer: dict[str, object] = {"cannot_tell": BLOWN_UP}
        if np.isfinite(self.scores).any():
            answer = {
                "lr": self.lr,
                "interval": list(self.interval),
                "best": self.best,
                "group_lr": list(self.group_lr),
            }
        return answer | {
            "verdict": self.verdict.name.lower(),
            "schedule": self.schedule,
            "suggested": self.suggested,
            "stands": self.stands,
            "steps": self.steps,
            "level": _plain(self.level),
            "noise": _plain(self.noise),
            "trials": [
                {
                    "lr": trial.run.lr,
                    "halfway": _plain(trial.halfway),
                    "end": _plain(trial.end),
                    "loses": float(loses),
                    "loss": [_plain(value) for value in trial.run.loss.tolist()],
                }
                for trial, loses in zip(self.trials, self.losses, strict=True)
            ],
        }

    def save(self, path: str | Path) -> None:
        """Write `to_dict`, with the loss of every step, to a JSON file.

        Args:
            path: The file to write; replaced whole or not at all.

        Raises:
            OSError: The file cannot be written.
        """
        write_json(path, self.to_dict())

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss of the trials against their rates, and the rate to train with.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.

        Returns:
            The Axes.
        """
        from lrfind.checks.verification.figure import plot_verification

        return plot_verification(self, ax)

    def __str__(self) -> str:
        from lrfind.checks.verification.text import verification_text

        return verification_text(self)


def _plain(value: float) -> float | str:
    """JSON has no NaN or infinity; they go as strings."""
    return float(value) if math.isfinite(value) else str(value)
