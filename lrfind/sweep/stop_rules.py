"""When a run ends before its last step."""

from __future__ import annotations

import math
from collections.abc import Callable

from lrfind.analysis.divergence import DivergenceRule
from lrfind.result.settings import StopReason

StopRule = Callable[[float], StopReason | None]
"""Called with every loss, once and in order; returning a reason ends the run at that loss.

To add a rule, write it here and pass it to the `Recorder` of the run that uses it.
"""


def non_finite(loss: float) -> StopReason | None:
    """Stop at a loss that is NaN or infinite."""
    return None if math.isfinite(loss) else StopReason.NON_FINITE


def never(loss: float) -> StopReason | None:
    """Make all steps, whatever the losses."""
    return None


def divergence(diverge_th: float | None, num_iter: int) -> StopRule:
    """Stop at a non-finite loss, or when the loss has diverged (`DivergenceRule`).

    Args:
        diverge_th: How far the loss may rise, as a multiple of its decrease; None for no limit.
        num_iter: Planned number of steps.

    Returns:
        The rule for one run; it keeps state from loss to loss.
    """
    diverged = DivergenceRule(diverge_th, num_iter).diverged

    def stop(loss: float) -> StopReason | None:
        if not math.isfinite(loss):
            return StopReason.NON_FINITE
        return StopReason.DIVERGED if diverged(loss) else None

    return stop
