"""The result of an LR range test: the record with its analysis, summary, figures and files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from lrfind.result.brief import opening
from lrfind.result.format import FORMAT, result_fields, to_document
from lrfind.result.journal import is_journal, journal_document
from lrfind.result.misnamed import SaysWhatIsMeant
from lrfind.result.outputs import SweepOutputs
from lrfind.result.schema import ResultFile
from lrfind.support.errors import CannotTellError
from lrfind.support.files import write_json
from lrfind.support.html import record_html
from lrfind.support.reading import read_document, record_in


class RangeTestResult(SweepOutputs, SaysWhatIsMeant):
    """One LR range test: the raw record, and its analysis on demand.

    Attributes:
        lr: Shape `(n,)`, float64, read-only: the learning rate of optimizer step k (rounded to its
            dtype if the optimizer holds it as a tensor). With several parameter groups, that of the
            group with the largest learning rate; see `group_lr`.
        loss: Shape `(n,)`, float64, read-only: the raw mini-batch loss computed before step k, so
            `loss[k + 1]` is the first that `lr[k]` can affect. The last may be non-finite. Smoothed
            instead if `origin.smoothed`.
        stop_reason: Why the sweep ended.
        settings: The settings of the sweep.
        group_scale: Learning rate of each parameter group as a multiple of `lr`.
        probe: Shape `(n,)`: loss on the probe batch after step k, so `probe[k]` is the first that
            `lr[k]` affects; NaN at steps that `settings.probe_every` skips. Empty without a probe.
        metric: Shape `(n,)`: the metric on the probe batch, likewise.
        tasks: Raw loss of each task, shape `(n,)`, recorded like `loss`, which is their total; NaN
            where the task is missing from a step. Empty with a single loss. Read-only.
        skipped: Number of steps that the gradient scaler skipped before each step, with one more
            entry for those after the last step if there were any; empty without a scaler. Skipped
            steps appear in no other field.
        layers: Norms of every trainable tensor at every step; None if they were not recorded.
        cold_starts: The short trainings from scratch at the suggested rate and below, with
            `confirm=True`; empty without. See `range_test`.
        epoch_steps: Optimizer steps per epoch; None if the loader has no length.
        origin: Where the losses come from, and whether they are smoothed, if another tool recorded
            them; None for a sweep of this package. See `from_history`.
        loop_options: The options of the training loop that were given to `range_test`, such as
            `accumulation_steps`, for `verify` and `controls`. In memory only: neither saved, copied
            nor compared. Read-only.
        optimizer: Class name of the optimizer; several are joined by "+".
        seed: The last seed set on torch's default generator, None if unknown.
        state_bytes: Size of the copy of the training state kept during the sweep; 0 if none was.
        versions: Versions of lrfind, Python, torch and NumPy. Read-only.

    Example:
        >>> import numpy as np
        >>> from lrfind.result.settings import StopReason, SweepSettings
        >>> lr = np.geomspace(1e-3, 1e1, 81)
        >>> loss = (np.log10(lr) + 1) ** 2
        >>> settings = SweepSettings(1e-3, 1e1, 81, "exp", None)
        >>> result = RangeTestResult(lr, loss, StopReason.COMPLETED, settings)
        >>> f"{result.suggest().lr:.2g}"
        '0.018'
    """

    def __repr__(self) -> str:
        span = f"lr {self.lr[0]:.3g} to {self.lr[-1]:.3g}, " if self.lr.size else ""
        return f"<RangeTestResult: {self.lr.size} steps, {span}{self.stop_reason.name.lower()}>"

    def _repr_html_(self) -> str:
        answer = self.suggest()
        draw = partial(self.plot, suggestion=answer)
        alt = f"Loss against learning rate. {answer}"
        try:
            parts = self.summary(suggestion=answer).parts()
        except CannotTellError:
            parts = [opening(self), str(answer)]
        return record_html(*parts, draw=draw, alt=alt)

    def save(self, path: str | Path) -> None:
        """Write a JSON file from which `lrfind.load` reads a result equal to this one.

        The file is replaced atomically, even if the process dies while writing.

        Args:
            path: The file to write.

        Raises:
            OSError: The file cannot be written.
        """
        write_json(path, to_document(self))


def load(path: str | Path) -> RangeTestResult:
    """Read a result written by `RangeTestResult.save`, or the journal of a sweep.

    Args:
        path: The JSON file, or a `journal` of `range_test`, at any time: also while it is written,
            or after its process was killed.

    Returns:
        A result equal to the one saved, non-finite losses included. That of a journal whose sweep
        has not ended has the steps so far, and the `stop_reason` `UNFINISHED`; it has no `layers`.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: The file is truncated, damaged, edited though it has a checksum, no lrfind
            result, no regular file, larger than 1 GiB, or was written by a newer version.
    """
    if is_journal(path):
        document = journal_document(path)
        return record_in(document, path, FORMAT, "result", ResultFile, result_of)
    return read_document(path, FORMAT, "result", ResultFile, result_of)


def result_of(file: ResultFile) -> RangeTestResult:
    """The result in a validated file."""
    return RangeTestResult(**result_fields(file))
