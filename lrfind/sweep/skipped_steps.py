"""Steps that a gradient scaler skips because the scaled gradients overflow."""

from __future__ import annotations

import torch

MAX_SKIPS = 30
"""Consecutive skips that end a run: the default initial scale, 2**16, is below 1e-4 by then."""


class SkippedSteps:
    """Detects and counts the skipped steps of one run.

    Where the scaler decides on the host, it has waited for the device once, and an optimizer that
    stepped was not skipped: nothing more is read. A fused optimizer decides on the device: there
    its scale is read, which waits for the device in place of the scaler.

    Args:
        scaler: The gradient scaler of the loop.

    Attributes:
        counts: How many were skipped before each step, where any was.

    Raises:
        TypeError: `scaler` is not a gradient scaler.
    """

    def __init__(self, scaler: torch.amp.GradScaler) -> None:
        if not hasattr(scaler, "get_scale"):
            raise TypeError(f"`scaler` must be a GradScaler, got {type(scaler).__name__}.")
        self._scaler = scaler
        self.counts: dict[int, int] = {}

    def start(self) -> None:
        """Start watching the scale."""
        self._scale = self._scale_now()

    def was_skipped(self, *, all_stepped: bool) -> bool:
        """Whether the scaler skipped the last step; it lowers its scale only then.

        Args:
            all_stepped: Whether the host knows that every optimizer made its step.
        """
        before, self._scale = self._scale, self._scale_now()
        return not all_stepped and bool(self._scale < before)

    def _scale_now(self) -> torch.Tensor | float:
        """A copy of the scale on its device; the number itself before the first step."""
        scale = getattr(self._scaler, "_scale", None)  # `get_scale` would wait for it
        return scale.clone() if isinstance(scale, torch.Tensor) else self._scaler.get_scale()

    def count(self, step: int) -> bool:
        """Count a skip before a step; True after `MAX_SKIPS` in a row."""
        self.counts[step] = self.counts.get(step, 0) + 1
        return self.counts[step] >= MAX_SKIPS

    def before(self, step: int) -> int:
        """How many were skipped before a step."""
        return self.counts.get(step, 0)

    def by_step(self, count: int, recorded: int) -> tuple[int, ...]:
        """The skips before each step, and after the last if there were any.

        Args:
            count: Number of steps.
            recorded: Number of steps made. If losses that arrived late cut the record to fewer
                steps, skips after the last of these are not part of the run.
        """
        trailing = count == recorded and count in self.counts
        return tuple(self.before(step) for step in range(count + trailing))
