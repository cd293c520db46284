"""What another LR finder recorded, as a result of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any

import numpy as np

from lrfind.analysis.defaults import DIVERGE_TH
from lrfind.analysis.divergence import DivergenceRule
from lrfind.histories.kinds import KINDS, RAW, Kind
from lrfind.histories.reading import Recorded, recorded_in, steps_in
from lrfind.histories.recovery import alternates, recovered
from lrfind.result.origin import Origin
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import StopReason, SweepSettings
from lrfind.support.arguments import require_beta, require_choice
from lrfind.support.arrays import Array
from lrfind.support.reading import refused

MOST_STEPS = 50_000
"""Losses of the longest sweep that is read."""

RATIO = 1e-6
"""Relative difference between the ratios of the groups' rates that is put down to rounding."""


def from_history(
    history: Any, kind: str | None = None, *, beta: float | None = None
) -> RangeTestResult:
    """Read what another LR finder recorded, with the raw losses where they can be recovered.

    All finders keep an EMA of the losses only. It is undone: `(s[t] - beta * s[t-1]) / (1 - beta)`,
    after Lightning's and fastai's division by `1 - beta**n`. Where that cannot be done, as for a
    record that was rounded, the smoothed losses are used as they are: then `suggest()` refuses, and
    only answers by a `rule` on them. `result.origin` says which, and so do summary and figure.

    ignite notes each learning rate one step early. That is undone too: the first loss, whose step
    was made at the optimizer's own rate, and the last rate, which no step had, are left out.

    Two things no record tells: a dictionary of Lightning is taken for that of a fresh trainer, and
    the losses of torch-lr-finder's `val_loader`, which are those after each step, for training
    losses.

    Args:
        history: The finder after its run: torch-lr-finder's `LRFinder`, what Lightning's
            `Tuner.lr_find` returns, ignite's `FastaiLRFinder`, fastai's `learn` or its `recorder`.
            Or its dictionary with "lr" and "loss", a table with such columns, or a CSV or JSON file
            of one. 2 to 50,000 steps, with rates above 0 that rise; the first loss that is not
            finite is the last that is read.
        kind: "torch-lr-finder", "lightning", "ignite" or "fastai", for a dictionary, table or file;
            or "raw" for raw losses. None for what `history` is; losses are then taken as raw if
            they go up and down from batch to batch as only raw ones do.
        beta: Weight of the old value in the finder's EMA, in [0, 1): `1 - smooth_f` with
            torch-lr-finder and ignite. 0 if it was switched off. None for the finder's default. A
            wrong one cannot be told for certain: it is refused if it gives losses below zero.

    Returns:
        The sweep, with the rates and losses of the steps that were made.

    Raises:
        OSError: `history` is a file that cannot be read.
        TypeError: `history` is nothing that a finder recorded.
        ValueError: `history` holds no such rates and losses, or `kind` is unknown, is not that of
            `history`, or must be said; or `beta` is outside [0, 1), or has no effect.

    Example:
        >>> lr = np.geomspace(1e-3, 1e1, 81)
        >>> kept = [(np.log10(lr[0]) + 1) ** 2]  # an EMA as torch-lr-finder keeps it
        >>> for loss in (np.log10(lr[1:]) + 1) ** 2:
        ...     kept.append(0.05 * loss + 0.95 * kept[-1])
        >>> result = from_history({"lr": lr, "loss": kept}, "torch-lr-finder")
        >>> print(result.origin)
        Raw losses recovered from the EMA of torch-lr-finder (beta 0.95).
        >>> f"{result.suggest().lr:.2g}"
        '0.018'
    """
    if beta is not None:
        beta = require_beta(beta)
    if kind is not None:
        require_choice("kind", kind, KINDS)
    record = recorded_in(history)
    with _named(history):
        rates, losses = steps_in(record.table)
        end = _end(losses)
        rates, losses = rates[:end], losses[:end]
    chosen = KINDS[_kind(record, kind, losses)]
    losses, origin = _raw_losses(losses, chosen, record, beta)
    if chosen.rates_ahead:
        rates, losses = rates[:-1], losses[1:]
    with _named(history):
        lr, scale = _of_largest_group(rates)
        _check(lr)
    return RangeTestResult(
        lr=lr,
        loss=losses,
        stop_reason=_stop_reason(losses),
        settings=SweepSettings(float(lr[0]), float(lr[-1]), lr.size, _step_mode(lr), None),
        group_scale=scale,
        origin=origin,
    )


@contextmanager
def _named(history: Any) -> Iterator[None]:
    """Errors name the file, if there is one."""
    try:
        yield
    except ValueError as error:
        if not isinstance(history, str | PathLike):
            raise
        raise refused(history, error, "is no record of a range test: ") from error


def _end(losses: Array) -> int:
    """Number of losses up to the first that is not finite."""
    finite = int(np.argmin([*np.isfinite(losses), False]))
    if not 2 <= finite <= MOST_STEPS:
        raise ValueError(f"`history` must hold 2 to {MOST_STEPS:,} finite losses, got {finite:,}.")
    return finite + 1


def _kind(record: Recorded, kind: str | None, losses: Array) -> str:
    """The kind that is asked for or seen."""
    if kind is not None:
        if record.kind not in (None, kind):
            raise ValueError(f"`kind` is {kind!r}, but `history` is of {record.kind!r}.")
        return kind
    if record.kind is not None:
        return record.kind
    if alternates(losses[np.isfinite(losses)]):
        return RAW
    raise ValueError(
        "`kind` must say what recorded `history`, whose losses may be smoothed: one of "
        f"{', '.join(map(repr, KINDS))}."
    )


def _raw_losses(
    losses: Array, kind: Kind, record: Recorded, beta: float | None
) -> tuple[Array, Origin]:
    """The raw losses if they can be recovered, else those of the record; and which."""
    if beta is not None and not kind.beta:
        raise ValueError(f"`beta` has no effect with the kind {RAW!r}: pass another `kind`.")
    if beta is None:
        beta = kind.beta if record.beta is None else require_beta(record.beta)
    if beta == 0:
        return losses, Origin(kind.tool)
    finite = np.isfinite(losses)
    found, obstacle = recovered(losses[finite], kind.average, beta)
    if obstacle or record.obstacle:
        return losses, Origin(kind.tool, beta, record.obstacle or obstacle)
    return np.concatenate([found, losses[~finite]]), Origin(kind.tool, beta)


def _of_largest_group(rates: Array) -> tuple[Array, tuple[float, ...]]:
    """The rates of the group with the largest, and those of each as a multiple of them."""
    if rates.ndim == 1 or not rates.size:
        return rates.reshape(-1), (1.0,)
    largest = rates[:, int(np.argmax(rates[0]))]
    scale = rates / largest[:, None]
    if not np.allclose(scale, scale[0], rtol=RATIO, atol=0):
        raise ValueError(
            "`history` holds rates of parameter groups that do not keep their ratios: leave those "
            "of one group."
        )
    return largest, tuple(scale[0].tolist())


def _check(lr: Array) -> None:
    """Raise if these are not the rates of a sweep."""
    if lr.size < 2:
        raise ValueError(f"`history` must hold at least 2 steps, got {lr.size}.")
    good = np.isfinite(lr) & (lr > 0)
    good[1:] &= np.diff(lr) > 0
    if not good.all():
        step = int(np.argmin(good))
        raise ValueError(
            "`history` must hold learning rates above 0 that rise at every step, got "
            f"{lr[max(step - 1, 0) : step + 1].tolist()} at step {step}."
        )


def _stop_reason(losses: Array) -> StopReason:
    """How the sweep seems to have ended."""
    if not np.isfinite(losses[-1]):
        return StopReason.NON_FINITE
    rule = DivergenceRule(DIVERGE_TH, losses.size)
    diverged = [rule.diverged(loss) for loss in losses.tolist()]
    return StopReason.DIVERGED if any(diverged) else StopReason.COMPLETED


def _step_mode(lr: Array) -> str:
    """The spacing that the rates are nearer to."""
    uneven = {
        mode: float(np.std(steps) / np.mean(steps))
        for mode, steps in (("exp", np.diff(np.log(lr))), ("linear", np.diff(lr)))
    }
    return min(uneven, key=uneven.__getitem__)
