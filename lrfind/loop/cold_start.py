"""Whether a training from scratch starts at the suggested learning rate, and if not, at which."""

from __future__ import annotations

import math

import numpy as np

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.question import Question
from lrfind.loop.loop import Loop
from lrfind.result.cold_start import ColdStart
from lrfind.result.range_test_result import RangeTestResult
from lrfind.sweep.constant_rate import constant_rate

DOWN = 10**0.5
"""What the learning rate is divided by after a training that did not start."""

MOST = 5
"""Trainings at most, over two decades."""

FARTHER = 2
"""How much farther a cold start goes than the sweep had gone at the same rate: the sum of the
learning rates of its steps, over that of the sweep's."""

FEWEST_STEPS = 12

CLEAR_OF_NOISE = 2.0
"""A decrease of the sweep's loss below this many standard deviations of the noise is not told apart
in so few steps; there a cold start must only not diverge."""


def cold_starts(loop: Loop, result: RangeTestResult, asked: Question) -> tuple[ColdStart, ...]:
    """Train from scratch for a few dozen steps at the suggested rate, and lower it until it trains.

    A training has started if its loss has decreased by at least half as much as the sweep's had at
    that learning rate, although it goes twice as far. All state is restored after each.

    Args:
        loop: The loop of the sweep.
        result: The sweep.
        asked: The schedule and the length of the training.

    Returns:
        One record for each learning rate tried, from the suggested one down, within the swept
        range; only the last can have started. Empty without a suggestion.
    """
    answer = result.suggest(schedule=asked.schedule, total_steps=asked.total_steps)
    tried: list[ColdStart] = []
    if not answer:
        return ()
    for lr in answer.lr / DOWN ** np.arange(MOST):
        # Below the range the sweep says nothing to compare with.
        if lr < result.lr[0] or (tried and tried[-1].started):
            break
        tried.append(cold_start(loop, result, float(lr)))
    return tuple(tried)


def cold_start(loop: Loop, result: RangeTestResult, lr: float) -> ColdStart:
    """Train from scratch at one learning rate; all state is restored.

    Args:
        loop: The loop of the sweep.
        result: The sweep.
        lr: The learning rate.

    Returns:
        Its record.
    """
    recorder = constant_rate(
        loop.optimizers,
        lr,
        steps_of(result, lr),
        scaler=loop.options["scaler"],
        all_ranks=loop.options["all_ranks"],
        group_scale=result.group_scale,
    )
    loop.run(recorder, probes=())
    loss = loop.agreed(recorder.recording().loss)
    end = float(loss[-max(1, loss.size // 3) :].mean())
    end = end if math.isfinite(end) else math.inf
    return ColdStart(lr, recorder.steps, end, enough_of(result.curves(), lr))


def steps_of(result: RangeTestResult, lr: float) -> int:
    """Steps at this rate that go `FARTHER` than the sweep had gone when it reached it."""
    before = result.lr[result.lr <= lr]
    return max(FEWEST_STEPS, math.ceil(FARTHER * float(before.sum()) / lr))


def enough_of(curves: SweepCurves, lr: float) -> float:
    """The highest loss of a training at this rate that counts as started."""
    fit = curves.fit
    fall = fit.level - float(np.interp(math.log10(lr), np.log10(curves.lr), fit.curve))
    noise = CLEAR_OF_NOISE * fit.noise
    return float(fit.level - fall / 2 if fall > noise else fit.level + noise)
