"""Combines the losses of several tasks into the one that is trained on, and records each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from lrfind.loop.step import Forward, check_loss
from lrfind.multitask.checks import check_task_loss

Total = Callable[[Mapping[str, torch.Tensor]], torch.Tensor]


class TaskForward:
    """Callable that calls `forward` and combines its losses if it returns a dictionary of them.

    The task losses are kept for `take`, detached and on their device, unless gradients are
    disabled, as in the evaluation of a probe.

    Args:
        forward: Function of (model, batch) that returns a loss or a dictionary of losses.
        total: Combines the dictionary into one loss; None takes the sum.
        maker: Name of the argument that computes the losses, for error messages.
    """

    def __init__(self, forward: Forward, total: Total | None, maker: str) -> None:
        self._forward = forward
        self._total = total
        self._maker = maker
        self._seen: list[dict[str, torch.Tensor]] = []

    def __call__(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        """The loss to train on."""
        losses: Any = self._forward(model, batch)
        if type(losses) is torch.Tensor or not isinstance(losses, Mapping):
            return self._plain(losses)
        if not losses:
            raise ValueError(f"`{self._maker}` returned an empty dictionary of losses.")
        for name, loss in losses.items():
            check_task_loss(name, loss)
        if torch.is_grad_enabled():
            self._seen.append({name: loss.detach() for name, loss in losses.items()})
        if self._total is None:
            return total_of(losses.values())
        made = self._total(losses)
        if torch.is_grad_enabled():
            check_loss(made, "total")
        return made

    def _plain(self, loss: torch.Tensor) -> torch.Tensor:
        if self._total is not None:
            raise TypeError(
                f"`total` needs a dictionary of losses, but `{self._maker}` returned "
                f"{type(loss).__name__}."
            )
        return loss

    def take(self, count: int) -> dict[str, torch.Tensor] | None:
        """Mean task losses over the first `count` batches since the last call; None without tasks.

        Later losses come from an optimizer that evaluates its closure several times.
        """
        seen, self._seen = self._seen[:count], []
        if len(seen) <= 1:
            return seen[0] if seen else None
        names = dict.fromkeys(name for losses in seen for name in losses)
        return {
            name: torch.stack([each[name].reshape(()) for each in seen if name in each]).mean()
            for name in names
        }


def total_of(losses: Iterable[torch.Tensor]) -> torch.Tensor:
    """The plain sum of losses."""
    return torch.stack([loss.reshape(()) for loss in losses]).sum()
