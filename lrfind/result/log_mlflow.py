"""A sweep in MLflow."""

from __future__ import annotations

import time
from typing import Any

from lrfind.result.logged import PREFIX, Logged, finite, tags

AT_ONCE = 1000
"""So many metrics MLflow takes in a call."""


def log_mlflow(run: Any, sweep: Logged) -> None:
    """Add a sweep to a run of the tracking server that is set, in few calls.

    The parameters come first: MLflow refuses those that a run has with another value.
    """
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client, run_id, now = MlflowClient(), run.info.run_id, int(time.time() * 1000)
    params = [Param(f"{PREFIX}/{name}", str(value)) for name, value in sweep.settings.items()]
    client.log_batch(run_id, params=params)
    words = [RunTag(f"{PREFIX}/{name}", word) for name, word in sweep.words.items()]
    numbers = sweep.numbers.items()
    found = [Metric(f"{PREFIX}/{name}", value, now, 0) for name, value in numbers]
    client.log_batch(run_id, metrics=found, tags=words)
    metrics = [
        Metric(tag, value, now, step)
        for name, tag in tags(sweep.columns).items()
        for step, value in finite(sweep.columns[name])
    ]
    for start in range(0, len(metrics), AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + AT_ONCE])
    client.log_text(run_id, sweep.text, f"{PREFIX}/summary.txt")
    for name, figure in sweep.figures.items():
        client.log_figure(run_id, figure, f"{PREFIX}/{name}.png")
