"""When a run ends before its last step."""

from __future__ import annotations

import math
from collections.abc import Callable

from lrfind.analysis.divergence import DivergenceRule
from lrfind.result.settings import StopReason

StopRule = Callable[[float], StopReason | None]
"""Called with every loss, once and in order; a reason ends the run at that loss.

To add one, write it here and hand it to the `Recorder` of the run that it belongs to.
"""


def non_finite(loss: float) -> StopReason | None:
    """Stop at a loss that is NaN or infinite."""
    return None if math.isfinite(loss) else StopReason.NON_FINITE


def never(loss: float) -> StopReason | None:
    """Make all steps, whatever the losses."""
    return None


def divergence(diverge_th: float | None, num_iter: int) -> StopRule:
    """Stop at a loss that is not finite, or where the losses have diverged (`DivergenceRule`).

    Args:
        diverge_th: How many times its own descent the loss may rise again; None for any.
        num_iter: Planned number of steps.

    Returns:
        The rule for one run: it remembers the losses that it has seen.
    """
    diverged = DivergenceRule(diverge_th, num_iter).diverged

    def stop(loss: float) -> StopReason | None:
        if not math.isfinite(loss):
            return StopReason.NON_FINITE
        return StopReason.DIVERGED if diverged(loss) else None

    return stop
