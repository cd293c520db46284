"""The control runs, each checked to start like the sweep."""

from __future__ import annotations

import math

import numpy as np
import torch

from lrfind.loop.loop import Loop
from lrfind.result.constant_run import ConstantRun
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import StopReason
from lrfind.state.random_state import device_state
from lrfind.support.arrays import Array
from lrfind.sweep.constant_rate import constant_rate, constant_run
from lrfind.sweep.recorder import Recorder
from lrfind.sweep.recording import Recording
from lrfind.sweep.stop_rules import StopRule, never, non_finite

DEVICE_TOLERANCE = 1e-4
"""Accelerator kernels may differ by rounding from run to run; CPU kernels do not."""


class ControlRuns:
    """Makes the control runs of one sweep.

    Args:
        loop: The training loop.
        result: The sweep.
    """

    def __init__(self, loop: Loop, result: RangeTestResult) -> None:
        self._loop, self._result = loop, result

    def constant(self, lr: float) -> tuple[ConstantRun, bytes]:
        """Train at a constant learning rate.

        Returns:
            The run, cut where the gradient scaler skips other steps than in the sweep; and the
            state of the random number generators at its end.

        Raises:
            ValueError: The first loss differs from the sweep's.
        """
        recorder = constant_rate(
            self._loop.optimizers,
            lr,
            self._result.loss.size,
            stop_rule=self._first_loss_differs(),
            scaler=self._loop.options["scaler"],
            all_ranks=self._loop.options["all_ranks"],
            group_scale=self._result.group_scale,
        )
        generators = self._run(recorder)
        recording = recorder.recording()
        self._check_same_start(recording)
        run = constant_run(recording)
        own, swept = (
            np.array([*skips, *[0] * run.loss.size])[: run.loss.size]
            for skips in (recording.skipped, self._result.skipped)
        )
        apart = np.flatnonzero(own != swept)
        return (ConstantRun(run.lr, run.loss[: apart[0]]) if apart.size else run), generators

    def frozen(self) -> tuple[Array, bytes]:
        """Compute the losses at frozen weights on the batches of the sweep.

        Returns:
            One loss for each of the sweep's, NaN where the data ran out; and the state of the
            random number generators at the end.
        """
        # A step that the scaler skipped also used up batches, but has no loss in the record.
        count = self._result.loss.size
        places = np.arange(count) + np.cumsum([*self._result.skipped, *[0] * count])[:count]
        recorder = constant_rate(
            self._loop.optimizers,
            self._result.settings.start_lr,
            int(places[-1]) + 1,
            # The weights are frozen, so a non-finite loss does not affect those that follow.
            stop_rule=never,
            all_ranks=self._loop.options["all_ranks"],
            group_scale=self._result.group_scale,
        )
        generators = self._run(recorder, frozen=True)
        losses = np.full(recorder.num_iter, np.nan)
        seen = recorder.recording().loss
        losses[: seen.size] = seen
        return losses[places], generators

    def _run(self, recorder: Recorder, *, frozen: bool = False) -> bytes:
        """Make a run; returns the state of the random number generators at its end."""
        states: list[torch.Tensor] = []

        def note() -> None:
            states.append(torch.get_rng_state())
            if self._loop.device.type != "cpu":
                states.append(device_state(self._loop.device))

        self._loop.run(recorder, frozen=frozen, at_end=note)
        return b"".join(state.cpu().numpy().tobytes() for state in states)

    def _is_first_of_sweep(self, loss: float) -> bool:
        tolerance = 0.0 if self._loop.device.type == "cpu" else DEVICE_TOLERANCE
        return math.isclose(loss, float(self._result.loss[0]), rel_tol=tolerance)

    def _first_loss_differs(self) -> StopRule:
        """Stop at the first loss if it differs from the sweep's, or later at a non-finite loss.

        A stop rather than an error, so that all ranks end at the same step.
        """
        started = False

        def stop(loss: float) -> StopReason | None:
            nonlocal started
            if not started and not self._is_first_of_sweep(loss):
                return StopReason.UNFINISHED
            started = True
            return non_finite(loss)

        return stop

    def _check_same_start(self, recording: Recording) -> None:
        if recording.loss.size and not self._is_first_of_sweep(recording.loss[0]):
            raise ValueError(_differs(recording.loss[0], self._result, recording.seed))


def _differs(loss: float, result: RangeTestResult, seed: int) -> str:
    reseeded = "" if seed == result.seed else f" torch's seed was {result.seed} and is {seed}."
    return (
        f"`result` begins with a loss of {float(result.loss[0])!r}, its control with "
        f"{float(loss)!r}: they did not start from the same state on the same batches. Has the "
        "model been trained or have random numbers been drawn since, does `train_loader` shuffle "
        f"in a way that cannot be restored, or are other options given?{reseeded}"
    )
