"""A sweep in TensorBoard."""

from __future__ import annotations

from typing import Any

from lrfind.result.logged import PREFIX, Logged, finite, tags


def log_tensorboard(writer: Any, sweep: Logged) -> None:
    """Add a sweep to what a `SummaryWriter` writes, which stays open.

    TensorBoard takes hyperparameters for those of a whole run, so these are a run of their own
    below the writer's, "lrfind".
    """
    for name, tag in tags(sweep.columns).items():
        for step, value in finite(sweep.columns[name]):
            writer.add_scalar(tag, value, step)
    # Text is Markdown; indented, it is shown as it is.
    indented = "".join(f"    {line}\n" for line in sweep.text.splitlines())
    writer.add_text(f"{PREFIX}/summary", indented)
    for name, figure in sweep.figures.items():
        writer.add_figure(f"{PREFIX}/{name}", figure)
    found = {f"{PREFIX}/{name}": value for name, value in sweep.numbers.items()}
    writer.add_hparams({**sweep.settings, **sweep.words}, found, run_name=PREFIX)
    writer.flush()
