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
"""Weight of the regrets of trials against the expected regret by the sweep. It matters where the
sweep never fell."""

FINENESS = 0.01
"""Distance in decades of the rates that the decision looks at."""


@dataclass(frozen=True)
class SweepSays:
    """What the sweep before the trials says.

    Attributes:
        minimum: Its expected minimum, a learning rate.
        deviation: Standard deviation of that, from noise and from run to run, in decades.
        lr: The learning rate that it suggests; None if it suggests none.
    """

    minimum: float
    deviation: float
    lr: float | None

    @property
    def limit(self) -> float:
        """The learning rate that trials do not raise the answer above; infinite if there is none.

        Short runs favour higher rates than training does.
        """
        return math.inf if self.lr is None else self.lr


def highest_trained_well(rates: Array, regrets: Array) -> float:
    """The highest of the rates tried with a regret below `TRAINED_WELL`.

    Args:
        rates: Shape `(trials,)`, ascending.
        regrets: Shape `(trials,)`, 0 for the best.
    """
    return float(rates[regrets < TRAINED_WELL].max())


def decide(rates: Array, regrets: Array, sweep: SweepSays, way: Transfer) -> float:
    """Where the sweep and the trials together expect the least regret.

    Never above the highest rate that trained well, nor above the suggestion of the sweep.

    Args:
        rates: Shape `(trials,)`, the learning rates tried, ascending.
        regrets: Shape `(trials,)`, their regrets against the best trial; in between they are
            interpolated in log10.
        sweep: What the sweep says.
        way: The way from its minimum to the rate to train with.

    Returns:
        A learning rate.
    """
    high = min(highest_trained_well(rates, regrets), sweep.limit)
    low = min(float(rates[0]), high)
    count = round(math.log10(high / low) / FINENESS) + 1
    tried = np.geomspace(low, high, count)
    expected = way.regret(sweep.minimum / tried)
    found = np.interp(np.log10(tried), np.log10(rates), regrets)
    return float(tried[np.argmin(expected + WEIGHT * found)])
