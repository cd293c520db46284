"""What a sweep was asked for, and how it ended."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class StopReason(enum.Enum):
    """How a sweep ended; the value says what it means and what to do."""

    COMPLETED = "the sweep ran all its steps up to `end_lr`"
    DIVERGED = "the loss blew up, which is the normal end of a range test"
    NON_FINITE = (
        "a loss was NaN or infinite; if that came before the minimum, lower `start_lr` or check "
        "the data"
    )
    EXHAUSTED = (
        "`train_loader` ran out and cannot be restarted: pass a DataLoader or a list instead of "
        "an iterator, or lower `num_iter`"
    )
    OVERFLOW = (
        "the gradient scaler skipped one step after the other: the gradients stay infinite "
        "although the loss is not; if that came before the minimum, lower `start_lr`"
    )
    UNFINISHED = "the loop ended before the sweep did: give it at least `num_iter` batches"


@dataclass(frozen=True)
class SweepSettings:
    """What was asked of a sweep; the arguments of `range_test` by the same names."""

    start_lr: float = 1e-6
    end_lr: float = 10.0
    num_iter: int = 300
    step_mode: str = "exp"
    diverge_th: float | None = 4.0
    probe_every: int = 1


DEFAULTS = SweepSettings()
"""What is asked of a sweep where nothing else is said."""
