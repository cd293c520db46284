"""Short training runs by successive halving: the better half goes on for longer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lrfind.checks.verification.scores import TrialScores
from lrfind.checks.verification.trials import Trials, run_trials
from lrfind.loop.loop import Loop
from lrfind.support.arrays import Array

FIRST = 1 / 3
"""The part of the steps that the first round takes; a round with half of the trials takes the rest,
so that each of them is four times as long."""

SHORTEST = 12
"""Steps of a trial below which there is one round with all of the steps."""


def halving(
    loop: Loop, rates: Sequence[float], steps: int, scale: tuple[float, ...]
) -> tuple[Trials, Array]:
    """Try every rate briefly, then the better half of them for longer, from the start again.

    Jamieson and Talwalkar 2016, arXiv:1502.07943, with two rounds.

    Args:
        loop: The training loop.
        rates: The learning rates, ascending.
        steps: Steps of all trials together.
        scale: Learning rate of each parameter group as a multiple of the largest.

    Returns:
        The longest trial of each rate, with the steps of all; and the regret of each against the
        best trial of the same length, shape `(rates,)`.
    """
    short = int(FIRST * steps) // len(rates)
    if short < SHORTEST:
        ran = run_trials(loop, rates, steps // len(rates), scale)
        return ran, regrets_of(ran)
    first = run_trials(loop, rates, short, scale)
    regrets = regrets_of(first)
    better = np.sort(np.argsort(regrets, kind="stable")[: len(rates) // 2])
    left = steps - first.steps
    second = run_trials(loop, [rates[place] for place in better], left // better.size, scale)
    trials = list(first.trials)
    for place, trial in zip(better, second.trials, strict=True):
        trials[place] = trial
    regrets[better] = regrets_of(second)
    return Trials(trials, second.level, first.steps + second.steps, scale), regrets


def regrets_of(ran: Trials) -> Array:
    """The regret of each trial against the best of them, shape `(trials,)`."""
    return np.array(TrialScores(tuple(ran.trials), None, ran.level, 0.0, ran.steps).losses)
