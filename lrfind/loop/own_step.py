"""A training step of the user's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from lrfind.loop.batches import to_device

OwnStep = Callable[[Any], torch.Tensor | float | None]
"""Makes one step from a batch and returns the loss before it; None if the batch has none."""

Step = Callable[[list[Any]], torch.Tensor | float | None]
"""Makes one step from its micro-batches and returns their mean loss before the update, if any."""


def own_step(step: OwnStep, device: torch.device, *, alone: bool) -> Step:
    """A user's function of one batch as a step of a list of one micro-batch.

    Args:
        step: The function.
        device: Where its batches are moved.
        alone: Whether no other rank waits for this one, so that a batch may have no loss.
    """

    def on_one_batch(batches: list[Any]) -> torch.Tensor | float | None:
        loss = step(to_device(batches[0], device))
        if loss is None and alone:
            return None
        if not isinstance(loss, torch.Tensor | float | int | np.number):
            raise TypeError(f"`step` must return the loss, got {type(loss).__name__}.")
        return loss

    return on_one_batch
