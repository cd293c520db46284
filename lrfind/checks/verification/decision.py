"""The learning rate that a sweep and short training runs point to together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lrfind.analysis.transfer import Transfer
from lrfind.support.arrays import Array

TRAINED_WELL = 0.5
"""No rate is answered above the highest with a lower regret."""

WEIGHT = 0.35
"""Weight of the regrets of trials against the expected regret by the sweep. It decides where the
sweep never fell; elsewhere, on the oracle, 0.35 and 1 do alike."""

FINENESS = 0.01
"""Distance in decades of the rates that the decision looks at."""


@dataclass(frozen=True)
class SweepSays:
    """What the sweep before the trials says.

    Attributes:
        minimum: Its expected minimum, a learning rate.
        lr: The learning rate that it suggests; None if it suggests none.
    """

    minimum: float
    lr: float | None


def highest_trained_well(rates: Array, regrets: Array) -> float:
    """The highest of the rates tried with a regret below `TRAINED_WELL`.

    Args:
        rates: Shape `(trials,)`, ascending.
        regrets: Shape `(trials,)`, 0 for the best.
    """
    return float(rates[regrets < TRAINED_WELL].max())


def decide(rates: Array, regrets: Array, sweep: SweepSays, way: Transfer) -> float:
    """Where the sweep and the trials together expect the least regret.

    Never above the highest rate that trained well; and not above the suggestion of the sweep, if it
    has one, since short runs favour higher rates than training does.

    Args:
        rates: Shape `(trials,)`, the learning rates tried, ascending.
        regrets: Shape `(trials,)`, their regrets against the best trial; in between they are
            interpolated in log10.
        sweep: What the sweep says.
        way: The way from its minimum to the rate to train with.

    Returns:
        A learning rate.
    """
    tops = [highest_trained_well(rates, regrets)]
    tops += [] if sweep.lr is None else [sweep.lr]
    high = min(tops)
    low = min(float(rates[0]), high)
    count = round(math.log10(high / low) / FINENESS) + 1
    tried = np.geomspace(low, high, count)
    expected = [way.regret(sweep.minimum / rate) for rate in tried]
    found = np.interp(np.log10(tried), np.log10(rates), regrets)
    return float(tried[np.argmin(expected + WEIGHT * found)])
