"""The sensitivity of a suggestion as a printed table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lrfind.analysis.readings import STRIDES, Scatter, SensitivityRow
from lrfind.support.rates import decades_between
from lrfind.support.text import decades, new_table

if TYPE_CHECKING:
    from rich.table import Table

LIMITS = (
    "A sub-sweep is every 2nd or 3rd loss of this same run: it shows how the batches, their number "
    "and the averaging window affect the suggestion, not what a shorter sweep or another seed "
    "would find."
)


def sensitivity_table(rows: Sequence[SensitivityRow]) -> Table:
    """One row per question."""
    strides = [f"every {stride}{'nd' if stride == 2 else 'rd'}\nloss, dec" for stride in STRIDES]
    table = new_table(
        [
            "\nrule",
            "suggested\nrate",
            "from first\nrow, dec",
            *strides,
            "largest\ndistance",
            "standard\ndeviation",
        ]
    )
    for row in rows:
        table.add_row(*_cells(row, rows[0].lr), style=None if row.lr is not None else "dim")
    return table


def spread_words(spread: Scatter | None, without: str = "") -> str:
    """A spread as the largest distance, with the standard deviation in brackets."""
    return without if spread is None else f"{spread.largest:.2f} ({spread.deviation:.2f})"


def _cells(row: SensitivityRow, first: float | None) -> list[str]:
    apart = row.over_sub_sweeps
    return [
        row.label,
        "none" if row.lr is None else f"{row.lr:.2e}",
        _distances([row.lr], first),
        *(_distances([e.lr for e in row.sub_sweeps if e.stride == k], row.lr) for k in STRIDES),
        "" if apart is None else f"{apart.largest:.2f}",
        "" if apart is None else f"{apart.deviation:.2f}",
    ]


def _distances(rates: list[float | None], reference: float | None) -> str:
    """Distance of each learning rate from the reference, in decades; "?" if one is missing."""
    return " ".join(decades(_distance(rate, reference)) for rate in rates)


def _distance(rate: float | None, reference: float | None) -> float | None:
    return None if rate is None or reference is None else decades_between(reference, rate)
