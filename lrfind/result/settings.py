"""The settings of a sweep, and the reasons why a sweep ends."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class StopReason(enum.Enum):
    """Why a sweep ended; the value explains it and says what to do."""

    COMPLETED = "the sweep ran all its steps up to `end_lr`"
    DIVERGED = "the loss diverged, which is the normal end of a range test"
    NON_FINITE = (
        "a loss was NaN or infinite: if that was before the minimum, lower `start_lr` or check the "
        "data"
    )
    EXHAUSTED = (
        "`train_loader` ran out and cannot be restarted: pass a DataLoader or a list instead of "
        "an iterator, or lower `num_iter`"
    )
    OVERFLOW = (
        "the gradient scaler skipped too many steps in a row, because the gradients overflowed "
        "although the loss did not: if that was before the minimum, lower `start_lr`"
    )
    UNFINISHED = "the loop ended before the sweep did: provide at least `num_iter` batches"


@dataclass(frozen=True)
class SweepSettings:
    """The settings of a sweep: the arguments of `range_test` with the same names."""

    start_lr: float = 1e-6
    end_lr: float = 10.0
    num_iter: int = 300
    step_mode: str = "exp"
    diverge_th: float | None = 4.0
    probe_every: int = 1


DEFAULTS = SweepSettings()
"""The defaults; these numbers are defined nowhere else."""
