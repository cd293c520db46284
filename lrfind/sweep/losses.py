"""The losses of a run, in order, as they become known; one of them may end it."""

from __future__ import annotations

import torch

from lrfind.result.settings import StopReason
from lrfind.sweep.readback import Readback, readback_for
from lrfind.sweep.stop_rules import StopRule


class Losses:
    """Reads losses without waiting for a device, and stops at the one where a rule says so.

    Args:
        stop_rule: Called with every loss; decides whether the run ends there.
        most: The number of steps after which the run is completed.
        ranks: The number of processes whose losses are averaged.

    Attributes:
        known: Those that have been read back.
        stop_reason: Why the run ended, judging by these; None if it has not.
    """

    def __init__(self, stop_rule: StopRule, most: int, ranks: int) -> None:
        self.known: list[float] = []
        self.stop_reason: StopReason | None = None
        self._stop_rule, self._most, self._ranks = stop_rule, most, ranks
        self._readback: Readback | None = None
        self._is_first = True

    def put(self, loss: torch.Tensor | float) -> None:
        """Take the next loss, and look at those that have arrived."""
        if self._is_first:
            self._readback, self._is_first = readback_for(loss, self._most, self._ranks), False
        if self._readback is None:
            self.look_at(float(loss))
        else:
            self._readback.put(loss)
            self._look_at_all(self._readback.arrived())

    def look_at(self, loss: float) -> None:
        """Take a loss that is known."""
        self.known.append(loss)
        reason = self._stop_rule(loss)
        if reason is None and len(self.known) == self._most:
            reason = StopReason.COMPLETED
        self.stop_reason = reason or self.stop_reason

    def wait(self) -> None:
        """Look at those that have not been read back yet, waiting for them."""
        if self._readback is not None:
            self._look_at_all(self._readback.rest())

    def forget_unread(self) -> None:
        """Read no more of them: other ranks may be gone, and a wait for them has no end."""
        self._readback = None

    def _look_at_all(self, losses: list[float]) -> None:
        """Take losses in order until one of them ends the run; later steps do not count."""
        for loss in losses:
            # A loop may end for lack of data or of finite gradients before its last losses have
            # arrived from the device; a reason found in those losses takes precedence.
            if self.stop_reason in (None, StopReason.OVERFLOW, StopReason.EXHAUSTED):
                self.look_at(loss)
