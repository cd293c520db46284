"""The settings of a sweep, and the reasons why a sweep ends."""

from __future__ import annotations

from dataclasses import dataclass

from lrfind.analysis.defaults import DIVERGE_TH, END_LR, NUM_ITER, START_LR, STEP_MODE
from lrfind.analysis.flags import CUT_SHORT, Flag
from lrfind.support.names import NamedEnum


class StopReason(NamedEnum):
    """Why a sweep ended; the value explains it and says what to do."""

    COMPLETED = "the sweep ran all its steps up to `end_lr`"
    DIVERGED = "the loss diverged, which is the normal end of a range test"
    NON_FINITE = (
        "a loss was NaN or infinite: if that was before the minimum, lower `start_lr` or check the "
        "data"
    )
    EXHAUSTED = Flag.EXHAUSTED.value
    OVERFLOW = (
        "the gradient scaler skipped too many steps in a row, because the gradients overflowed "
        "although the loss did not: if that was before the minimum, lower `start_lr`"
    )
    UNFINISHED = Flag.UNFINISHED.value

    @property
    def cut_short(self) -> bool:
        """Whether the sweep has told less than it might."""
        return self.name in {flag.name for flag in CUT_SHORT}


@dataclass(frozen=True)
class SweepSettings:
    """The settings of a sweep: the arguments of `range_test` with the same names."""

    start_lr: float = START_LR
    end_lr: float = END_LR
    num_iter: int = NUM_ITER
    step_mode: str = STEP_MODE
    diverge_th: float | None = DIVERGE_TH
    probe_every: int = 1


DEFAULTS = SweepSettings()
"""The default settings."""
