"""Experiment trackers: what is known as a run of which, without importing any."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from lrfind.result.log_mlflow import log_mlflow
from lrfind.result.log_tensorboard import log_tensorboard
from lrfind.result.log_wandb import log_wandb
from lrfind.result.logged import Logged

Log = Callable[[Any, Logged], None]

TRACKERS: dict[tuple[str, str], Log] = {
    ("torch", "SummaryWriter"): log_tensorboard,
    ("wandb", "Run"): log_wandb,
    ("mlflow", "Run"): log_mlflow,
}
"""What logs to a run, by the package and the name of its class."""

ACTIVE: dict[str, Callable[[Any], Any]] = {
    "wandb": lambda module: module.run,
    "mlflow": lambda module: module.active_run(),
}
"""The active run of a module; None if there is none."""


def tracker_of(target: Any) -> tuple[Log, Any]:
    """What logs to a target, and the run; see `RangeTestResult.log_to`."""
    run = target
    if isinstance(target, ModuleType) and target.__name__ in ACTIVE:
        run = ACTIVE[target.__name__](target)
        if run is None:
            raise ValueError(f"`target` must have an active run, but {target.__name__} has none.")
    for kind in type(run).__mro__:
        log = TRACKERS.get((kind.__module__.partition(".")[0], kind.__name__))
        if log is not None:
            return log, run
    raise TypeError(
        "`target` must be a SummaryWriter of torch.utils.tensorboard, a run of wandb or mlflow, or "
        f"the module wandb or mlflow, got {target!r}."
    )
