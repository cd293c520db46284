"""Put every bit of the training state back."""

from __future__ import annotations

import signal
import threading
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

from lrfind._errors import require_choice
from lrfind.training.random_state import Generators, generator_restore, global_restores

STORES = ("cpu", "device")


@dataclass(frozen=True)
class Preserved:
    """What `preserve_state` holds.

    Attributes:
        nbytes: Size of the copied tensors and arrays, in bytes.
        store: Where the copies are: "cpu", or "device" for beside the originals.
    """

    nbytes: int
    store: str


@contextmanager
def preserve_state(*objects: Any, store: str = "cpu") -> Iterator[Preserved]:
    """Put the training state back at the end of a `with` block, bit for bit.

    On success, on any exception and on Ctrl-C (also on a second Ctrl-C while restoring), the state
    on leaving is the state on entering. That covers, of everything given:

    - modules: parameters, buffers, gradients (None stays None), `requires_grad`, train and eval
      flags of every submodule, and plain attributes such as counters and hidden states;
    - optimizers: state (also no state yet), parameter groups with all their keys, and the
      parameters themselves;
    - schedulers and gradient scalers: all attributes;
    - data loaders, samplers, datasets: their generators, counters and worker iterators (not the
      data, which is never copied);
    - anything else with `state_dict` and `load_state_dict`, and generators themselves;

    and the global random state of Python, NumPy and torch, on the CPU and on the devices in use.
    Tensors, containers and objects keep their identity; their content is put back in place.

    Args:
        objects: What to preserve.
        store: Where the one copy is held: "cpu", which takes no device memory, or "device", which
            is faster for a model on an accelerator.

    Yields:
        A `Preserved` with the size of the copy.

    Raises:
        TypeError: An object has no state that could be put back.
        ValueError: An unknown `store`, or a lazy module whose parameters have no shape yet.

    Example:
        >>> model = torch.nn.Linear(2, 1)
        >>> before = model.weight.clone()
        >>> with preserve_state(model) as kept:
        ...     _ = torch.nn.init.zeros_(model.weight)
        >>> torch.equal(model.weight, before), kept.nbytes
        (True, 12)
    """
    memory = _Memory(require_choice("store", store, STORES))
    for thing in objects:
        memory.keep_object(thing)
    memory.keep_global_random_state()
    try:
        memory.set_iterators_aside()
        yield Preserved(memory.nbytes, store)
    finally:
        memory.restore()


class _Memory:
    """Walks over the objects once and notes, for each piece of state, what puts it back."""

    def __init__(self, store: str) -> None:
        self.nbytes = 0
        self._store = store
        # Runs every callback even when one raises, and then raises what was raised.
        self._undo = ExitStack()
        # Ids are unique only while their objects live, so the objects are kept beside them.
        self._seen: dict[int, object] = {}
        self._devices: set[torch.device] = set()
        self._loaders: list[DataLoader[Any]] = []

    def restore(self) -> None:
        with _interrupts_deferred():
            self._undo.close()

    def keep_object(self, thing: Any) -> None:
        """Keep what the user named: like `_keep`, but nothing is passed over in silence."""
        if self._keep(thing) or thing is None:
            return
        if hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict"):
            self._undo.callback(thing.load_state_dict, deepcopy(thing.state_dict()))
        elif hasattr(thing, "__dict__"):
            self._keep_attributes(thing, data=hasattr(thing, "__iter__"))
        else:
            raise TypeError(f"`preserve_state` cannot put a {type(thing).__name__} back.")

    def keep_global_random_state(self) -> None:
        for restore in global_restores(self._devices):
            self._undo.callback(restore)

    def set_iterators_aside(self) -> None:
        """Give the loaders fresh iterators, so that running workers keep their own state."""
        for loader in self._loaders:
            vars(loader)["_iterator"] = None

    def _keep(self, value: Any) -> bool:
        """Keep one value and all that hangs on it; False if it is of no kind that has state."""
        if id(value) in self._seen:
            return True
        keep = self._keeper(value)
        if keep is None:
            return False
        self._seen[id(value)] = value
        keep(value)
        return True

    def _keeper(self, value: Any) -> Callable[[Any], None] | None:
        if isinstance(value, torch.Tensor):
            return self._keep_tensor
        if type(value) in (dict, OrderedDict, defaultdict):
            return self._keep_dict
        if type(value) in (list, deque):
            return self._keep_sequence
        if isinstance(value, tuple):
            return self._keep_items
        if isinstance(value, np.ndarray):
            return self._keep_array
        if isinstance(value, Generators):
            return lambda generator: self._note(generator_restore(generator))
        if isinstance(value, torch.nn.Module):
            return self._keep_module
        if isinstance(value, Optimizer | LRScheduler | torch.amp.GradScaler):
            return self._keep_attributes
        if isinstance(value, DataLoader) and not hasattr(value, "load_state_dict"):
            return self._keep_loader
        if isinstance(value, Dataset | Sampler):
            return lambda source: self._keep_attributes(source, data=True)
        return None

    def _note(self, restore: Callable[[], object]) -> None:
        self._undo.callback(restore)

    def _keep_attributes(self, thing: Any, *, data: bool = False) -> None:
        """Keep an object's attributes; of data, only generators and further sources."""
        attributes = vars(thing)
        self._undo.callback(_refill_dict, attributes, dict(attributes))
        kinds = (*Generators, Dataset, Sampler, DataLoader)
        for value in list(attributes.values()):
            if not data or isinstance(value, kinds):
                self._keep(value)

    def _keep_module(self, module: torch.nn.Module) -> None:
        self._keep_attributes(module)
        # A scripted module holds its tensors outside of its attributes.
        for tensor in (*module.parameters(), *module.buffers()):
            self._keep(tensor)

    def _keep_loader(self, loader: DataLoader[Any]) -> None:
        self._keep_attributes(loader, data=True)
        self._loaders.append(loader)

    def _keep_dict(self, values: dict[Any, Any]) -> None:
        self._undo.callback(_refill_dict, values, dict(values))
        self._keep_items(tuple(values.values()))

    def _keep_sequence(self, values: list[Any] | deque[Any]) -> None:
        self._undo.callback(_refill_sequence, values, list(values))
        self._keep_items(tuple(values))

    def _keep_items(self, values: tuple[Any, ...]) -> None:
        for value in values:
            self._keep(value)

    def _keep_array(self, array: np.ndarray[Any, Any]) -> None:
        copy = array.copy()
        self.nbytes += copy.nbytes
        if array.flags.writeable:
            self._undo.callback(np.copyto, array, copy)

    def _keep_tensor(self, tensor: torch.Tensor) -> None:
        if is_lazy(tensor):
            raise ValueError(
                "`model` has lazy parameters without a shape: run one batch through it first."
            )
        if tensor.is_meta:
            return  # a shape without values
        self._devices.add(tensor.device)
        # Undone in reverse: the value first, so that the gradient meets its own dtype again.
        if tensor.is_leaf:
            grad = None if tensor.grad is None else self._copy(tensor.grad)
            self._undo.callback(_refill_grad, tensor, grad, tensor.requires_grad)
        alias = tensor.detach()
        if not _overlaps_itself(alias):
            self._undo.callback(_refill_tensor, tensor, alias, self._copy(alias))

    def _copy(self, tensor: torch.Tensor) -> torch.Tensor:
        self.nbytes += tensor.numel() * tensor.element_size()
        device = tensor.device if self._store == "device" else torch.device("cpu")
        return tensor.detach().to(device, copy=True)


def _refill_dict(target: dict[Any, Any], content: dict[Any, Any]) -> None:
    target.clear()
    target.update(content)


def _refill_sequence(target: list[Any] | deque[Any], content: list[Any]) -> None:
    target.clear()
    target.extend(content)


def _refill_tensor(tensor: torch.Tensor, alias: torch.Tensor, copy: torch.Tensor) -> None:
    with torch.no_grad():
        alias.copy_(copy)
        # `model.half()` and the like give the tensor new memory; give it its own back.
        if tensor.is_leaf and alias.layout == torch.strided and not tensor.is_set_to(alias):
            tensor.data = alias


def _refill_grad(tensor: torch.Tensor, copy: torch.Tensor | None, requires_grad: bool) -> None:
    tensor.requires_grad_(requires_grad)
    grad = tensor.grad
    if copy is None:
        tensor.grad = None
    elif grad is not None and grad.dtype == copy.dtype and not (grad.is_sparse or copy.is_sparse):
        grad.detach().copy_(copy)
    else:  # a sparse gradient cannot be written to in place
        tensor.grad = copy.to(tensor.device, copy=True)


def _overlaps_itself(tensor: torch.Tensor) -> bool:
    """Whether elements share memory, as after `expand`: such a tensor cannot be written to."""
    if tensor.layout != torch.strided:
        return False
    shape = zip(tensor.stride(), tensor.shape, strict=True)
    return any(stride == 0 and size > 1 for stride, size in shape)


@contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Hold a Ctrl-C back until the block is done: a half-restored model helps nobody."""
    before = signal.getsignal(signal.SIGINT)
    # Python delivers signals to the main thread alone; a handler set from C reads as None.
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
