"""Losses recorded without an optimizer step: those of the micro-batches of the step to come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

MOST = 1000
"""Losses in a row without a step that end a run: it makes none."""

Loss = torch.Tensor | float


class MicroBatches:
    """Keeps losses and task losses until their step is made."""

    def __init__(self) -> None:
        self._losses: list[Loss] = []
        self._tasks: list[Mapping[str, Loss]] = []

    def __len__(self) -> int:
        return len(self._losses)

    def keep(self, loss: Loss, tasks: Mapping[str, Loss] | None) -> None:
        """Keep those of one micro-batch; tensors are copied, so they may be overwritten.

        Raises:
            RuntimeError: There are too many for one step.
        """
        if len(self) == MOST:
            raise RuntimeError(
                f"`optimizer` has made no step in the last {MOST} batches, so that there is no "
                "learning rate to test: make its step in the loop, or in `step`."
            )
        self._losses.append(_copied(loss))
        self._tasks.append({name: _copied(each) for name, each in (tasks or {}).items()})

    def take(
        self, loss: Loss, tasks: Mapping[str, Loss] | None
    ) -> tuple[Loss, dict[str, Loss] | None]:
        """The means with those of the last micro-batch, a task's over those that have it."""
        means = mean_of([*self._losses, loss]), mean_by_task([*self._tasks, tasks or {}]) or None
        self.drop()
        return means

    def drop(self) -> None:
        """Keep none."""
        self._losses, self._tasks = [], []


def mean_of(losses: Sequence[Loss]) -> Loss:
    """The mean of one-element tensors, on their device, or of numbers."""
    tensors = [loss for loss in losses if isinstance(loss, torch.Tensor)]
    if not tensors:
        return sum(losses) / len(losses)
    # A number among them is filled in on the device: copying it there would wait for the device.
    device = tensors[0].device
    whole = [
        loss.reshape(()) if isinstance(loss, torch.Tensor) else torch.full((), loss, device=device)
        for loss in losses
    ]
    return torch.stack(whole).mean()


def mean_by_task(losses: Sequence[Mapping[str, Loss]]) -> dict[str, Loss]:
    """The mean loss of each task, over the micro-batches that have it."""
    names = dict.fromkeys(name for each in losses for name in each)
    return {name: mean_of([each[name] for each in losses if name in each]) for name in names}


def _copied(loss: Loss) -> Loss:
    return loss.detach().clone() if isinstance(loss, torch.Tensor) else loss
