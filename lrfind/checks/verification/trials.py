"""Short trainings at several rates, from the same state on the same batches, and their scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lrfind.checks.verification.scores import Trial
from lrfind.loop.loop import Loop
from lrfind.result.constant_run import ConstantRun
from lrfind.result.settings import StopReason
from lrfind.sweep.constant_rate import constant_rate, constant_run
from lrfind.sweep.recorder import Recorder

SCORE_BATCHES = 8
"""Batches that a trial is scored on, where no probe was given."""


class Trials(NamedTuple):
    """What the short trainings gave.

    Attributes:
        trials: One for each rate.
        level: Loss before any trial on the batches that they are scored on; NaN if it cannot be
            computed, or is not finite.
        steps: Optimizer steps spent.
    """

    trials: list[Trial]
    level: float
    steps: int


def run_trials(loop: Loop, rates: Sequence[float], steps: int) -> Trials:
    """Train for a few steps at each rate, and put all state back after each.

    Args:
        loop: The loop that trains.
        rates: The rates.
        steps: Steps of each; the last is left out if they are odd, so as to have two halves.

    Returns:
        The trials, in the order of the rates.

    Raises:
        ValueError: The loader ran out, and cannot be restarted.
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
        )
        for rate in rates
    ]
    # A `step` of the user's own cannot compute a loss without an update.
    can_evaluate = loop.options["step"] is None
    probes: list[Any] | None = None
    if can_evaluate and loop.options["probe"] is None:
        probes = loop.batches_after(2 * half, SCORE_BATCHES)
    # In the units of the scores: a mini-batch loss may be a sum over another number of samples.
    level = loop.loss_on(probes) if can_evaluate else math.nan
    trials = [_trial(loop, recorder, half, probes) for recorder in recorders]
    spent = sum(recorder.steps for recorder in recorders)
    return Trials(trials, level if math.isfinite(level) else math.nan, spent)


def _trial(loop: Loop, recorder: Recorder, half: int, probes: list[Any] | None) -> Trial:
    loop.run(recorder, probes)
    if recorder.stop_reason is StopReason.EXHAUSTED:
        raise ValueError(
            f"`train_loader` ran out after {recorder.steps} of the {2 * half} steps of a trial, "
            "and cannot be restarted: pass a DataLoader or a list."
        )
    return scored(loop.agreed(constant_run(recorder.recording())), half)


def scored(run: ConstantRun, half: int) -> Trial:
    """A trial by its probe losses, or by its own last losses where it has none.

    Args:
        run: The record of `2 * half` steps, or of fewer if a loss was not finite.
        half: Steps of one half.
    """
    if run.loss.size < 2 * half or not np.isfinite(run.loss).all():
        return Trial(run, math.inf, math.inf)
    if run.probe.size:
        return Trial(run, float(run.probe[half - 1]), float(run.probe[-1]))
    third = max(1, 2 * half // 3)
    middle = run.loss[half - third // 2 :][:third]
    return Trial(run, float(middle.mean()), float(run.loss[-third:].mean()))
