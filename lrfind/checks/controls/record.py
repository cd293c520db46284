"""The controls of a sweep: the runs with their summary, figure and file."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.analysis.verdict import Judgement, Verdict
from lrfind.checks.controls.format import (
    CONTROLS_FORMAT,
    ControlsFile,
    controls_document,
    controls_fields,
)
from lrfind.checks.controls.numbers import ControlNumbers
from lrfind.checks.controls.text import flag_notes, minima_table, sentences
from lrfind.checks.controls.verdict import controlled
from lrfind.result.range_test_result import result_of
from lrfind.result.record import TRAIN
from lrfind.support.files import write_json
from lrfind.support.html import record_html
from lrfind.support.reading import read_document
from lrfind.support.records import flag_names
from lrfind.support.text import notes_below, plain_text, uncut

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import Console, ConsoleOptions, RenderResult


class Controls(ControlNumbers):
    """What `controls` returns: the control runs of a sweep and their analysis.

    All runs have the initial state, the batches and the random numbers of the sweep.

    Attributes:
        result: The sweep.
        constant: The run at the sweep's `start_lr`. Shorter than the sweep if a loss was not
            finite, or if the gradient scaler skipped other steps than in the sweep.
        suggested: The run at a second learning rate; None if there is none.
        frozen: Shape `(n,)`, float64, read-only: the losses of the frozen-weights control, which
            computes the loss of every batch and never updates. Empty if it was not run.
        same_numbers: Whether the frozen-weights control drew the same random numbers as the
            constant run. False if an optimizer step draws some itself or evaluates its batch more
            than once: then later dropout masks, and shuffled batches, may differ.

    Example:
        >>> import numpy as np
        >>> from lrfind import RangeTestResult, StopReason
        >>> from lrfind.result.constant_run import ConstantRun
        >>> from lrfind.result.settings import SweepSettings
        >>> lr, steps = np.geomspace(1e-4, 1, 41), np.arange(41)
        >>> settings = SweepSettings(1e-4, 1, 41, "exp", None)
        >>> loss = 4 - steps / 20 + (steps / 20 - 1) ** 2
        >>> sweep = RangeTestResult(lr, loss, StopReason.COMPLETED, settings)
        >>> half = Controls(sweep, ConstantRun(1e-4, 5 - steps / 40), frozen=np.full(41, 5.0))
        >>> half.time.step, round(half.time.share, 2), round(half.time.shift, 2)
        (30, 0.33, -0.5)
    """

    def __repr__(self) -> str:
        runs = [f"lr {run.lr:.3g}" for run in (self.constant, self.suggested) if run]
        runs += ["frozen weights"] if self.frozen.size else []
        return f"<Controls: {', '.join(runs)}, {self.result.loss.size} steps>"

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield uncut(minima_table(self.minima))
        for sentence in sentences(self):
            yield ""
            yield sentence
        yield from notes_below(flag_notes(self.minima))

    def __str__(self) -> str:
        return plain_text(self)

    def _repr_html_(self) -> str:
        alt = "The losses of the sweep and of its controls against the learning rate of the sweep."
        return record_html(self, draw=self.plot, alt=alt)

    @cached_property
    def judgement(self) -> Judgement:
        """The verdict on the sweep with time and data taken into account, and its reason."""
        return controlled(self)

    def suggest(self, rule: str | None = None, **question: Any) -> Suggestion | CannotTell:
        """The suggestion of the sweep, its verdict with time and data taken into account.

        Args:
            rule: As in `RangeTestResult.suggest`.
            question: Further arguments of that.

        Returns:
            A `Suggestion`, or a `CannotTell` with the reason. The verdict may also be `DRIFT`.

        Raises:
            ValueError: An argument is out of range.
        """
        answer = self.result.suggest(rule, **question)
        if not isinstance(answer, Suggestion) or question.get("source", TRAIN) != TRAIN:
            return answer
        if answer.verdict is Verdict.COLD_START:
            return answer  # what no control changes
        verdict, reason = self.judgement
        return replace(answer, verdict=verdict, reason=reason)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the sweep, its controls, and the time-corrected sweep.

        Args:
            ax: Axes to draw on; a new figure if None. Nothing is shown or saved.

        Returns:
            The Axes.
        """
        from lrfind.checks.controls.figure import plot_controls

        return plot_controls(self, ax)

    def to_dict(self) -> dict[str, object]:
        """The analysis as plain numbers and strings, ready for JSON."""
        return {
            "constant_lr": self.constant.lr,
            "suggested_lr": self.suggested and self.suggested.lr,
            "same_numbers": self.same_numbers,
            "verdict": self.judgement.verdict.name.lower(),
            "reason": self.judgement.reason,
            "minima": [asdict(row, dict_factory=_plain) for row in self.minima],
            "time": asdict(self.time, dict_factory=_plain),
            "data": asdict(self.data, dict_factory=_plain) if self.frozen.size else None,
        }

    def save(self, path: str | Path) -> None:
        """Write everything, including the sweep, to a JSON file for `Controls.load`.

        Args:
            path: The file to write; replaced atomically.

        Raises:
            OSError: The file cannot be written.
        """
        write_json(path, controls_document(self))

    @staticmethod
    def load(path: str | Path) -> Controls:
        """Read a file written by `save`.

        Args:
            path: The JSON file.

        Returns:
            Controls equal to those saved.

        Raises:
            OSError: The file cannot be read.
            ResultFileError: As for `lrfind.load`.
        """
        return read_document(path, CONTROLS_FORMAT, "controls file", ControlsFile, _controls_of)


def _controls_of(file: ControlsFile) -> Controls:
    return Controls(result_of(file.result), **controls_fields(file))


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a record as a dictionary, with its flags by name."""
    return {name: flag_names(value) if name == "flags" else value for name, value in pairs}
