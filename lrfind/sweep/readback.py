"""Reads losses back from an accelerator without synchronising at every step.

`loss.item()` blocks the host until the device has caught up, so the next step is not queued in the
meantime. Here a loss is copied asynchronously to pinned host memory, and read once the copy is
done. The losses and their order are the same; they only become known later.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import torch
import torch.distributed as dist

from lrfind.support.process_group import rank_count, reducing_device


class Readback(Protocol):
    """Takes losses and returns their values in order."""

    def put(self, loss: torch.Tensor | float) -> None:
        """Take the next loss."""

    def arrived(self) -> list[float]:
        """The values that have arrived since the last call."""

    def rest(self) -> list[float]:
        """All values that have not been returned yet, waiting for them."""


class DeviceReadback:
    """For losses on an accelerator: copied asynchronously on the current stream.

    Args:
        capacity: The largest number of losses.
        lag: Return each value exactly this many steps later, waiting for it if need be; None
            returns those that have arrived, without waiting.
    """

    def __init__(self, capacity: int, lag: int | None = None) -> None:
        self._capacity = capacity
        self._lag = lag
        self._host: torch.Tensor | None = None
        self._events: deque[torch.Event | None] = deque()
        self._put = self._given = 0

    def put(self, loss: torch.Tensor | float) -> None:
        """Take the next loss, a one-element tensor on the device."""
        loss = torch.as_tensor(loss)
        if self._host is None:
            self._host = torch.empty(self._capacity, dtype=loss.dtype, pin_memory=True)
        self._host[self._put].copy_(loss.detach().reshape(()), non_blocking=True)
        # The loss may also be a number or a CPU tensor: its copy is already done, and the CPU has
        # no events.
        event = torch.Event(device=loss.device) if is_on_device(loss) else None
        if event is not None:
            event.record()
        self._events.append(event)
        self._put += 1

    def arrived(self) -> list[float]:
        """The values whose copy is done; with a lag, the value that is due."""
        ready = self._given
        while self._events and self._is_ready(self._events[0]):
            self._events.popleft()
            ready += 1
        return self._give(ready)

    def _is_ready(self, event: torch.Event | None) -> bool:
        if self._lag is None:
            return event is None or bool(event.query())
        if len(self._events) <= self._lag:
            return False
        if event is not None:
            event.synchronize()
        return True

    def rest(self) -> list[float]:
        """All values, after the last copy."""
        if pending := [event for event in self._events if event is not None]:
            pending[-1].synchronize()
        self._events.clear()
        return self._give(self._put)

    def _give(self, ready: int) -> list[float]:
        if self._host is None or ready == self._given:
            return []
        values: list[float] = self._host[self._given : ready].tolist()
        self._given = ready
        return values


class HostCopies:
    """Numbers of which some are on a device, copied from there together, without waiting.

    Args:
        values: Numbers, and tensors with one element, on any device.
    """

    def __init__(self, values: Iterable[torch.Tensor | float]) -> None:
        there: dict[torch.device, list[torch.Tensor]] = {}
        for value in values:
            if isinstance(value, torch.Tensor) and is_on_device(value):
                there.setdefault(value.device, []).append(value)
        self._copies = [(tensors, *_copy(torch.stack(tensors))) for tensors in there.values()]

    @property
    def is_needed(self) -> bool:
        """Whether any of the numbers is on a device."""
        return bool(self._copies)

    @property
    def is_done(self) -> bool:
        """Whether all are on the host."""
        return all(event.query() for _, _, event in self._copies)

    def numbers(self) -> Callable[[torch.Tensor | float], float]:
        """A function that gives the number of each value; waits for those that are not there."""
        found: dict[int, float] = {}
        for tensors, host, event in self._copies:
            event.synchronize()
            found |= zip(map(id, tensors), host.tolist(), strict=True)
        return lambda value: found[id(value)] if id(value) in found else float(value)


def _copy(tensor: torch.Tensor) -> tuple[torch.Tensor, torch.Event]:
    """A copy on the host, and the event after which it is there."""
    host = torch.empty_like(tensor, device="cpu", pin_memory=True)
    host.copy_(tensor, non_blocking=True)
    event = torch.Event(device=tensor.device)
    event.record()
    return host, event


LAG = 8
"""Steps after which a mean is read: by then the all-reduce is done, and the host does not block.

A fixed number, since all ranks must see the same losses at the same step to stop together.
"""


class MeanReadback:
    """Averages each loss over the ranks, and returns the means in order, `LAG` steps later.

    Args:
        capacity: The largest number of losses.
    """

    def __init__(self, capacity: int) -> None:
        self._on_device = DeviceReadback(capacity, lag=LAG)
        self._on_host: deque[tuple[torch.Tensor, dist.Work]] = deque()

    def put(self, loss: torch.Tensor | float) -> None:
        """Take the next loss of this rank, and start its all-reduce."""
        value = torch.as_tensor(loss, dtype=torch.float64).reshape(())
        mean = value.to(reducing_device(value.device)) / rank_count()
        work = dist.all_reduce(mean, async_op=True)
        assert work is not None
        if mean.device.type == "cpu":
            self._on_host.append((mean, work))
        else:
            work.wait()  # makes the stream wait, not the host
            self._on_device.put(mean)

    def arrived(self) -> list[float]:
        """The means of all but the last `LAG` losses."""
        return self._on_device.arrived() + self._take(len(self._on_host) - LAG)

    def rest(self) -> list[float]:
        """All means, waiting for the last."""
        return self._on_device.rest() + self._take(len(self._on_host))

    def _take(self, count: int) -> list[float]:
        values = []
        for _ in range(count):
            mean, work = self._on_host.popleft()
            work.wait()
            values.append(mean.item())
        return values


def readback_for(loss: torch.Tensor | float, capacity: int, ranks: int) -> Readback | None:
    """The readback for losses like this one; None for losses that are already on the host.

    Args:
        loss: The first loss.
        capacity: The largest number of losses.
        ranks: The number of processes whose losses are averaged.
    """
    if ranks > 1:
        return MeanReadback(capacity)
    return DeviceReadback(capacity) if is_on_device(loss) else None


def is_on_device(loss: torch.Tensor | float) -> bool:
    """Whether a loss is on an accelerator, so that reading it would wait."""
    return isinstance(loss, torch.Tensor) and loss.device.type not in ("cpu", "meta")
