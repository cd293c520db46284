"""The step of the frozen-weights control, which computes the loss but makes no update."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from lrfind.loop.batches import to_device
from lrfind.loop.step import Forward, autocasting
from lrfind.sweep.micro_batches import mean_of


class FrozenStep:
    """Callable that takes the micro-batches of one step and returns their mean loss, no update.

    The model stays in the mode that it trains in, and draws the same random numbers as in
    training. Its buffers are restored after every batch: a forward pass in train mode updates some
    of them, such as a codebook or the vectors of a spectral norm, which would change the loss
    although no weight changes.

    Args:
        model: The model.
        forward: Function of (model, batch) that returns the loss.
        device: The model's device.
        autocast: Data type of `torch.autocast` around the forward pass; None for none.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        forward: Forward,
        device: torch.device,
        *,
        autocast: torch.dtype | None = None,
    ) -> None:
        self._model = model
        self._forward = forward
        self._device = device
        self._autocast = autocast

    def __call__(self, batches: Sequence[Any]) -> torch.Tensor | float | None:
        """The mean loss of the micro-batches; None if one of them has none.

        Args:
            batches: The micro-batches.

        Returns:
            The mean of their losses: a number, or a tensor on the device.
        """
        losses = []
        # DistributedDataParallel would wait for a backward pass that never comes.
        no_sync = getattr(self._model, "no_sync", nullcontext)
        for batch in batches:
            batch = to_device(batch, self._device)
            # Gradients stay enabled: the loss may need them (a gradient penalty), and torch may
            # choose other kernels without them. So the losses equal those of the step bit for bit.
            with buffers_kept(self._model), no_sync(), autocasting(self._device, self._autocast):
                loss = self._forward(self._model, batch)
            if loss is None:
                return None
            losses.append(loss.detach())
        if len(losses) == 1:
            return losses[0]
        # Of numbers on the CPU, as in the step.
        return mean_of([each.item() for each in losses] if self._device.type == "cpu" else losses)


@contextmanager
def buffers_kept(model: torch.nn.Module) -> Iterator[None]:
    """Restore all buffers, whether they were changed in place or replaced.

    Args:
        model: The model.
    """
    held = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        yield
    finally:
        with torch.no_grad():
            for module, name, buffer, copy in held:
                module._buffers[name] = buffer
                buffer.copy_(copy)
