"""The runs of the controls: short trainings and a look, each held against a sweep as it goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import TracebackType

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind.loop.loop import Loop
from lrfind.result.constant_run import ConstantRun
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import StopReason
from lrfind.state.random_state import device_state
from lrfind.support.arrays import Array
from lrfind.sweep.constant_rate import ConstantRate

DEVICE_TOLERANCE = 1e-4
"""Kernels of an accelerator may differ by rounding from run to run; those of the CPU do not."""


class Runs:
    """The runs of the controls of one sweep, one after the other.

    Args:
        loop: How the model trains.
        optimizer: Its optimizer, or several.
        result: The sweep.
        device: The model's device.
    """

    def __init__(
        self,
        loop: Loop,
        optimizer: Optimizer | Sequence[Optimizer],
        result: RangeTestResult,
        device: torch.device,
    ) -> None:
        self._loop, self._optimizer, self._result, self._device = loop, optimizer, result, device

    def constant(self, lr: float) -> tuple[ConstantRun, bytes]:
        """A training at one rate, and the state in which it left the random numbers."""
        recorder = PairedRate(
            self._optimizer,
            lr,
            self._result.loss.size,
            device=self._device,
            scaler=self._loop.scaler,
            all_ranks=self._loop.all_ranks,
        )
        recorder.sweep = self._result
        self._loop.run(recorder)
        return recorder.result(), recorder.random_state

    def frozen(self) -> tuple[Array, bytes]:
        """The losses of the untouched model, one for each of the sweep, and likewise."""
        # A step that a scaler skipped took batches too, and has no loss in the record.
        count = self._result.loss.size
        places = np.arange(count) + np.cumsum([*self._result.skipped, *[0] * count])[:count]
        recorder = FrozenLosses(
            self._optimizer,
            self._result.settings.start_lr,
            int(places[-1]) + 1,
            device=self._device,
            all_ranks=self._loop.all_ranks,
        )
        self._loop.run(recorder, frozen=True)
        return recorder.losses()[places], recorder.random_state


class Control(ConstantRate):
    """Notes where the random numbers stand at the end, to be compared with another run."""

    def __init__(
        self,
        optimizer: Optimizer | Sequence[Optimizer],
        lr: float,
        num_iter: int,
        *,
        device: torch.device,
        scaler: torch.amp.GradScaler | None = None,
        all_ranks: bool = True,
    ) -> None:
        super().__init__(optimizer, lr, num_iter, scaler=scaler, all_ranks=all_ranks)
        self._device = device
        self.random_state = b""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        states = [torch.get_rng_state()]
        if self._device.type != "cpu":
            states.append(device_state(self._device))
        self.random_state = b"".join(state.cpu().numpy().tobytes() for state in states)
        super().__exit__(kind, error, trace)


class PairedRate(Control):
    """A training at one rate that ends at once if its first loss is not that of the sweep."""

    sweep: RangeTestResult
    _strayed = False

    def _look_at(self, loss: float) -> None:
        super()._look_at(loss)
        tolerance = 0.0 if self._device.type == "cpu" else DEVICE_TOLERANCE
        first = float(self.sweep.loss[0])
        if len(self._losses) == 1 and not math.isclose(loss, first, rel_tol=tolerance):
            # As a stop, not as an error: then all ranks come to it at the same step.
            self._strayed, self._stop_reason = True, StopReason.UNFINISHED

    def result(self) -> ConstantRun:
        """The record, up to where a scaler skipped other steps than in the sweep.

        Raises:
            ValueError: The first loss, or the ratios of the rates, are not those of the sweep.
        """
        run = super().result()
        if self._strayed:
            raise ValueError(_differs(run.loss[0], self.sweep, self._seed))
        if self._group_scale != self.sweep.group_scale:
            raise ValueError(
                f"`optimizer` has parameter groups with the ratios {self._group_scale} of their "
                f"rates; when `result` was made they were {self.sweep.group_scale}."
            )
        own, swept = (
            np.array([*skips, *[0] * run.loss.size])[: run.loss.size]
            for skips in (self._skips(), self.sweep.skipped)
        )
        apart = np.flatnonzero(own != swept)
        return ConstantRun(run.lr, run.loss[: apart[0]]) if apart.size else run


class FrozenLosses(Control):
    """The losses of a model that does not step."""

    def _look_at(self, loss: float) -> None:
        # Unlike a training's, a loss that is not finite spoils none of those to come.
        self._losses.append(loss)
        if len(self._losses) == self.settings.num_iter:
            self._stop_reason = StopReason.COMPLETED

    def losses(self) -> Array:
        """Shape `(num_iter,)`; NaN where the data ran out."""
        self._wait()
        looked_at: Array = np.full(self.settings.num_iter, np.nan)
        looked_at[: len(self._losses)] = self._losses
        return looked_at


def _differs(loss: float, result: RangeTestResult, seed: int) -> str:
    reseeded = "" if seed == result.seed else f" torch's seed was {result.seed} and is {seed}."
    return (
        f"`result` begins with a loss of {float(result.loss[0])!r}, its control with "
        f"{float(loss)!r}: they have not started from the same state on the same batches. Was the "
        "model trained since, were random numbers drawn, does `train_loader` shuffle in a way that "
        f"cannot be put back, or were other options given?{reseeded}"
    )
