"""A short training at one rate, recorded as a sweep is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind.result.constant_run import ConstantRun
from lrfind.result.settings import SweepSettings
from lrfind.support.arguments import require_count, require_positive
from lrfind.sweep.recorder import Recorder


class ConstantRate(Recorder):
    """Records a training at one rate; a non-finite loss ends it, a rising one does not.

    Args:
        optimizer: One optimizer or several; parameter groups keep the ratios of their rates.
        lr: The largest of their rates, above 0.
        num_iter: Number of steps, at least 1.
        probe_every: After how many steps each the probe is looked at, if there is one.
        scaler: The gradient scaler of the loop, if it has one.
        all_ranks: Whether the losses are averaged over the ranks of the process group.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range; the message names it.
    """

    name = "short training"

    def __init__(
        self,
        optimizer: Optimizer | Sequence[Optimizer],
        lr: float,
        num_iter: int,
        *,
        probe_every: int = 1,
        scaler: torch.amp.GradScaler | None = None,
        all_ranks: bool = True,
    ) -> None:
        lr = require_positive("lr", lr)
        num_iter = require_count("num_iter", num_iter, least=1)
        settings = SweepSettings(lr, lr, num_iter, "constant", None, probe_every)
        rates = np.full(num_iter, lr)
        super().__init__(optimizer, rates, settings, scaler=scaler, all_ranks=all_ranks)

    def result(self) -> ConstantRun:
        """The record so far."""
        self._wait()
        return ConstantRun(
            self.settings.start_lr,
            np.array(self._losses, dtype=np.float64),
            self._probe.by_step(len(self._losses)),
        )
