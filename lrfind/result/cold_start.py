"""The record of a short training from scratch that shows whether a learning rate starts at all."""

from __future__ import annotations

from dataclasses import dataclass

from lrfind.support.text import rate


@dataclass(frozen=True)
class ColdStart:
    """A short training from the initial state at a constant learning rate.

    A sweep reaches a learning rate with weights that lower ones have trained. In a deep network
    without normalisation a training that starts at that rate may never start.

    Attributes:
        lr: The learning rate; with several parameter groups, that of the group with the largest.
        steps: Steps it took.
        loss: Mean of the last third of its losses; infinite if one was not finite.
        enough: The highest such loss that counts as started.
    """

    lr: float
    steps: int
    loss: float
    enough: float

    def __str__(self) -> str:
        found = "starts" if self.started else "does not start"
        return f"A training from scratch at {rate(self.lr)} {found} ({self.steps} more steps)."

    @property
    def started(self) -> bool:
        """Whether the training started."""
        return self.loss <= self.enough
