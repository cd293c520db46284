"""What is swept: the range, the ratios of the parameter groups if given with it, the settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer

from lrfind.analysis.schedule import lr_sequence
from lrfind.result.settings import SweepSettings
from lrfind.support.arguments import require_count, require_positive
from lrfind.support.arrays import Array
from lrfind.sweep.group_rates import as_optimizers

SAME_MULTIPLE = 1e-6
"""Relative difference up to which a list of end rates is one multiple of a list of start rates."""


def swept_range(
    start_lr: Any, end_lr: Any, optimizer: Optimizer | Sequence[Optimizer]
) -> tuple[Any, Any, tuple[float, ...] | None]:
    """The range of one sweep, from a learning rate for all groups or a list with one for each.

    A list may be any sequence or array of one dimension.

    Args:
        start_lr: Learning rate of the first step, or of the first step of every group.
        end_lr: The same of the last step.
        optimizer: One optimizer or several.

    Returns:
        Start and end of the group with the largest rate, and the rate of each group as a multiple
        of the largest; None if no list was given, for the ratios that the optimizer has. What is
        not in a list has not been checked.

    Raises:
        TypeError: A list holds something other than numbers.
        ValueError: A list has another length than there are groups, or a number not above 0; or the
            groups would not keep their ratios.

    Example:
        >>> import torch
        >>> weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
        >>> optimizer = torch.optim.SGD([{"params": [weight]} for weight in weights], lr=0.1)
        >>> swept_range([0.25, 0.5], 4.0, optimizer)
        (0.5, 4.0, (0.5, 1.0))
    """
    starts = _one_each("start_lr", start_lr, optimizer)
    ends = _one_each("end_lr", end_lr, optimizer)
    if starts and ends:
        _check_one_multiplier(starts, ends)
    rates = starts or ends
    if rates is None:
        return start_lr, end_lr, None
    scale = tuple(rate / max(rates) for rate in rates)
    return max(starts) if starts else start_lr, max(ends) if ends else end_lr, scale


def planned(
    start: Any, end: Any, num_iter: Any, step_mode: str, diverge_th: Any, probe_every: Any
) -> tuple[SweepSettings, Array]:
    """The settings of a sweep, checked, and its learning rates.

    Args:
        start: Learning rate of the first step.
        end: That of the last.
        num_iter: Number of steps.
        step_mode: "exp" or "linear".
        diverge_th: None or infinite to never stop early.
        probe_every: At most `num_iter`.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range; the message names it.
    """
    lr = lr_sequence(start, end, num_iter, step_mode)
    never = diverge_th is None or diverge_th == math.inf
    threshold = None if never else require_positive("diverge_th", diverge_th)
    every = require_count("probe_every", probe_every, least=1)
    if every > lr.size:
        raise ValueError(f"`probe_every` must be at most `num_iter`, got {probe_every!r}.")
    return SweepSettings(float(start), float(end), lr.size, step_mode, threshold, every), lr


def _one_each(
    name: str, value: Any, optimizer: Optimizer | Sequence[Optimizer]
) -> list[float] | None:
    """The learning rates in a list, one for each parameter group; None if it is no list."""
    if isinstance(value, str) or not (is_array(value) or isinstance(value, Sequence)):
        return None
    groups = sum(len(each.param_groups) for each in as_optimizers(optimizer))
    if len(value) != groups:
        raise ValueError(
            f"`{name}` must be one number, or a list with one for each of the {groups} parameter "
            f"groups of `optimizer`, got {len(value)}."
        )
    rates = value.tolist() if is_array(value) else value
    return [require_positive(name, rate) for rate in rates]


def is_array(value: Any) -> bool:
    """Whether it is an array with a length, be it of NumPy, torch or another library."""
    return getattr(value, "ndim", 0) > 0


def _check_one_multiplier(starts: list[float], ends: list[float]) -> None:
    multiples = [end / start for start, end in zip(starts, ends, strict=True)]
    if not all(math.isclose(each, multiples[0], rel_tol=SAME_MULTIPLE) for each in multiples):
        listed = ", ".join(f"{each:g}" for each in multiples)
        raise ValueError(
            "`end_lr` must be the same multiple of `start_lr` in every parameter group, since one "
            f"multiplier is swept for all, got {listed}: pass one `end_lr`, that of the group with "
            "the largest `start_lr`."
        )
