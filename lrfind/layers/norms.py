"""Norms of many tensors in few calls, written to one buffer on their device."""

from __future__ import annotations

from typing import Any

import torch

WEIGHT, GRADIENT, UPDATE, APPLIED = range(4)
"""Rows of the buffer of one step."""


class Norms:
    """Measures tensors of the same device and dtype together.

    Args:
        parameters: The tensors.
        num_iter: Maximum number of steps.

    Attributes:
        values: Shape `(num_iter, 4, tensors)`, on their device; NaN where nothing was measured.
    """

    def __init__(self, parameters: list[torch.Tensor], num_iter: int) -> None:
        self._parameters = parameters
        first = parameters[0]
        wide = first.dtype in (torch.float64, torch.complex128)
        self._type = torch.float64 if wide else torch.float32
        # A norm in half precision overflows at 65504 and loses small squares.
        self._norm_type = self._type if first.dtype in (torch.float16, torch.bfloat16) else None
        shape = (num_iter, 4, len(parameters))
        self.values = torch.full(shape, torch.nan, dtype=self._type, device=first.device)
        self._before = [torch.empty_like(each) for each in parameters]
        self._nan = torch.full((), torch.nan, dtype=first.dtype, device=first.device)
        # Views are made once: on small models, Python overhead is most of the cost of a step.
        self._weights, self._gradients, self._updates, _ = zip(
            *(row.unbind() for row in self.values.unbind()), strict=True
        )
        self._both = self.values[:, : GRADIENT + 1].flatten(1).unbind()

    def weights(self, step: int) -> None:
        """Before the step: copy the weights, and record their norms."""
        torch._foreach_copy_(self._before, self._parameters)
        self._note(self._before, self._weights[step])

    def gradients(self, step: int, scale: torch.Tensor | None) -> None:
        """Record the norms of the gradients, divided by the loss scale if there is one."""
        self._note(self._present_gradients(), self._gradients[step])
        self._unscale(step, scale)

    def weights_and_gradients(self, step: int, scale: torch.Tensor | None) -> None:
        """Both in one call."""
        torch._foreach_copy_(self._before, self._parameters)
        self._note(self._before + self._present_gradients(), self._both[step])
        self._unscale(step, scale)

    def updates(self, step: int) -> None:
        """After the step: record the norms of the updates."""
        torch._foreach_sub_(self._before, self._parameters)
        self._note(self._before, self._updates[step])

    def applied(self, step: int, state: Any) -> None:
        """Record the trust ratios that the optimizer stores in its state, if it does."""
        for column, each in enumerate(self._parameters):
            if "trust_ratio" in (kept := state.get(each, ())):
                # Assigns a number by `fill_` and a tensor by `copy_`: neither waits for the device.
                self.values[step, APPLIED, column] = kept["trust_ratio"]

    def _present_gradients(self) -> list[torch.Tensor]:
        """The gradients; for a sparse one its values, which have the same norm; NaN for none."""
        gradients = [self._nan if each.grad is None else each.grad for each in self._parameters]
        return [g.coalesce().values() if g.is_sparse else g for g in gradients]

    def _unscale(self, step: int, scale: torch.Tensor | None) -> None:
        if scale is not None:
            self._gradients[step].div_(scale.to(self.values.device, self._type))

    def _note(self, tensors: list[torch.Tensor], norms: torch.Tensor) -> None:
        torch.stack(torch._foreach_norm(tensors, 2, dtype=self._norm_type), out=norms)
