"""Short training runs by successive halving: the better half goes on for longer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lrfind.checks.verification.scores import TrialScores
from lrfind.checks.verification.trial import Trial
from lrfind.checks.verification.trials import Trials, run_trials
from lrfind.loop.loop import Loop
from lrfind.support.arrays import Array

FIRST = 1 / 3
"""The part of the steps that the first round takes; a round with half of the trials takes the rest,
so that each of them is four times as long."""

SHORTEST = 12
"""Steps of a trial below which there is one round with all of the steps."""


def halving(
    loop: Loop, rates: Sequence[float], steps: int, scale: tuple[float, ...], level: float
) -> tuple[Trials, Array]:
    """Try every rate briefly, then the better half of them for longer, from the start again.

    Jamieson and Talwalkar 2016, arXiv:1502.07943, with two rounds.

    Args:
        loop: The training loop.
        rates: The learning rates, ascending.
        steps: Steps of all trials together.
        scale: Learning rate of each parameter group as a multiple of the largest.
        level: Loss before the first step, where the loop cannot compute it.

    Returns:
        The longest trial of each rate, with the steps of all; and the regret of each against the
        best trial of the same length, shape `(rates,)`. If the longer trials all diverged, the
        others are compared among themselves.
    """
    short = int(FIRST * steps) // len(rates)
    if short < SHORTEST:
        ran = run_trials(loop, rates, steps // len(rates), scale)
        return ran, _regrets(ran.trials, ran.level, level)
    first = run_trials(loop, rates, short, scale)
    regrets = _regrets(first.trials, first.level, level)
    order = np.argsort(regrets, kind="stable")
    better, others = (np.sort(half) for half in np.split(order, [len(rates) // 2]))
    left = steps - first.steps
    second = run_trials(loop, [rates[place] for place in better], left // better.size, scale)
    trials = list(first.trials)
    for place, trial in zip(better, second.trials, strict=True):
        trials[place] = trial
    regrets[better] = _regrets(second.trials, second.level, level)
    if not any(trial.finite for trial in second.trials):
        regrets[others] = _regrets([trials[place] for place in others], first.level, level)
    return Trials(trials, second.level, first.steps + second.steps, scale), regrets


def _regrets(trials: Sequence[Trial], level: float, otherwise: float) -> Array:
    """The regret of each trial against the best of them, shape `(trials,)`."""
    start = otherwise if math.isnan(level) else level
    return np.array(TrialScores(tuple(trials), None, start, 0.0, 0).losses)
