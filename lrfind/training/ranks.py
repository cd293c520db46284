"""One sweep over several processes: the same losses and the same end on every rank.

Each rank has its own mini-batch and so its own loss; the sweep is about their mean. It is taken by
an all-reduce that runs behind the training steps. So that all ranks stop at the same step, a mean
is looked at a fixed number of steps later, and not when it happens to have arrived.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist

from lrfind._types import Array
from lrfind.training.readback import DeviceReadback, Readback

LAG = 8
"""Steps after which a mean is looked at: by then it is there, and waiting for it costs nothing."""

T = TypeVar("T")


def rank_count() -> int:
    """The number of processes; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_first_rank() -> bool:
    """Whether this process is the one that prints and writes."""
    return rank_count() == 1 or dist.get_rank() == 0


@contextmanager
def process_group() -> Iterator[None]:
    """The process group that torchrun asks for, if it does and none stands yet."""
    if not dist.is_available() or not dist.is_torchelastic_launched() or dist.is_initialized():
        yield
        return
    rank = int(os.environ["LOCAL_RANK"])
    if torch.cuda.is_available() and torch.cuda.device_count() > rank:
        torch.cuda.set_device(rank)
        dist.init_process_group("cpu:gloo,cuda:nccl")
    else:
        dist.init_process_group("gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def same_on_every_rank(value: T) -> T:
    """The first rank's value, on all ranks."""
    if rank_count() == 1:
        return value
    holder = [value]
    dist.broadcast_object_list(holder, src=0)
    return holder[0]


def mean_over_ranks(values: Array) -> Array:
    """The mean of arrays of equal shape over all ranks; the array itself on one."""
    if rank_count() == 1 or not values.size:
        return values
    total = torch.from_numpy(values).to(_reducing_device(torch.device("cpu")))
    dist.all_reduce(total)
    mean: Array = (total / rank_count()).cpu().numpy()
    return mean


class MeanReadback:
    """Averages each loss over the ranks and gives the means back in order, `LAG` steps later.

    Args:
        capacity: The largest number of losses.
    """

    def __init__(self, capacity: int) -> None:
        self._on_device = DeviceReadback(capacity, lag=LAG)
        self._on_host: deque[tuple[torch.Tensor, dist.Work]] = deque()

    def put(self, loss: torch.Tensor | float) -> None:
        """Take the next loss of this rank, and start averaging it."""
        value = torch.as_tensor(loss, dtype=torch.float64).reshape(())
        mean = value.to(_reducing_device(value.device)) / rank_count()
        work = dist.all_reduce(mean, async_op=True)
        assert work is not None
        if mean.device.type == "cpu":
            self._on_host.append((mean, work))
        else:
            work.wait()  # the stream waits, not the host
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
    """The readback for losses like this one; None if they need none, being on the host.

    Args:
        loss: The first loss.
        capacity: The largest number of losses.
        ranks: The number of processes whose losses are averaged.
    """
    if ranks > 1:
        return MeanReadback(capacity)
    on_device = isinstance(loss, torch.Tensor) and loss.device.type not in ("cpu", "meta")
    return DeviceReadback(capacity) if on_device else None


def _reducing_device(wanted: torch.device) -> torch.device:
    """The wanted device if the process group can reduce on it, else one on which it can."""
    # Such as "cpu:gloo,cuda:nccl"; `get_backend` knows no name for a group of several.
    kinds = [part.partition(":")[0] for part in dist.get_backend_config().split(",")]
    if wanted.type in kinds:
        return wanted
    return torch.device("cpu" if "cpu" in kinds else kinds[0])
