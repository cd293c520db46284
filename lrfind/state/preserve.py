"""Restore the training state bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from lrfind.state.in_use import Claim
from lrfind.state.snapshot import Snapshot
from lrfind.state.undo import Undo
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


def preserve_state(*objects: Any, store: str = "cpu") -> Preserving:
    """Restore the training state at the end of a `with` block, bit for bit.

    On success, on any exception and on any signal, the state on leaving is the state on entering:
    what comes while restoring (a second Ctrl-C, a signal whose handler raises) is raised when all
    is restored. For the objects given, this covers:

    - modules: parameters, buffers, gradients (None stays None), `requires_grad`, train and eval
      flags of every submodule, and plain attributes such as counters and hidden states;
    - optimizers: state (also if there is none yet), parameter groups with all their keys, and the
      parameters themselves; of a DTensor, the shard of each rank;
    - schedulers and gradient scalers: all attributes;
    - data loaders: samplers, generators, counters and lists of the dataset, worker iterators; the
      data itself is never copied;
    - anything else with `state_dict` and `load_state_dict`, random number generators, containers,
      and the attributes of your own objects;

    and the global random state of Python, NumPy and torch, on the CPU and on the devices in use,
    and torch's gradient mode, default dtype and autocast. Tensors, containers and objects keep
    their identity; their contents are restored in place. A gradient that was set to None meanwhile
    comes back as a new tensor, unless it was a view of a larger one.

    Random state is that of the process. Where another thread draws from it meanwhile, what each of
    them draws depends on the other, and the state of the beginning is put back under both: give
    threads generators of their own.

    Args:
        objects: What to preserve; None is ignored.
        store: Where the copy is kept: "cpu", which takes no device memory, or "device", which is
            faster for a model on an accelerator.

    Returns:
        A context manager, which gives a `Preserved` with the size of the copy.

    Raises:
        RuntimeError: On entering: another thread has one of the models or optimizers in a range
            test or in `preserve_state`, or an optimizer is being swept.
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
    return Preserving(objects, require_choice("store", store, STORES))


class Preserving:
    """What `preserve_state` returns: a `with` block, or `restore` after an interrupted one.

    Args:
        objects: What to preserve.
        store: Where the copy is kept.
    """

    def __init__(self, objects: tuple[Any, ...], store: str) -> None:
        self._objects, self._store = objects, store
        self._undo, self._entered = Undo(), False

    # A class and no generator: what a signal's handler raises between a generator's `yield` and the
    # `with` block would leave the generator waiting, to restore at some time later.
    def __enter__(self) -> Preserved:
        if self._entered:
            raise RuntimeError("this `preserve_state` has been entered before: make another.")
        claim = Claim(self._objects, swept=False)
        try:
            claim.take()
            snapshot = Snapshot(self._store)
            for thing in self._objects:
                snapshot.keep_named(thing)
            self._undo, self._entered = snapshot.undo, True
            snapshot.complete()
            # After all else, when no copy is on its way any more.
            snapshot.undo.note_last(claim.release)
            return Preserved(snapshot.nbytes, self._store)
        except BaseException:
            try:
                self.restore()
            finally:
                claim.release()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.restore()

    def restore(self) -> None:
        """Restore everything that is not yet restored."""
        try:
            self._undo.finish()
        except BaseException:
            self._undo.finish()
            raise
