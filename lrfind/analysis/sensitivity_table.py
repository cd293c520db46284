"""The sensitivity of a suggestion as a table and a few sentences."""

from __future__ import annotations

import textwrap
from math import log10

from rich.table import Table

from lrfind.analysis.comparison_table import TEXT_WIDTH, plain_text
from lrfind.analysis.sensitivity import STRIDES, Scatter, Sensitivity, SensitivityRow
from lrfind.result.report import decades

LIMITS = (
    "A sub-sweep is every 2nd or 3rd loss of this same training: it shows what the batches, their "
    "number and the window of an average do to the reading, not what a shorter sweep or another "
    "seed would have found."
)


def sensitivity_table(sensitivity: Sensitivity) -> Table:
    """One row for each way to read a rate off the sweep."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    table.add_column("\nrule", no_wrap=True)
    columns = ["suggested\nrate", "from the\nfirst, dec"]
    columns += [f"every {stride}{'nd' if stride == 2 else 'rd'}\nloss, dec" for stride in STRIDES]
    for column in (*columns, "largest\ndistance", "standard\ndeviation"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in sensitivity.rows:
        style = None if row.lr is not None else "dim"
        table.add_row(*_cells(row, sensitivity.rows[0].lr), style=style)
    return table


def sensitivity_sentences(sensitivity: Sensitivity) -> tuple[str, ...]:
    """The spreads in words, what they do not show, and why rows cannot tell."""
    rules = [f"{name} {_words(each)}" for name, each in sensitivity.by_rule.items() if each]
    total = _words(sensitivity.total, "none of them gives a rate")
    factors = "The rules divide by different factors, which is part of it."
    by_rule = f" By rule: {', '.join(rules)}. {factors}" if rules else ""
    alone = "nothing to compare, as at most one of them gives a rate"
    return (
        f"Largest distance (standard deviation) in decades, over the rows above: {total}.{by_rule}",
        "Of the first row over the sweep and its sub-sweeps: "
        f"{_words(sensitivity.over_sub_sweeps, alone)}. {LIMITS}",
        *(f"! {note}" for note in sensitivity.notes),
    )


def sensitivity_text(sensitivity: Sensitivity) -> str:
    """Table and sentences as plain text."""
    wrapped = [textwrap.fill(each, TEXT_WIDTH) for each in sensitivity_sentences(sensitivity)]
    return "\n\n".join([plain_text(sensitivity_table(sensitivity)), "\n".join(wrapped)])


def _cells(row: SensitivityRow, first: float | None) -> list[str]:
    apart = row.over_sub_sweeps
    return [
        row.label,
        "cannot tell" if row.lr is None else f"{row.lr:.2e}",
        _distances([row.lr], first),
        *(_distances([e.lr for e in row.sub_sweeps if e.stride == k], row.lr) for k in STRIDES),
        "" if apart is None else f"{apart.largest:.2f}",
        "" if apart is None else f"{apart.deviation:.2f}",
    ]


def _distances(rates: list[float | None], reference: float | None) -> str:
    """Each rate's distance from the reference, in decades; "?" where one is missing."""
    return " ".join(decades(_distance(rate, reference)) for rate in rates)


def _distance(rate: float | None, reference: float | None) -> float | None:
    return None if rate is None or reference is None else log10(rate / reference)


def _words(spread: Scatter | None, without: str = "") -> str:
    return without if spread is None else f"{spread.largest:.2f} ({spread.deviation:.2f})"
