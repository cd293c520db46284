"""Ends a run whose batches have no loss; a few without one are left out."""

from __future__ import annotations

from lrfind.sweep.epochs import MOST_SKIPPED


class NoLoss:
    """Counts the batches in a row that had no loss.

    Args:
        maker: What returns the losses, for the error message.
    """

    def __init__(self, maker: str) -> None:
        self._maker, self._skipped = maker, 0

    def check(self, loss: object) -> None:
        """Take note of the loss of a batch, None for none.

        Raises:
            TypeError: `MOST_SKIPPED` batches in a row had no loss.
        """
        self._skipped = self._skipped + 1 if loss is None else 0
        if self._skipped == MOST_SKIPPED:
            raise TypeError(
                f"`{self._maker}` returned no loss for {MOST_SKIPPED} batches in a row."
            )
