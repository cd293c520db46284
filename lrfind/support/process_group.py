"""One sweep over several processes, with the same losses and the same end on every rank.

Each rank has its own mini-batches and losses; the sweep records the mean over ranks. It is computed
by an all-reduce that overlaps with the training steps. So that all ranks stop at the same step, a
mean is read a fixed number of steps later, not when it happens to arrive.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist

from lrfind.support.arrays import Array

T = TypeVar("T")


def rank_count() -> int:
    """The number of processes; 1 without a process group."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_first_rank() -> bool:
    """Whether this process is the one that prints and writes."""
    return rank_count() == 1 or dist.get_rank() == 0


@contextmanager
def process_group() -> Iterator[None]:
    """Set up the process group under torchrun, unless there is one already."""
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
    """The value of the first rank, on all ranks."""
    if rank_count() == 1:
        return value
    holder = [value]
    dist.broadcast_object_list(holder, src=0)
    return holder[0]


def mean_over_ranks(values: Array) -> Array:
    """The mean over all ranks of arrays of equal shape; the array itself on a single rank."""
    if rank_count() == 1 or not values.size:
        return values
    total = torch.from_numpy(values).to(reducing_device(torch.device("cpu")))
    dist.all_reduce(total)
    mean: Array = (total / rank_count()).cpu().numpy()
    return mean


def reducing_device(wanted: torch.device) -> torch.device:
    """The wanted device if the process group can reduce on it, else one on which it can."""
    # Such as "cpu:gloo,cuda:nccl"; `get_backend` cannot name a group with several backends.
    kinds = [part.partition(":")[0] for part in dist.get_backend_config().split(",")]
    if wanted.type in kinds:
        return wanted
    return torch.device("cpu" if "cpu" in kinds else kinds[0])
