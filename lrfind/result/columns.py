"""What a sweep recorded at every step, as the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lrfind.analysis.smoothing import SMOOTHERS
from lrfind.result.record import SweepRecord
from lrfind.support.arguments import require_choice
from lrfind.support.arrays import Array, Steps
from lrfind.support.heads import whole
from lrfind.support.missing import missing

LIBRARIES = ("pandas", "polars")
"""Those that a table may be a data frame of."""


Column = Array | Steps


def columns_of(record: SweepRecord, beta: float) -> dict[str, Column]:
    """The columns, each of shape `(n,)`, by name; the step is the index.

    The names of tasks and parameter groups follow a word of their own, so that a task named "lr"
    is the column "task lr".
    """
    columns: dict[str, Column] = {"lr": record.lr, "loss": record.loss}
    columns |= {name: each.average(record.loss, beta) for name, each in SMOOTHERS.items()}
    beside = {"probe": record.probe, "metric": record.metric}
    columns |= {name: values for name, values in beside.items() if values.size}
    columns |= {f"task {name}": losses for name, losses in record.tasks.items()}
    # Groups that share a learning rate, as those of biases without weight decay, add nothing.
    if len(set(record.group_scale)) > 1:
        columns |= {f"lr group {place}": rates for place, rates in enumerate(record.group_lr)}
    if record.skipped:
        # Those after the last step, if any, belong to no step.
        columns["skipped"] = np.array(record.skipped[: record.lr.size])
    return columns


def table_of(record: SweepRecord, beta: float) -> dict[str, Column]:
    """The columns, and the steps before them."""
    return {"step": np.arange(record.lr.size), **columns_of(record, beta)}


def frame_of(table: Mapping[str, Column], library: str) -> Any:
    """A data frame of what `table_of` gives; see `RangeTestResult.to_frame`."""
    require_choice("library", library, LIBRARIES)
    try:
        if library == "polars":
            import polars

            # It takes no text that has no UTF-8.
            return polars.DataFrame({whole(name): values for name, values in table.items()})
        import pandas

        return pandas.DataFrame(table).set_index("step")
    except ImportError as error:
        raise missing(library) from error
