"""The result of a verification: the trials with their summary, figure and file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lrfind.checks.verification.format import (
    VERIFICATION_FORMAT,
    VerificationFile,
    trial_documents,
    verification_document,
    verification_fields,
)
from lrfind.checks.verification.scores import ALL_BLEW_UP, TrialScores
from lrfind.checks.verification.text import answer_sentence, trials_table
from lrfind.support.files import plain, write_json
from lrfind.support.html import record_html
from lrfind.support.reading import read_document
from lrfind.support.text import plain_text, uncut

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console, ConsoleOptions, RenderResult


class Verification(TrialScores):
    """The result of a few short training runs around a suggested learning rate.

    Its answer is `lr`, with an `interval` for the best learning rate of a training run and a
    `verdict`; `stands` says whether the suggestion holds up. Short runs favour higher rates than
    training does: after a sweep with a suggestion they do not point to one above that.

    Attributes:
        trials: One for each learning rate, in ascending order.
        suggested: The learning rate that was checked; None if there was none, as for `find_lr`.
        level: Loss before the first step, on the batches that the trials are scored on.
        noise: Batch-to-batch standard deviation of the loss.
        steps: Total optimizer steps, including those of a preceding sweep, and steps that were not
            made because the loss was not finite.
        schedule: LR schedule you will train with: "constant", "one_cycle" or None.
        total_steps: Its length in optimizer steps, or None.
        epochs: How many epochs these are, or None.
        scale: Learning rate of each parameter group as a multiple of the largest.
        sweep: What the sweep before the trials says; None without one.
        regrets: Regret of each trial where they had different lengths; empty otherwise.

    Example:
        >>> import numpy as np
        >>> from lrfind.checks.verification.trial import Trial
        >>> from lrfind.result.constant_run import ConstantRun
        >>> ends = {0.01: 1.8, 0.1: 1.0, 1.0: 1.9}
        >>> trials = [Trial(ConstantRun(lr, np.ones(50)), end, end) for lr, end in ends.items()]
        >>> answer = Verification(tuple(trials), 0.1, level=2.0, noise=0.1, steps=150)
        >>> answer.best, answer.losses.round(1).tolist(), answer.stands
        (0.1, [0.8, 0.0, 0.9], True)
    """

    def __bool__(self) -> bool:
        """Whether there is a rate to train with."""
        return not self.all_blew_up

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield uncut(trials_table(self))
        yield ""
        yield answer_sentence(self)

    def __str__(self) -> str:
        return plain_text(self)

    def _repr_html_(self) -> str:
        return record_html(self, draw=self.plot, alt=answer_sentence(self))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss of the trials against learning rate, and the learning rate to train with.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.

        Returns:
            The Axes.
        """
        from lrfind.checks.verification.figure import plot_verification

        return plot_verification(self, ax)

    def one_cycle(self, groups: slice = slice(None)) -> dict[str, list[float]]:
        """The argument for `torch.optim.lr_scheduler.OneCycleLR`: one peak learning rate per group.

        Args:
            groups: Which groups; with several optimizers, those of the one to schedule.
        """
        return {"max_lr": list(self.group_lr[groups])}

    def to_dict(self) -> dict[str, object]:
        """The result as plain numbers and strings, ready for JSON.

        If every trial diverged, `cannot_tell` replaces `lr`, `interval`, `best` and `group_lr`.
        `loses` is the regret of a trial against the best.
        """
        answer: dict[str, object] = {"cannot_tell": ALL_BLEW_UP}
        if not self.all_blew_up:
            answer = {
                "lr": self.lr,
                "interval": list(self.interval),
                "best": self.best,
                "group_lr": list(self.group_lr),
            }
        return answer | {
            "verdict": self.verdict.name.lower(),
            "schedule": self.schedule,
            "total_steps": self.total_steps,
            "expected_minimum_lr": None if self.sweep is None else self.sweep.minimum,
            "suggested": self.suggested,
            "stands": self.stands,
            "steps": self.steps,
            "level": plain(self.level),
            "noise": plain(self.noise),
            "trials": trial_documents(self),
        }

    def save(self, path: str | Path) -> None:
        """Write everything to a JSON file for `Verification.load`, with `to_dict` beside it.

        Args:
            path: The file to write; replaced atomically.

        Raises:
            OSError: The file cannot be written.
        """
        write_json(path, verification_document(self) | self.to_dict())

    @staticmethod
    def load(path: str | Path) -> Verification:
        """Read a file written by `save`.

        Args:
            path: The JSON file.

        Returns:
            A verification equal to the one saved.

        Raises:
            OSError: The file cannot be read.
            ResultFileError: As for `lrfind.load`.
        """
        return read_document(
            path,
            VERIFICATION_FORMAT,
            "verification",
            VerificationFile,
            lambda file: Verification(**verification_fields(file)),
        )
