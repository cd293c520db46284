"""Short training runs at several learning rates, from one state on the same batches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lrfind.checks.verification.trial import Trial
from lrfind.loop.loop import Loop
from lrfind.result.constant_run import ConstantRun
from lrfind.result.settings import StopReason
from lrfind.sweep.constant_rate import constant_rate, constant_run
from lrfind.sweep.recorder import Recorder

SCORE_BATCHES = 8
"""Number of batches that a trial is scored on if there is no probe."""


class Trials(NamedTuple):
    """The trials of a verification.

    Attributes:
        trials: One for each learning rate.
        level: Loss before any trial, on the batches that the trials are scored on; NaN if it
            cannot be computed or is not finite.
        steps: Total optimizer steps.
        scale: Learning rate of each parameter group as a multiple of the largest.
    """

    trials: list[Trial]
    level: float
    steps: int
    scale: tuple[float, ...]


def run_trials(loop: Loop, rates: Sequence[float], steps: int, scale: tuple[float, ...]) -> Trials:
    """Train for a few steps at each learning rate, and restore all state after each.

    Args:
        loop: The training loop.
        rates: The learning rates.
        steps: Steps of each trial; rounded down to an even number, for two equal halves.
        scale: Learning rate of each parameter group as a multiple of the largest.

    Returns:
        The trials, in the order of `rates`.

    Raises:
        ValueError: The loader ran out and cannot be restarted.
    """
    half = steps // 2
    recorders = [
        constant_rate(
            loop.optimizers,
            rate,
            2 * half,
            probe_every=half,
            scaler=loop.options["scaler"],
            all_ranks=loop.options["all_ranks"],
            group_scale=scale,
        )
        for rate in rates
    ]
    # A user's `step` cannot compute a loss without an update.
    can_evaluate = loop.options["step"] is None
    probes: list[Any] | None = None
    if can_evaluate and loop.options["probe"] is None:
        probes = loop.batches_after(2 * half, SCORE_BATCHES)
    # On the score batches, as a mini-batch loss may be a sum over another number of samples.
    level = loop.loss_on(probes) if can_evaluate else math.nan
    trials = [_trial(loop, recorder, half, probes) for recorder in recorders]
    spent = sum(recorder.steps for recorder in recorders)
    return Trials(trials, level if math.isfinite(level) else math.nan, spent, scale)


def _trial(loop: Loop, recorder: Recorder, half: int, probes: list[Any] | None) -> Trial:
    loop.run(recorder, probes)
    if recorder.stop_reason is StopReason.EXHAUSTED:
        raise ValueError(
            f"`train_loader` ran out after {recorder.steps} of the {2 * half} steps of a trial "
            "and cannot be restarted: pass a DataLoader or a list."
        )
    return scored(loop.agreed(constant_run(recorder.recording())), half)


def scored(run: ConstantRun, half: int) -> Trial:
    """Score a trial by its probe losses, or by its training losses if it has none.

    Args:
        run: The record of `2 * half` steps, or of fewer if a loss was not finite.
        half: Number of steps of one half.
    """
    if run.loss.size < 2 * half or not np.isfinite(run.loss).all():
        return Trial(run, math.inf, math.inf)
    if run.probe.size:
        return Trial(run, float(run.probe[half - 1]), float(run.probe[-1]))
    third = max(1, 2 * half // 3)
    middle = run.loss[half - third // 2 :][:third]
    return Trial(run, float(middle.mean()), float(run.loss[-third:].mean()))
