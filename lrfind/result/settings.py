"""What a sweep was asked for, and how it ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from lrfind.analysis.curves import Flag
from lrfind.analysis.defaults import DIVERGE_TH, END_LR, NUM_ITER, START_LR, STEP_MODE


class StopReason(enum.Enum):
    """How a sweep ended; the value says what it means and what to do."""

    COMPLETED = "the sweep ran all its steps up to `end_lr`"
    DIVERGED = "the loss blew up, which is the normal end of a range test"
    NON_FINITE = (
        "a loss was NaN or infinite; if that came before the minimum, lower `start_lr` or check "
        "the data"
    )
    EXHAUSTED = Flag.EXHAUSTED.value
    OVERFLOW = (
        "the gradient scaler skipped one step after the other: the gradients stay infinite "
        "although the loss is not; if that came before the minimum, lower `start_lr`"
    )
    UNFINISHED = Flag.UNFINISHED.value


@dataclass(frozen=True)
class SweepSettings:
    """What was asked of a sweep; the arguments of `range_test` by the same names."""

    start_lr: float = START_LR
    end_lr: float = END_LR
    num_iter: int = NUM_ITER
    step_mode: str = STEP_MODE
    diverge_th: float | None = DIVERGE_TH
    probe_every: int = 1


DEFAULTS = SweepSettings()
"""What is taken where nothing is asked for."""
