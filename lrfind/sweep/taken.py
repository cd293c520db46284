"""The optimizers of one run: no other's, at its learning rates, and watched."""

from __future__ import annotations

from collections.abc import Sequence

from torch.optim import Optimizer

from lrfind.state.in_use import Claim
from lrfind.state.undo import Undo
from lrfind.sweep.group_rates import GroupRates
from lrfind.sweep.step_watch import StepWatch


class Taken:
    """Takes the optimizers of a run, and gives them back with the learning rates they had.

    Args:
        optimizers: The optimizers.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._optimizers, self._undo = optimizers, Undo()

    def take(self, lr: float, scale: Sequence[float] | None) -> tuple[GroupRates, StepWatch]:
        """Set the learning rate of the first step; what fails later leaves it to `give_back`.

        Args:
            lr: That of the group with the largest.
            scale: As in `GroupRates`.

        Returns:
            What sets the next rates, and what watches the steps.

        Raises:
            RuntimeError: One of them is in another run, or does not take its rate.
        """
        claim = Claim(self._optimizers, swept=True)
        self._undo.note(claim.release)  # what undoes is noted first: a signal may come between
        claim.take()
        rates = GroupRates(self._optimizers, scale)
        self._undo.note(rates.restore)
        rates.set(lr)
        # Read back before the first step: a group may not take what is written to it.
        for number in range(len(self._optimizers)):
            if (difference := rates.difference(number)) is not None:
                raise RuntimeError(difference)
        watch = StepWatch(self._optimizers, rates)
        self._undo.note(watch.stop)
        watch.start()
        return rates, watch

    def give_back(self) -> None:
        """Restore the learning rates, and let others have the optimizers; once is enough."""
        self._undo.finish()
