"""The warnings about a minimum."""

from __future__ import annotations

from lrfind.analysis.verdict import Verdict
from lrfind.support.names import NamedEnum

FEWEST_LOSSES = 10
"""With fewer finite losses a minimum cannot be distinguished from noise."""


class Flag(NamedEnum):
    """A warning about a minimum; the value explains it and names the remedy."""

    UNFINISHED = (
        "the sweep is not over: it still runs, was killed, or its loop ended first (then take the "
        "batches from `sweep.cycle(train_loader)`, or lower `num_iter`)"
    )
    EXHAUSTED = (
        "`train_loader` ran out and cannot be restarted: pass a DataLoader or a list instead of "
        "an iterator, or lower `num_iter`"
    )
    SMOOTHED = (
        "only smoothed losses were kept, whose minimum lies too high, by how much cannot be told: "
        'sweep again with `lrfind.range_test`, or ask for a `rule` on them, such as "steepest"'
    )
    START_ARTEFACT = (
        "the average is lowest among its first values, which are biased towards 0 or average too "
        "few losses: its minimum after these is given instead"
    )
    BURN_IN = (
        "the EMA was still rising from 0 when the loss was lowest, so it has no usable minimum: "
        "use the debiased EMA, a lower beta or a higher `num_iter`"
    )
    AT_END = (
        "the curve was still falling when the sweep ended, so its true minimum lies at a higher "
        "learning rate: raise `end_lr`, or `diverge_th` if the sweep stopped before `end_lr`"
    )
    CUT_OFF = (
        "a non-finite loss ended the sweep while this average was still falling, so its true "
        "minimum lies at a higher learning rate"
    )
    NO_DESCENT = Verdict.NO_DESCENT.value
    TOO_SHORT = (
        f"fewer than {FEWEST_LOSSES} finite losses were recorded: raise `num_iter`, lower "
        "`start_lr`, or check `loss_fn` if the first losses are not finite"
    )
    ABOVE_RAW = (
        "a tenth of this smoothed minimum is not below the raw minimum, which lies a decade or "
        "more to the left: do not consider it a safe learning rate"
    )
    BELOW_START = (
        "the learning rate lies below the swept range, where nothing was measured: lower "
        "`start_lr`, or pass a lower `factor`"
    )
    ABOVE_END = (
        "the learning rate lies above the swept range, where nothing was measured: raise `end_lr`, "
        "or pass a higher `factor`"
    )
    NOT_TRIED = (
        "a training from scratch was not tried at this learning rate but at others: pass what you "
        "ask for as `confirm`"
    )


CUT_SHORT = (Flag.UNFINISHED, Flag.EXHAUSTED)
"""Flags of a sweep that has told less than it might."""

UNUSABLE = frozenset({Flag.BURN_IN, Flag.NO_DESCENT, Flag.TOO_SHORT})
"""No suggestion is made from a minimum with one of these flags."""
