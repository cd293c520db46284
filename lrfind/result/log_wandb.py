"""A sweep in Weights & Biases."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from lrfind.result.logged import PREFIX, Logged
from lrfind.support.heads import whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


def log_wandb(run: Any, sweep: Logged) -> None:
    """Add a sweep to a run, without a step of its history.

    A row of the history for each step of the sweep would raise the run's step, also with a step
    metric of its own; and W&B drops what is then logged at a lower one. So the columns are a table,
    in the row that the run logs next.
    """
    import wandb

    rows = zip(*(column.tolist() for column in sweep.columns.values()), strict=True)
    data = [[step, *map(_known, row)] for step, row in enumerate(rows)]
    table = wandb.Table(columns=["step", *map(whole, sweep.columns)], data=data)
    media = {name: wandb.Image(_pixels(figure)) for name, figure in sweep.figures.items()}
    media["sweep"] = wandb.plot.line(table, "step", "loss", title="Range test: raw losses")
    media["summary"] = wandb.Html(f"<pre>{escape(sweep.text)}</pre>", inject=False)
    # A second sweep in the run replaces the first in the table of runs.
    run.config.update({PREFIX: dict(sweep.settings)}, allow_val_change=True)
    run.log({f"{PREFIX}/{name}": each for name, each in media.items()}, commit=False)
    found = {**sweep.numbers, **sweep.words}
    run.summary.update({f"{PREFIX}/{name}": value for name, value in found.items()})


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _pixels(figure: Figure) -> NDArray[np.uint8]:
    """The figure as it is; W&B takes one itself only where pyplot has been imported."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())
