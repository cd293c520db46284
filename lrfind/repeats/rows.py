"""The table of repeated runs: one row for each setting."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lrfind.problems.build import Plain
from lrfind.repeats.agreement import RepeatSuggestion
from lrfind.repeats.repeat_set import RepeatSet
from lrfind.support.files import write_whole


@dataclass(frozen=True)
class SettingRow:
    """One line of the table: a setting and what its runs say.

    Attributes:
        settings: The setting.
        runs: How many runs have a minimum.
        missing: How many have none.
        minimum_lr: Rate at the median of their centred minima; NaN if there is none.
        sd: Standard deviation of the minima over the runs, in decades; NaN for fewer than two.
        lr: The suggested rate; NaN if there is none.
        low: Lower end of its interval; NaN for fewer than three runs.
        high: Upper end, likewise.
        note: Why there is no suggestion or no interval, or what stands against it.
    """

    settings: Mapping[str, Plain]
    runs: int
    missing: int
    minimum_lr: float
    sd: float
    lr: float
    low: float
    high: float
    note: str

    def to_dict(self) -> dict[str, object]:
        """The row as plain values, ready for JSON; what is not there is None."""
        numbers = ("minimum_lr", "sd", "lr", "low", "high")
        known = {name: value for name in numbers if not math.isnan(value := getattr(self, name))}
        gaps = dict.fromkeys(numbers)
        return asdict(self) | {"settings": dict(self.settings)} | gaps | known


def setting_row(runs: RepeatSet, confidence: float) -> SettingRow:
    """The row of a set with one setting."""
    minima, answer = runs.minima(), runs.suggest(confidence=confidence)
    if isinstance(answer, RepeatSuggestion):
        lr, (low, high) = answer.lr, answer.interval
        note = "; ".join(flag.value for flag in answer.flags)
    else:
        # One run or two still have a rate; where most have none, the others' is left out.
        enough = 2 * len(minima.decades) >= len(runs)
        lr = runs.suggestions().median_lr if enough else math.nan
        low, high, note = math.nan, math.nan, answer.reason
    return SettingRow(
        settings=runs.settings,
        runs=len(minima.decades),
        missing=minima.missing,
        minimum_lr=minima.median_lr,
        sd=minima.sd,
        lr=lr,
        low=low,
        high=high,
        note=note,
    )


def to_csv(rows: Sequence[SettingRow], names: Sequence[str], path: str | Path) -> None:
    """Write rows as CSV; see `RepeatSet.to_csv`."""
    told = [asdict(row) for row in rows]
    columns = [name for name in told[0] if name != "settings"]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*names, *columns])
    for row in told:
        varied = [row["settings"].get(name) for name in names]
        writer.writerow([*varied, *(row[name] for name in columns)])
    write_whole(path, text.getvalue().encode())
