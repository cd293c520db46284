"""The steps of a Lightning trainer, made one at a time by its own loop."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import torch

from lrfind.integrations.lightning_twin import Twin


class Steps:
    """The optimizer steps of a twin that is set up, made by the loop of Lightning itself.

    Args:
        twin: The trainer.
    """

    def __init__(self, twin: Twin) -> None:
        self._twin, (self._losses, *_) = twin, twin.callbacks
        self._batches = _Batches(None)

    def epoch(self) -> Iterator[int]:
        """Begin an epoch, give the number of each of its steps, and end it."""
        twin, loop = self._twin, self._twin.fit_loop
        if twin.current_epoch == 0:
            iter(loop._data_fetcher)  # later ones begin in `on_run_start`
        loop.on_advance_start()
        loop.epoch_loop.reset()
        loop.epoch_loop.on_run_start(loop._data_fetcher)
        self._batches = _Batches(loop._data_fetcher)
        number = 0
        while self._goes_on():
            yield number
            number += 1
        loop.on_advance_end()

    def make(self, number: int) -> torch.Tensor | None:
        """Train on the batches of one step; returns their mean loss, None if they have none."""
        twin, loop = self._twin, self._twin.fit_loop.epoch_loop
        before, self._losses.taken = twin.global_step, []
        more = True
        while more:
            with suppress(StopIteration):  # a hook ends the epoch
                loop.advance(self._batches)
                loop.on_advance_end(self._batches)
            # With manual optimization, only the module knows which batches belong together.
            accumulates = twin.lightning_module.automatic_optimization
            more = accumulates and twin.global_step == before and self._goes_on()
        losses = self._losses.taken
        return torch.stack(losses).mean() if losses else None

    def __len__(self) -> int:
        count: float = self._twin.num_training_batches / self._twin.accumulate_grad_batches
        if math.isinf(count):
            raise TypeError("the data has no length")
        return math.ceil(count)

    def held(self) -> list[Any]:
        """The attributes of all that counts batches, steps and epochs, and of the callbacks."""
        callbacks = map(vars, self._twin.callbacks)
        return [vars(self._twin), *_counters(self._twin.fit_loop), *callbacks]

    def _goes_on(self) -> bool:
        return not self._twin.fit_loop.epoch_loop.done and self._batches.has_next()


def _counters(part: Any) -> Iterator[Any]:
    """The attributes of a loop, and of the loops, counters and fetchers that it is made of."""
    yield vars(part)
    for each in vars(part).values():
        if type(each).__module__.startswith("lightning.pytorch.loops."):
            yield from _counters(each)


class _Batches:
    """A data fetcher of Lightning that can be asked whether it has another batch."""

    def __init__(self, fetcher: Any) -> None:
        self._fetcher, self._ahead = fetcher, deque[Any]()

    def has_next(self) -> bool:
        if not self._ahead:
            with suppress(StopIteration):
                self._ahead.append(next(self._fetcher))
        return len(self._ahead) > 0

    def __next__(self) -> Any:
        return self._ahead.popleft() if self._ahead else next(self._fetcher)

    @property
    def done(self) -> bool:
        """Whether the batch that was given last is the last."""
        return bool(self._fetcher.done)


class Turns:
    """The numbers of the steps of each epoch, as the loader of a problem.

    Args:
        steps: The steps.
        data: What Lightning fetches the batches from.
    """

    def __init__(self, steps: Steps, data: Any) -> None:
        # As methods, which a copy of the state of a loader leaves out; of the data it keeps the
        # state and not the batches.
        self._epoch, self._count, self._data = steps.epoch, steps.__len__, data

    def __iter__(self) -> Iterator[int]:
        return self._epoch()

    def __len__(self) -> int:
        return self._count()
