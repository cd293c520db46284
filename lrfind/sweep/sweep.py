"""The LR range test for the user's own training loop."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import Optimizer

from lrfind.layers.recorder import LayerRecorder
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import DEFAULTS, StopReason
from lrfind.state.in_use import Claim
from lrfind.support.arrays import Array
from lrfind.sweep.epochs import Batch, Cycle
from lrfind.sweep.group_rates import warn_of_own_rates
from lrfind.sweep.journal import Journal
from lrfind.sweep.progress import Progress, require_progress, sweep_progress
from lrfind.sweep.recorder import NOT_ENTERED, Recorder
from lrfind.sweep.running import RunningSweep
from lrfind.sweep.stop_rules import divergence
from lrfind.sweep.sweep_result import sweep_result
from lrfind.sweep.swept_range import planned, swept_range

if TYPE_CHECKING:
    from typing_extensions import Self


class Sweep(RunningSweep):
    """An LR range test in your own training loop.

    Entering it sets the first learning rate; after each optimizer step, `record` takes the loss
    and sets the next learning rate. `cycle` gives the batches until the sweep is over; leaving it
    before warns, since the range was not swept. Leaving it restores the learning rates and nothing
    else: wrap it in `preserve_state` to restore the rest of the training state as well.

    The learning rate advances with the optimizer's steps. A `record` without one takes the loss of
    a micro-batch: it sets no new rate, and its loss is averaged into that of the step to come; give
    it undivided. Where no step can be seen, as in a replayed CUDA graph, each `record` stands for
    one. A step made at another rate than the one set, by a scheduler stepped before the optimizer
    or by the optimizer itself, is an error.

    Losses on an accelerator are read back without waiting at every step: `record` decides on those
    that have arrived, and the result is cut where a loop that waits for each would have stopped.

    Args:
        optimizer: One optimizer or several. All parameter groups keep the ratios of their learning
            rates; the largest one is swept from `start_lr` to `end_lr`.
        start_lr: Learning rate of the first step, above 0; or a list or array with one for each
            parameter group, whose ratios the groups then keep.
        end_lr: Learning rate of the last step, above `start_lr`, of the group with the largest; or
            a list or array in the ratios of `start_lr`.
        num_iter: Number of steps, at least 2.
        step_mode: "exp" (uniform in log10) or "linear".
        diverge_th: Stop when the loss has risen above its best by this many times its decrease so
            far (see `DivergenceRule`); None never stops early. A non-finite loss always stops the
            sweep.
        probe_every: A probe loss, if there is one, is passed to `record` every this many steps.
        scaler: The gradient scaler of the loop, if it has one: a step that it skips does not
            advance the learning rate, and is counted in `result.skipped`.
        all_ranks: Under `torch.distributed`, whether this is one sweep over all ranks, with the
            mean of their losses; False for a sweep of this process alone.
        layers: The model; records the norms of its trainable tensors around every optimizer step,
            as `result.layers`. Pass several models as one `torch.nn.ModuleDict`. If an optimizer
            steps more than once before `record`, the last step counts. Costs a second copy of the
            trainable weights on their device.
        progress: As in `range_test`; no bar by default.
        journal: As in `range_test`; begun when the sweep is entered.

    Attributes:
        settings: The arguments, as a record.
        journal: What writes the journal.

    Raises:
        OSError: The `journal` cannot be written, or its file is something else.
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range; the message names it.

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.tensor(1.0))
        >>> optimizer = torch.optim.SGD([weight], lr=0.1)
        >>> with Sweep(optimizer, start_lr=1e-3, end_lr=10, num_iter=50) as sweep:
        ...     for batch in sweep.cycle([1.0, 2.0]):
        ...         loss = batch * weight**2 / 2
        ...         optimizer.zero_grad()
        ...         loss.backward()
        ...         _ = optimizer.step()
        ...         _ = sweep.record(loss)
        >>> sweep.result()
        <RangeTestResult: 50 steps, lr 0.001 to 10, completed>
    """

    def __init__(
        self,
        optimizer: Optimizer | Sequence[Optimizer],
        *,
        start_lr: float | Sequence[float] | Array = DEFAULTS.start_lr,
        end_lr: float | Sequence[float] | Array = DEFAULTS.end_lr,
        num_iter: int = DEFAULTS.num_iter,
        step_mode: str = DEFAULTS.step_mode,
        diverge_th: float | None = DEFAULTS.diverge_th,
        probe_every: int = DEFAULTS.probe_every,
        scaler: torch.amp.GradScaler | None = None,
        all_ranks: bool = True,
        layers: torch.nn.Module | None = None,
        progress: Progress = False,
        journal: str | os.PathLike[str] | None = None,
    ) -> None:
        start, end, group_scale = swept_range(start_lr, end_lr, optimizer)
        self.settings, lr = planned(start, end, num_iter, step_mode, diverge_th, probe_every)

        def new_recorder() -> Recorder:
            return Recorder(
                optimizer,
                lr,
                divergence(self.settings.diverge_th, lr.size),
                name=self.name,
                probe_every=self.settings.probe_every,
                scaler=scaler,
                all_ranks=all_ranks,
                group_scale=group_scale,
            )

        # A recorder is for one run: a sweep that is entered again starts over with another.
        self._new_recorder, self._recorder = new_recorder, new_recorder()
        self._resumed: Recorder | None = None
        self._cycle: Cycle | None = None
        self._leaving: ExitStack | None = None
        self._progress = require_progress(progress)
        self.journal = Journal(journal)
        warn_of_own_rates(self._recorder.optimizers)
        self._layers = None if layers is None else LayerRecorder(layers, self._recorder.optimizers)

    def __enter__(self) -> Self:
        Claim(self._recorder.optimizers, swept=True).check()
        self._recorder, self._cycle = self._resumed or self._new_recorder(), None
        self._resumed = None
        self._leaving = stack = ExitStack()
        try:
            if self._layers is not None:
                stack.callback(self._layers.detach)
                self._layers.attach(self.num_iter, lambda: self.steps)
            # Left after the recorder, when all losses are known.
            stack.callback(self.journal.finish)
            progress = sweep_progress(self._recorder, self._progress, self.settings)
            self._show = stack.enter_context(progress)
            stack.enter_context(self._recorder)
            self.journal.start(self._recorder, self._made)
            return self
        except BaseException:
            self.leave()
            raise

    def leave(self, *error: Any) -> None:
        """End the sweep, for the error given or handled if any; once is enough."""
        try:
            if self._leaving is not None:
                self._leaving.__exit__(*(error or sys.exc_info()))
        finally:  # again, if they were interrupted
            self._recorder.leave()
            self.journal.finish()
        self._leaving = None

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        self.leave(kind, *error)
        if kind is None and self.stop_reason is StopReason.UNFINISHED:
            warnings.warn(
                f"the loop ended after {self.steps} of the {self.num_iter} steps of the sweep: "
                "take the batches from `sweep.cycle(train_loader)`, or lower `num_iter`.",
                stacklevel=2,
            )

    def cycle(self, train_loader: Iterable[Batch]) -> Iterator[Batch]:
        """Go through a loader, epoch after epoch, until the sweep is over.

        Args:
            train_loader: Any iterable of batches. An iterator ends when it runs out, which the
                result then gives as the stop reason.

        Returns:
            An iterator over its batches, as they are.

        Raises:
            RuntimeError: The sweep has not been entered; or none of 1000 batches was recorded.
            TypeError: `train_loader` is not iterable.
            ValueError: It yielded no batch.
        """
        if self._leaving is None:
            raise RuntimeError(NOT_ENTERED)
        made = Cycle(train_loader, self._recorder)
        self._leaving.callback(made.close)
        self._cycle = self._cycle or made  # of several loaders, the first has the epochs
        return iter(made)

    def record(
        self,
        loss: torch.Tensor | float,
        *,
        probe: torch.Tensor | float | None = None,
        metric: torch.Tensor | float | None = None,
        tasks: Mapping[str, torch.Tensor | float] | None = None,
    ) -> bool:
        """Record the loss of the step just made, and set the learning rate of the next one.

        Args:
            loss: The mini-batch loss, computed before that step: a number or a one-element tensor.
                Without a step since the last call, that of a micro-batch of the step to come.
            probe: The loss on a fixed held-out batch, computed after that step; None without a
                probe, or after a step that `probe_every` skips.
            metric: A number computed with the probe loss, such as an accuracy.
            tasks: The task losses that `loss` combines, by task name; a task may be missing from a
                step.

        Returns:
            True to go on; False when the sweep is over, and the loop should end.

        Raises:
            RuntimeError: The sweep has not been entered, or is over; the step was made at another
                learning rate than the one set; or there was none in the last 1000 calls.
            TypeError: `loss`, `probe`, `metric` or a loss of `tasks` is not a number.
            ValueError: `probe` or `metric` is given for a step that `probe_every` skips, or a task
                is named "train" or "probe".
        """
        more = self._recorder.record(loss, probe=probe, metric=metric, tasks=tasks)
        self._show()
        self.journal.update()
        return more

    def resume(self, state: dict[str, Any]) -> None:
        """Go on where `state` was asked for, when the sweep is entered next."""
        self._resumed = self._new_recorder()
        self._resumed.resume(state)

    def exhausted(self) -> None:
        """Report that the data ran out, so that the result gives this as the stop reason."""
        self._recorder.exhausted()

    def result(self) -> RangeTestResult:
        """The result so far.

        Returns:
            An immutable record; `stop_reason` is `UNFINISHED` if the sweep was not over.

        Raises:
            RuntimeError: The sweep was never entered.
        """
        return self._made(self._layers)

    def _made(self, layers: LayerRecorder | None = None) -> RangeTestResult:
        recorder, cycle = self._recorder, self._cycle
        made = sweep_result(recorder.recording(), self.settings, recorder.optimizers, layers)
        return made if cycle is None else replace(made, epoch_steps=cycle.epoch_steps)
