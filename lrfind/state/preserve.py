"""Restore the training state bit for bit."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lrfind.state.snapshot import Snapshot
from lrfind.support.arguments import require_choice

STORES = ("cpu", "device")


@dataclass(frozen=True)
class Preserved:
    """What `preserve_state` yields.

    Attributes:
        nbytes: Size of the copied tensors and arrays, in bytes.
        store: Where the copies are: "cpu", or "device" for the device of each original.
    """

    nbytes: int
    store: str


@contextmanager
def preserve_state(*objects: Any, store: str = "cpu") -> Iterator[Preserved]:
    """Restore the training state at the end of a `with` block, bit for bit.

    On success, on any exception and on Ctrl-C (also on a second Ctrl-C while restoring), the state
    on leaving is the state on entering. For the objects given, this covers:

    - modules: parameters, buffers, gradients (None stays None), `requires_grad`, train and eval
      flags of every submodule, and plain attributes such as counters and hidden states;
    - optimizers: state (also if there is none yet), parameter groups with all their keys, and the
      parameters themselves; of a DTensor, the shard of each rank;
    - schedulers and gradient scalers: all attributes;
    - data loaders: samplers, generators, counters and lists of the dataset, worker iterators; the
      data itself is never copied;
    - anything else with `state_dict` and `load_state_dict`, random number generators, containers,
      and the attributes of your own objects;

    and the global random state of Python, NumPy and torch, on the CPU and on the devices in use.
    Tensors, containers and objects keep their identity; their contents are restored in place. A
    gradient that was set to None meanwhile comes back as a new tensor, unless it was a view of a
    larger one.

    Args:
        objects: What to preserve; None is ignored.
        store: Where the copy is kept: "cpu", which takes no device memory, or "device", which is
            faster for a model on an accelerator.

    Yields:
        A `Preserved` with the size of the copy.

    Raises:
        TypeError: An object has no state that could be restored.
        ValueError: An unknown `store`, or a lazy module whose parameters have no shape yet.

    Example:
        >>> import torch
        >>> model = torch.nn.Linear(2, 1)
        >>> before = model.weight.clone()
        >>> with preserve_state(model) as kept:
        ...     _ = torch.nn.init.zeros_(model.weight)
        >>> torch.equal(model.weight, before), kept.nbytes
        (True, 12)
    """
    snapshot = Snapshot(require_choice("store", store, STORES))
    for thing in objects:
        snapshot.keep_named(thing)
    snapshot.wait_for_devices()
    try:
        snapshot.set_iterators_aside()
        yield Preserved(snapshot.nbytes, store)
    finally:
        try:
            with _interrupts_deferred():
                snapshot.restore()
        except KeyboardInterrupt:
            # Raised just before interrupts were deferred, or deferred until now.
            snapshot.restore()
            raise


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Defer Ctrl-C until the block is done, so that no model is left half-restored."""
    before = signal.getsignal(signal.SIGINT)
    # Only the main thread may set handlers; one installed from C reads as None.
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield
        return
    held: list[int] = []
    signal.signal(signal.SIGINT, lambda number, frame: held.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if held:
            signal.raise_signal(signal.SIGINT)
