"""What an experiment tracker gets of a sweep, whichever tracker it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from lrfind.analysis.answers import Suggestion
from lrfind.analysis.smoothing import USUAL
from lrfind.comparison.compare import Comparison
from lrfind.result.columns import Column
from lrfind.result.pictures import SweepPictures
from lrfind.result.record import SweepRecord
from lrfind.result.sweep_analysis import Answer
from lrfind.support.heads import cut, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PREFIX = "lrfind"
"""Of every name in a tracker, so that none is taken from the user."""
REFUSED = r"[^-.A-Za-z0-9]"
"""Characters that some tracker refuses in a name."""
LONGEST = 200
"""Characters of such a name after the prefix: MLflow takes 250 in all."""


@dataclass(frozen=True)
class Logged:
    """A sweep in the parts that trackers know.

    Attributes:
        columns: Shape `(n,)` each, by name: what was recorded at every step.
        settings: How the sweep was made, as far as that is known.
        numbers: What it found, as far as it did.
        words: The same in a word.
        text: The short text.
        figures: By name, to be drawn on and saved without pyplot.
    """

    columns: Mapping[str, Column]
    settings: Mapping[str, str | float]
    numbers: Mapping[str, float]
    words: Mapping[str, str]
    text: str
    figures: Mapping[str, Figure]


def settings_of(record: SweepRecord) -> dict[str, str | float]:
    """How a sweep was made: what decides whether two can be compared."""
    settings = {
        **asdict(record.settings),
        "optimizer": printable(record.optimizer),
        "seed": record.seed,
        "origin": record.origin and str(record.origin),
        **{
            f"version_{_accepted(name)}": printable(version)
            for name, version in record.versions.items()
        },
    }
    return {name: value for name, value in settings.items() if value is not None}


def numbers_of(
    record: SweepRecord, answer: Answer, comparison: Comparison | None
) -> dict[str, float]:
    """The rate, its interval, the usable minima, and the shift from the raw minimum in decades."""
    numbers: dict[str, float] = {"steps": record.lr.size}
    if isinstance(answer, Suggestion):
        numbers["suggested_lr"] = answer.lr
        if answer.interval is not None:
            numbers["interval_low"], numbers["interval_high"] = answer.interval
    for row in () if comparison is None else comparison.rows:
        if row.minimum.usable:
            numbers[f"{row.curve}_minimum"] = row.minimum.lr
        if row.curve == USUAL and row.from_raw is not None:
            numbers["shift_decades"] = row.from_raw.decades
    return {name: float(value) for name, value in numbers.items()}


def words_of(record: SweepRecord, answer: Answer) -> dict[str, str]:
    """How the sweep ended, and how far to trust its answer."""
    verdict = "none" if answer.verdict is None else answer.verdict.name.lower()
    return {"verdict": verdict, "stop_reason": record.stop_reason.name.lower()}


def figures_of(result: SweepPictures, answer: Answer) -> dict[str, Figure]:
    """The two figures; pyplot, which would show them and take them for the user's, is not used."""
    from matplotlib.figure import Figure

    figures = {}
    for name, draw in (("range_test", result.plot), ("beta", result.plot_betas)):
        figures[name] = Figure(figsize=(8, 5), layout="constrained")
        draw(figures[name].subplots(), suggestion=answer)
    return figures


def finite(values: Column) -> Iterable[tuple[int, float]]:
    """The steps with a finite value, and the value."""
    return ((int(step), float(values[step])) for step in np.flatnonzero(np.isfinite(values)))


def tags(names: Iterable[str]) -> dict[str, str]:
    """The name in a tracker of each column, none of them twice."""
    found: dict[str, str] = {}
    for name in names:
        tag = f"{PREFIX}/{_accepted(name)}"
        while tag in found.values():
            tag += "_"
        found[name] = tag
    return found


def _accepted(name: str) -> str:
    """A name of letters, digits, `_`, `-` and `.`, cut in the middle where it is long."""
    return cut(re.sub(REFUSED, "_", name), LONGEST)
