"""The batches of a loader, epoch after epoch."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import count
from typing import Any, TypeVar

import numpy as np
import torch
from torch.utils.data import Dataset

from lrfind.sweep.micro_batches import MOST
from lrfind.sweep.recorder import Recorder

Batch = TypeVar("Batch")

MOST_SKIPPED = 100
"""Batches in a row without a loss that end a run."""

NOT_RECORDED = (
    f"the loop recorded no loss in {MOST} batches: call `sweep.record(loss)` after each step."
)


class Cycle:
    """The batches of a loader, epoch after epoch, until a run is over.

    Args:
        train_loader: Any iterable of batches.
        recorder: What records the run.

    Raises:
        TypeError: `train_loader` is not iterable.
    """

    def __init__(self, train_loader: Iterable[Any], recorder: Recorder) -> None:
        check_iterable(train_loader)
        self._loader, self._recorder = train_loader, recorder
        self._given = self._calls = 0
        self._batches = self._until_over()

    def __iter__(self) -> Generator[Any, None, None]:
        return self._batches

    def _until_over(self) -> Generator[Any, None, None]:
        recorder, unrecorded = self._recorder, 0
        if recorder.is_over:
            return
        with closing(endless(self._loader)) as batches:
            for batch in batches:
                self._given, self._calls = self._given + 1, recorder.calls
                yield batch
                unrecorded = 0 if recorder.calls > self._calls else unrecorded + 1
                if unrecorded == MOST:
                    raise RuntimeError(NOT_RECORDED)
                if recorder.is_over:
                    return
        recorder.exhausted()

    def close(self) -> None:
        """Let go of the loader, and so of its workers."""
        self._batches.close()

    @property
    def epoch_steps(self) -> float | None:
        """Optimizer steps per epoch so far; None if the loader has no length, or none was made."""
        batches, steps = length_of(self._loader), self._recorder.steps
        # A loop that ends early has not recorded its last batch, or has.
        used = self._given - (self._recorder.calls == self._calls)
        return batches * steps / used if batches and steps and used else None


def endless(
    loader: Iterable[Batch], *, skip_empty: bool = False, within_epoch: bool = False
) -> Generator[Batch, None, None]:
    """The batches of a loader, again and again.

    A sampler that shuffles by epoch, such as `DistributedSampler`, is told each new one.

    Args:
        loader: Any iterable. An iterator, which cannot be restarted, ends when it runs out.
        skip_empty: Whether to leave out batches without samples.
        within_epoch: Whether the first time gives the rest of an epoch, which may be none.

    Yields:
        Its batches. None is kept, unlike with `itertools.cycle`.

    Raises:
        ValueError: The loader yields no batch at all.
    """
    for epoch in count():
        if epoch:
            _next_epoch(loader)
        empty = epoch > 0 or not within_epoch
        for batch in loader:
            if skip_empty and has_no_samples(batch):
                continue
            empty = False
            yield batch
        if empty and epoch == 0:
            raise ValueError("`train_loader` is empty: it yielded no batch with samples.")
        if empty:
            return


def _next_epoch(loader: Any) -> None:
    sampler: Any = getattr(loader, "sampler", None)
    if hasattr(sampler, "set_epoch") and hasattr(sampler, "epoch"):
        sampler.set_epoch(sampler.epoch + 1)


def length_of(loader: Any) -> int:
    """Batches per epoch; 0 if the loader does not know."""
    try:
        return len(loader)
    except (TypeError, NotImplementedError):
        return 0


def check_iterable(train_loader: Any) -> None:
    """Reject what has no batches to go through.

    Raises:
        TypeError: `train_loader` is not iterable.
    """
    if not hasattr(train_loader, "__iter__"):
        remedy = ": wrap it in a DataLoader" if isinstance(train_loader, Dataset) else ""
        name = type(train_loader).__name__
        raise TypeError(f"`train_loader` must be iterable, got {name}{remedy}.")


def has_no_samples(batch: Any) -> bool:
    """Whether a batch holds tensors or arrays, all of length 0."""
    lengths = _lengths(batch)  # asked at every step: the first that is not 0 decides
    return next(lengths, 1) == 0 and not any(lengths)


def _lengths(batch: Any) -> Iterator[int]:
    if isinstance(batch, torch.Tensor | np.ndarray):
        yield len(batch) if batch.ndim else 1
    elif isinstance(batch, list | tuple | Mapping):
        for value in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _lengths(value)
