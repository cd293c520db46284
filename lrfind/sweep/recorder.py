"""Drives every run: sets the learning rate of each step, records its loss, and ends the run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind.result.settings import StopReason
from lrfind.support.arrays import Array
from lrfind.support.process_group import rank_count
from lrfind.sweep.group_rates import GroupRates, as_optimizers, check_rates
from lrfind.sweep.losses import Losses
from lrfind.sweep.micro_batches import MicroBatches
from lrfind.sweep.readback import is_on_device
from lrfind.sweep.recording import Recording
from lrfind.sweep.series import Beside, one_number
from lrfind.sweep.skipped_steps import SkippedSteps
from lrfind.sweep.stop_rules import StopRule
from lrfind.sweep.taken import Taken

if TYPE_CHECKING:
    from typing_extensions import Self

NOT_ENTERED = "use `with Sweep(...) as sweep:` around the loop that records."


class Recorder:
    """Records one run over given learning rates: enter it, `record` every step, leave it.

    It is for one run only. Sweeps, trials and controls all use it, with different arguments.

    Args:
        optimizer: One optimizer or several.
        lr: Shape `(num_iter,)`, the learning rate of each step.
        stop_rule: Called with every loss; decides whether the run ends there.
        name: Label of the progress bar.
        probe_every: A probe loss, if there is one, is recorded every this many steps.
        scaler: The gradient scaler of the loop, if it has one.
        all_ranks: Whether the losses are averaged over the ranks of the process group.
        group_scale: Learning rate of each parameter group as a multiple of the largest; None keeps
            the ratios that the groups have.

    Attributes:
        optimizers: The optimizers, as a tuple.
        num_iter: Number of steps planned.
        name: The argument.
        calls: How often `record` was called.
        beside: What it recorded beside the losses.
        skipped: The steps that the scaler skipped; None without one.

    Raises:
        TypeError: `optimizer` or `scaler` is something else.
        ValueError: A parameter group has no usable learning rate.
    """

    def __init__(
        self,
        optimizer: Optimizer | Sequence[Optimizer],
        lr: Array,
        stop_rule: StopRule,
        *,
        name: str,
        probe_every: int = 1,
        scaler: torch.amp.GradScaler | None = None,
        all_ranks: bool = True,
        group_scale: Sequence[float] | None = None,
    ) -> None:
        self.optimizers = as_optimizers(optimizer)
        check_rates(self.optimizers)
        self.num_iter, self.name = lr.size, name
        self._lr = lr
        # Indexing an array would create a NumPy scalar at every step.
        self._rate_of_step: list[float] = lr.tolist()
        self.skipped = None if scaler is None else SkippedSteps(scaler)
        self._ranks = rank_count() if all_ranks else 1
        self._rates: GroupRates | None = None
        self._taken = Taken(self.optimizers)
        self._losses = Losses(stop_rule, lr.size, self._ranks)
        self.beside = Beside(probe_every)
        self._micro_batches = MicroBatches()
        self._recorded = self.calls = 0
        self._asked_scale = group_scale
        self._group_scale: tuple[float, ...] | None = None

    def __enter__(self) -> Self:
        if self.skipped is not None:
            self.skipped.start()
        # Read now: the caller may restore its random state before calling `recording`.
        self._seed = torch.initial_seed()
        try:
            self._rates, self._watch = self._taken.take(self.lr, self._asked_scale)
            self._group_scale = self._rates.scale
        except BaseException:
            self.leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.leave()
        if self._ranks > 1 and error is not None:
            self._losses.forget_unread()
        self._losses.wait()
        if self._ranks > 1 and error is None:
            self.beside.average_over_ranks(self._recorded)

    def leave(self) -> None:
        """Restore the learning rates and give the optimizers free; once is enough."""
        self._rates = None
        self._taken.give_back()

    @property
    def probe_is_due(self) -> bool:
        """Whether a probe loss belongs to the next step, by `probe_every`."""
        return self.beside.is_due(self._recorded)

    @property
    def steps(self) -> int:
        """The number of steps recorded so far."""
        return self._recorded

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, judging by the losses read back so far."""
        return self._losses.stop_reason is not None or self._recorded == self.num_iter

    @property
    def stop_reason(self) -> StopReason:
        """Why the run ended, judging by the losses read back so far."""
        return self._losses.stop_reason or StopReason.UNFINISHED

    @property
    def lr(self) -> float:
        """The learning rate of the next step, or of the last one when the run is over."""
        return self._rate_of_step[min(self._recorded, self.num_iter - 1)]

    @property
    def known(self) -> tuple[Array, list[float]]:
        """Learning rate and loss of each step whose loss has been read back."""
        losses = self._losses.known
        return self._lr[: len(losses)], losses

    def record(
        self,
        loss: torch.Tensor | float,
        *,
        probe: torch.Tensor | float | None = None,
        metric: torch.Tensor | float | None = None,
        tasks: Mapping[str, torch.Tensor | float] | None = None,
    ) -> bool:
        """Record the loss of a step, and set the next learning rate; see `Sweep.record`."""
        if self._rates is None:
            raise RuntimeError(NOT_ENTERED)
        if self.is_over:
            raise RuntimeError("the sweep is over: end the loop when `record` returns False.")
        self.calls += 1
        loss = one_number(loss)
        made_step = self._watch.saw_step()
        if self._was_skipped(loss):
            return self._once_more()
        self.beside.note(self._recorded, probe, metric, tasks)
        if not made_step and (is_on_device(loss) or self._is_finite(loss)):
            self._micro_batches.keep(loss, tasks)
            return self._once_more()
        if self._micro_batches:
            loss, tasks = self._micro_batches.take(loss, tasks)
            self.beside.note(self._recorded, tasks=tasks)
        self._recorded += 1
        self._losses.put(loss)
        if self.is_over:
            return False
        self._rates.set(self._rate_of_step[self._recorded])
        return True

    def _was_skipped(self, loss: torch.Tensor | float) -> bool:
        """Whether the scaler skipped the step of this loss; if so, it is counted."""
        skipped = self.skipped
        if skipped is None:
            return False
        known = self._watch.all_stepped
        if not (skipped.was_skipped(all_stepped=known) and self._is_finite(loss)):
            return False
        self._micro_batches.drop()
        if skipped.count(self._recorded):
            self._losses.stop_reason = StopReason.OVERFLOW
        return True

    def _once_more(self) -> bool:
        """Go on at the same rate, which an LR scheduler may have changed since."""
        going_on = self._losses.stop_reason is None
        if going_on and self._rates is not None:
            self._rates.set(self.lr)
        return going_on

    def exhausted(self) -> None:
        """Report that the data ran out, so that the result gives this as the stop reason."""
        self._losses.stop_reason = self._losses.stop_reason or StopReason.EXHAUSTED

    def state(self) -> dict[str, Any]:
        """What was recorded so far, as plain data; waits for the losses."""
        self._losses.wait()
        return {
            "losses": list(self._losses.known),
            "skipped": {} if self.skipped is None else self.skipped.counts,
            "group_scale": self._group_scale,
            "calls": self.calls,
            **self.beside.state(),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was asked for; before the recorder is entered.

        Raises:
            ValueError: There the groups had other ratios than are asked for.
        """
        if self._asked_scale is not None and tuple(self._asked_scale) != state["group_scale"]:
            raise ValueError("`start_lr` has other ratios here")
        for loss in state["losses"]:
            self._losses.look_at(loss)
        self._recorded, self.calls = len(state["losses"]), state["calls"]
        self.beside.resume(state)
        if self.skipped is not None:
            self.skipped.counts.update(state["skipped"])
        self._asked_scale = state["group_scale"]

    def recording(self) -> Recording:
        """What was recorded so far; waits for the losses that have not been read back yet.

        Raises:
            RuntimeError: The run was never entered.
        """
        if self._group_scale is None:
            raise RuntimeError("nothing was recorded: use `with Sweep(...) as sweep:` first.")
        self._losses.wait()
        losses, skipped = self._losses.known, self.skipped
        count = len(losses)
        return Recording(
            lr=self._lr,
            loss=np.array(losses, dtype=np.float64),
            **self.beside.by_step(count),
            skipped=() if skipped is None else skipped.by_step(count, self._recorded),
            group_scale=self._group_scale,
            seed=self._seed,
            stop_reason=self.stop_reason,
        )

    def _is_finite(self, loss: torch.Tensor | float) -> bool:
        """Whether the loss is finite; assumed with several ranks, which must agree on it."""
        return self._ranks > 1 or math.isfinite(loss)
