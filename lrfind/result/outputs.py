"""What a sweep hands out: texts, tables, and what an experiment tracker keeps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lrfind.analysis.defaults import BETA, BETAS
from lrfind.multitask.disagreement import TaskDisagreement
from lrfind.result.columns import columns_of, frame_of, table_of
from lrfind.result.logged import Logged, figures_of, numbers_of, settings_of, words_of
from lrfind.result.pages import SweepPages
from lrfind.result.record import TRAIN
from lrfind.result.report import Summary
from lrfind.result.sweep_analysis import Answer
from lrfind.result.trackers import tracker_of
from lrfind.support.axes import without_tex
from lrfind.support.errors import CannotTellError
from lrfind.support.files import to_json, write_csv


class SweepOutputs(SweepPages):
    """The record with its texts and tables."""

    def summary(
        self,
        betas: Sequence[float] | None = None,
        *,
        detail: bool = False,
        suggestion: Answer | None = None,
        tasks: TaskDisagreement | None = None,
    ) -> Summary:
        """The learning rate to train with, and how far to trust it, in a short text: `print` it.

        Args:
            betas: The betas to show, each in [0, 1); None for 0.98, in detail also 0.9.
            detail: Whether to print every curve, shift and interval instead.
            suggestion: The answer of `suggest` to report; None calls it with its defaults.
            tasks: The answer of `task_disagreement` to report; None calls it with its defaults, if
                tasks were recorded.

        Returns:
            The parts; `str()` gives the text that the command prints.

        Raises:
            CannotTellError: Fewer than two finite losses.
            ValueError: A beta outside [0, 1), or no betas at all.
        """
        if betas is None:
            betas = BETAS if detail else (BETA,)
        if not len(betas):
            raise ValueError("`betas` must hold at least one.")
        answer = self._answer(suggestion, TRAIN)
        if tasks is None and self.tasks:
            tasks = self.task_disagreement()
        return Summary(self, self.compare(betas), answer, tasks, detail)

    def to_dict(
        self, betas: Sequence[float] = BETAS, *, suggestion: Answer | None = None
    ) -> dict[str, Any]:
        """The table and the suggestion as plain values, ready for JSON.

        Args:
            betas: The betas to show, each in [0, 1).
            suggestion: The answer of `suggest` to report; None calls it with its defaults.

        Returns:
            "stop_reason", "steps", "suggestion", and "columns", lists by name, as in `to_csv`; also
            "origin" if another tool recorded it, and "rows" and "notes" of `compare`, unless there
            are too few losses for a table. In the columns, NaN and infinity are strings.

        Raises:
            ValueError: A beta outside [0, 1).
        """
        answer = self._answer(suggestion, TRAIN)
        table = self.compare(betas).to_dict() if np.isfinite(self.loss[:2]).sum() == 2 else {}
        return {
            "stop_reason": self.stop_reason.name.lower(),
            "steps": self.lr.size,
            "suggestion": answer.to_dict(),
            **({} if self.origin is None else {"origin": str(self.origin)}),
            **table,
            "columns": {name: to_json(values) for name, values in table_of(self, BETA).items()},
        }

    def to_csv(self, path: str | Path, *, beta: float = BETA) -> None:
        """Write one row per step: step, lr, loss, ema, debiased, and whatever else was recorded.

        That is "probe" and "metric"; "task ..." for each task; "lr group 0" and so on, if parameter
        groups have different learning rates; "skipped", the steps that the gradient scaler skipped
        before this one. Norms of layers have a table of their own at every step: see `layers`.

        Args:
            path: The file to write; replaced atomically.
            beta: Weight of the old value for the two averages, in [0, 1).

        Raises:
            OSError: The file cannot be written.
            ValueError: `beta` outside [0, 1).
        """
        columns = table_of(self, beta)
        rows = zip(*(column.tolist() for column in columns.values()), strict=True)
        write_csv(path, list(columns), rows)

    def to_frame(self, library: str = "pandas", *, beta: float = BETA) -> Any:
        """The columns of `to_csv` as a data frame.

        Args:
            library: "pandas", whose index is the step, or "polars", whose first column it is.
            beta: Weight of the old value for the two averages, in [0, 1).

        Returns:
            A new `pandas.DataFrame` or `polars.DataFrame`.

        Raises:
            ImportError: The library is not installed.
            ValueError: `beta` outside [0, 1), or an unknown library.

        Example:
            >>> from lrfind.result.settings import StopReason, SweepSettings
            >>> lr = np.geomspace(1e-3, 1e1, 81)
            >>> settings = SweepSettings(1e-3, 1e1, 81, "exp", None)
            >>> result = SweepOutputs(lr, (np.log10(lr) + 1) ** 2, StopReason.COMPLETED, settings)
            >>> frame = result.to_frame()
            >>> list(frame), frame.index.name
            (['lr', 'loss', 'ema', 'debiased'], 'step')
        """
        return frame_of(table_of(self, beta), library)

    def log_to(self, target: Any, *, suggestion: Answer | None = None) -> None:
        """Log the sweep to a run of an experiment tracker, under "lrfind".

        The columns of `to_csv`, step by step without what is not finite; the figures of `plot` and
        `plot_betas`; the short text; and for a table of runs, the settings of the sweep, the
        minima, the shift and the suggested rate. The run stays open, and goes on counting its own
        steps as if nothing had been logged. In W&B the columns are a table with a chart, since
        every row of its history is a step of the run. TensorBoard and MLflow get names of letters,
        digits, "-", "." and "_" for all else: "lrfind/task_kl".

        Args:
            target: A `SummaryWriter` of `torch.utils.tensorboard`, a run of `wandb`, a run of
                `mlflow`; or the module `wandb` or `mlflow`, for its active run.
            suggestion: The answer of `suggest` to log; None calls it with its defaults.

        Raises:
            MlflowException: The MLflow run holds a sweep with other settings; nothing is logged.
            TypeError: `target` is none of these, or `suggestion` no answer.
            ValueError: The module has no active run.

        Example:
            >>> import tempfile
            >>> from torch.utils.tensorboard import SummaryWriter
            >>> from lrfind.result.settings import StopReason, SweepSettings
            >>> lr = np.geomspace(1e-3, 1e1, 81)
            >>> settings = SweepSettings(1e-3, 1e1, 81, "exp", None)
            >>> result = SweepOutputs(lr, (np.log10(lr) + 1) ** 2, StopReason.COMPLETED, settings)
            >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
            ...     result.log_to(writer)
        """
        log, run = tracker_of(target)
        answer = self._answer(suggestion, TRAIN)
        try:
            summary = self.summary(suggestion=answer)
            text, comparison = str(summary), summary.comparison
        except CannotTellError:
            text, comparison = str(answer), None
        parts = columns_of(self, BETA), settings_of(self), numbers_of(self, answer, comparison)
        with without_tex():
            figures = figures_of(self, answer)
            log(run, Logged(*parts, words_of(self, answer), text, figures))
