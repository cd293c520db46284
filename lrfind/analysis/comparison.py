"""Raw, EMA, debiased EMA and centred minima side by side, and the shift between them, explained.

A shift is how far one minimum lies to the right of another, in decades (log10 of the rates'
ratio) and in steps. It has two parts. What the smoothing does to a curve without noise is found by
plug-in: smooth the centred curve in place of the loss, and see how far its minimum moves. The
rest is noise: where the batches happened to put the raw or the centred minimum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from lrfind.analysis.curves import AVERAGES, Flag, Minimum, SweepCurves, average, settled
from lrfind.support.arguments import require_beta
from lrfind.support.arrays import Array

DEFAULT_BETAS = (0.9, 0.98)
LABELS = {"raw": "raw", "centred": "centred", "ema": "EMA", "debiased": "debiased EMA"}


@dataclass(frozen=True)
class Shift:
    """How far a minimum lies from a reference minimum; positive to the right.

    Attributes:
        decades: Distance in log10 of the learning rate.
        steps: Distance in steps of the sweep.
    """

    decades: float
    steps: int


@dataclass(frozen=True)
class CurveRow:
    """One curve of a comparison.

    Attributes:
        curve: Name of the curve: "raw", "centred", "ema" or "debiased".
        beta: Weight of the old value; None for a curve that has none.
        minimum: Where the curve is lowest.
        from_raw: Shift of its minimum from the raw one; None where one of them is unusable.
        from_centred: Likewise from the centred one.
        smoothing: Decades by which this smoothing moves the minimum of the noise-free curve;
            None where that smoothed curve has no minimum.
        debiasing: The part of `smoothing` that the debiasing alone adds to the EMA, in decades;
            None where the EMA has no minimum to compare with.
        lag: `beta / (1 - beta)` steps in decades, the EMA's mean delay: the shift on a straight or
            quadratic loss. A wall right of the minimum shifts it less, a slow rise more.
    """

    curve: str
    beta: float | None
    minimum: Minimum
    from_raw: Shift | None
    from_centred: Shift | None
    smoothing: float | None
    debiasing: float | None
    lag: float | None

    @property
    def label(self) -> str:
        """The curve's name as a person reads it, such as `EMA 0.98`."""
        return LABELS[self.curve] + ("" if self.beta is None else f" {self.beta:g}")

    @property
    def decade_below(self) -> float:
        """The rate one decade below the minimum."""
        return self.minimum.lr / 10

    @property
    def noise_from_raw(self) -> float | None:
        """The part of `from_raw` that is noise, in decades: the rest beside `smoothing`."""
        return _rest(self.from_raw, self.smoothing)

    @property
    def noise_from_centred(self) -> float | None:
        """The part of `from_centred` that is noise, in decades."""
        return _rest(self.from_centred, self.smoothing)


@dataclass(frozen=True)
class Comparison:
    """The table that `compare` makes: `rows`, `str()`, `to_dict()`.

    Attributes:
        rows: Raw first, then centred, then EMA and debiased EMA for each beta.
    """

    rows: tuple[CurveRow, ...]

    def row(self, curve: str, beta: float | None = None) -> CurveRow:
        """The row of that curve and beta.

        Raises:
            KeyError: No such row in this comparison.
        """
        for row in self.rows:
            if (row.curve, row.beta) == (curve, beta):
                return row
        raise KeyError(f"no row for curve {curve!r} with beta {beta!r}")

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each flag, naming the rows that carry it."""
        notes = []
        for flag in Flag:
            labels = [row.label for row in self.rows if flag in row.minimum.flags]
            if labels:
                where = "every curve" if len(labels) == len(self.rows) else ", ".join(labels)
                notes.append(f"{flag.name.lower()} ({where}): {flag.value}.")
        return tuple(notes)

    def to_dict(self) -> dict[str, object]:
        """The table as plain lists, dictionaries, numbers and strings, ready for JSON."""
        return {"rows": [_row_to_dict(row) for row in self.rows], "notes": list(self.notes)}

    def __str__(self) -> str:
        from lrfind.analysis.comparison_table import comparison_text

        return comparison_text(self)


def compare(curves: SweepCurves, betas: Sequence[float] = DEFAULT_BETAS) -> Comparison:
    """Find the minimum of every curve, the shifts between them, and where each shift comes from.

    Args:
        curves: The sweep.
        betas: The betas to show, each in [0, 1).

    Returns:
        The table.

    Raises:
        ValueError: A beta outside [0, 1).
    """
    if np.ndim(betas) != 1:
        raise ValueError(f"`betas` must be a flat sequence of numbers, got {betas!r}.")
    rows = [_row(curves, "raw", None), _row(curves, "centred", None)]
    for beta in map(require_beta, betas):
        rows += [_row(curves, name, beta) for name in AVERAGES]
    return Comparison(tuple(rows))


def _row(curves: SweepCurves, name: str, beta: float | None) -> CurveRow:
    raw, centred = curves.minimum("raw"), curves.minimum("centred")
    minimum = curves.minimum(name) if beta is None else curves.minimum(name, beta)
    smoothing, debiasing = (0.0, None) if beta is None else _plug_in(curves, name, beta)
    return CurveRow(
        name,
        beta,
        minimum,
        from_raw=None if name == "raw" else _shift(minimum, raw),
        from_centred=None if name == "centred" else _shift(minimum, centred),
        smoothing=smoothing,
        debiasing=debiasing,
        lag=None if beta is None else _lag(curves.lr, centred.step, beta),
    )


def _plug_in(curves: SweepCurves, name: str, beta: float) -> tuple[float | None, float | None]:
    """What the smoothing, and within it the debiasing, does to the noise-free curve."""
    lowest = int(np.argmin(curves.fit.curve))
    has_ema = Flag.BURN_IN not in curves.minimum("ema", beta).flags
    from_zero = _noise_free_minimum(curves.fit.curve, "ema", beta)
    if name == "ema":
        return (_decades(curves.lr, lowest, from_zero) if has_ema else None), None
    debiased = _noise_free_minimum(curves.fit.curve, "debiased", beta)
    debiasing = _decades(curves.lr, from_zero, debiased) if has_ema else None
    return _decades(curves.lr, lowest, debiased), debiasing


def _noise_free_minimum(fitted: Array, name: str, beta: float) -> int:
    start = settled(name, fitted, beta)
    return start + int(np.argmin(average(name, fitted, beta)[start:]))


def _lag(lr: Array, step: int, beta: float) -> float:
    """`beta / (1 - beta)` steps in decades, at the spacing of the rates around `step`."""
    # Not at the first two rates, which are equal (see `producing_lr`), nor beyond the last.
    here = max(0, min(max(step, 1), lr.size - 2))
    return beta / (1 - beta) * _decades(lr, here, here + 1)


def _decades(lr: Array, start: int, end: int) -> float:
    return math.log10(lr[end] / lr[start])


def _shift(minimum: Minimum, reference: Minimum) -> Shift | None:
    if not minimum.usable:
        return None
    return Shift(math.log10(minimum.lr / reference.lr), minimum.step - reference.step)


def _rest(total: Shift | None, part: float | None) -> float | None:
    return None if total is None or part is None else total.decades - part


def _row_to_dict(row: CurveRow) -> dict[str, object]:
    minimum = asdict(row.minimum) | {"flags": [flag.name.lower() for flag in row.minimum.flags]}
    return {
        "curve": row.curve,
        "beta": row.beta,
        **minimum,
        "decade_below": row.decade_below,
        "from_raw": row.from_raw and asdict(row.from_raw),
        "from_centred": row.from_centred and asdict(row.from_centred),
        "smoothing": row.smoothing,
        "debiasing": row.debiasing,
        "noise_from_raw": row.noise_from_raw,
        "noise_from_centred": row.noise_from_centred,
        "lag": row.lag,
    }
