"""Combines the losses of several tasks into the one that is trained on, and records each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch

from lrfind.loop.step import Forward
from lrfind.loop.validation import check_loss
from lrfind.multitask.checks import check_task_loss
from lrfind.sweep.micro_batches import mean_by_task

Total = Callable[[Mapping[str, torch.Tensor]], torch.Tensor]

LOSS = "loss"
"""Key of the loss to train on, in a dictionary that holds other numbers too."""


class TaskForward:
    """Callable that calls `forward` and combines its losses if it returns a dictionary of them.

    The task losses are kept for `take`, detached and on their device, unless gradients are
    disabled, as in the evaluation of a probe.

    Args:
        forward: Function of (model, batch) that returns a loss or a dictionary of losses.
        total: Combines the dictionary into one loss; None takes its `"loss"`, or the sum if it has
            none.
        maker: Name of the argument that computes the losses, for error messages.
    """

    def __init__(self, forward: Forward, total: Total | None, maker: str) -> None:
        self._forward = forward
        self._total = total
        self._maker = maker
        self._seen: list[dict[str, torch.Tensor | float]] = []

    def __call__(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        """The loss to train on."""
        losses: Any = self._forward(model, batch)
        if type(losses) is torch.Tensor or not isinstance(losses, Mapping):
            return self._plain(losses)
        if not losses:
            raise ValueError(f"`{self._maker}` returned an empty dictionary of losses.")
        if self._total is None and LOSS in losses:
            # A total of the user's own: what stands beside it is to be recorded, not added.
            self._note({name: value for name, value in losses.items() if _is_task(name, value)})
            return losses[LOSS]  # type: ignore[no-any-return]
        for name, loss in losses.items():
            check_task_loss(name, loss)
        self._note(losses)
        if self._total is None:
            return total_of(losses.values())
        made = self._total(losses)
        if torch.is_grad_enabled():
            check_loss(made, "total")
        return made

    def _plain(self, loss: torch.Tensor) -> torch.Tensor:
        if self._total is not None and loss is not None:
            raise TypeError(
                f"`total` needs a dictionary of losses, but `{self._maker}` returned "
                f"{type(loss).__name__}."
            )
        return loss

    def _note(self, losses: Mapping[str, torch.Tensor | float]) -> None:
        if torch.is_grad_enabled():
            self._seen.append(
                {
                    name: loss.detach() if isinstance(loss, torch.Tensor) else float(loss)
                    for name, loss in losses.items()
                }
            )

    def take(self, count: int) -> dict[str, torch.Tensor | float] | None:
        """Mean task losses over the first `count` batches since the last call; None without tasks.

        Later losses come from an optimizer that evaluates its closure several times.
        """
        seen, self._seen = self._seen[:count], []
        if len(seen) <= 1:
            return seen[0] if seen else None
        return mean_by_task(seen)


def _is_task(name: str, value: Any) -> bool:
    """Whether an entry beside a `"loss"` is a loss of its own, not predictions or a label."""
    if isinstance(value, torch.Tensor):
        return name != LOSS and value.ndim == 0 and value.is_floating_point()
    return name != LOSS and isinstance(value, float | np.floating)


def total_of(losses: Iterable[torch.Tensor]) -> torch.Tensor:
    """The plain sum of losses."""
    return torch.stack([loss.reshape(()) for loss in losses]).sum()
