"""The sweep over the batches of a framework's loop, which may have no loss or run out."""

from __future__ import annotations

import torch

from lrfind.sweep.epochs import MOST_SKIPPED
from lrfind.sweep.sweep import Sweep


class Recording:
    """Records the losses of a loop that asks after each batch and each epoch whether to go on.

    Args:
        sweep: The sweep.
        maker: What returns the losses, for the error message.
    """

    def __init__(self, sweep: Sweep, maker: str) -> None:
        self.sweep, self._maker = sweep, maker
        self._batches = self._skipped = 0

    def goes_on(self, loss: torch.Tensor | float | None) -> bool:
        """Record the loss of a batch, None to leave it out.

        Raises:
            TypeError: `MOST_SKIPPED` batches in a row had no loss.
        """
        self._batches += 1
        self._skipped = self._skipped + 1 if loss is None else 0
        if self._skipped == MOST_SKIPPED:
            raise TypeError(
                f"`{self._maker}` returned no loss for {MOST_SKIPPED} batches in a row."
            )
        return loss is None or self.sweep.record(loss)

    def has_more(self) -> bool:
        """End an epoch; after one without batches, no later one would have any either."""
        seen, self._batches = self._batches, 0
        if not seen:
            self.sweep.exhausted()
        return seen > 0
