"""The public record of a sweep: what was recorded, and what with."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind._version import __version__
from lrfind.layers.recorder import LayerRecorder
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import SweepSettings
from lrfind.sweep.recording import Recording


def sweep_result(
    recording: Recording,
    settings: SweepSettings,
    optimizers: Sequence[Optimizer],
    layers: LayerRecorder | None = None,
) -> RangeTestResult:
    """The result of a sweep, with the rates of the steps that were made.

    Args:
        recording: What the sweep recorded.
        settings: Its settings.
        optimizers: The optimizers that it swept.
        layers: What measured the tensors around its steps, if anything did.
    """
    lr, scale = recording.lr[: recording.loss.size], recording.group_scale
    return RangeTestResult(
        lr=lr,
        loss=recording.loss,
        stop_reason=recording.stop_reason,
        settings=settings,
        group_scale=scale,
        probe=recording.probe,
        metric=recording.metric,
        tasks=recording.tasks,
        skipped=recording.skipped,
        layers=None if layers is None else layers.layers(lr, scale),
        optimizer="+".join(type(each).__name__ for each in optimizers),
        seed=recording.seed,
        versions=versions(),
    )


def versions() -> dict[str, str]:
    """Versions of what computes the losses and the result."""
    return {
        "lrfind": __version__,
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }
