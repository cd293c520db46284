"""What a range test needs, as one record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import Optimizer

from lrfind.result import RangeTestResult
from lrfind.training.range_test import range_test
from lrfind.training.step import Forward, LossFn


@dataclass(frozen=True)
class Problem:
    """A model and all that its range test needs: what a function for `lrfind run` returns.

    Attributes:
        model: The model.
        optimizer: Its optimizer.
        loss_fn: The loss function; None with `forward`, `step` or a model that makes its loss.
        train_loader: Any iterable of batches.
        forward: As in `range_test`.
        step: As in `range_test`.
        preserve: As in `range_test`.
    """

    model: torch.nn.Module
    optimizer: Optimizer
    loss_fn: LossFn | None
    train_loader: Iterable[Any]
    forward: Forward | None = None
    step: Callable[[Any], torch.Tensor | float] | None = None
    preserve: tuple[Any, ...] = ()

    def range_test(self, **settings: Any) -> RangeTestResult:
        """Run the range test of this problem; `settings` are the options of `range_test`."""
        return range_test(
            self.model,
            self.optimizer,
            self.loss_fn,
            self.train_loader,
            forward=self.forward,
            step=self.step,
            preserve=self.preserve,
            **settings,
        )
