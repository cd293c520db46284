"""Visits everything that training can change, and notes how to restore it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch.nn.parameter import is_lazy
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import DataLoader, Dataset, Sampler

from lrfind.state import restore
from lrfind.state.kinds import ATOMS, CODE, Data, is_plain_object
from lrfind.state.modes import mode_restores
from lrfind.state.random_state import (
    GENERATORS,
    device_restore,
    generator_state,
    global_restores,
    set_generator_state,
)
from lrfind.state.undo import Undo

LONGEST_LIST_OF_PARTS = 1000
"""A longer list in a dataset is taken to hold samples, not parts such as transforms."""


class Snapshot:
    """Restores the state of all objects reachable from those given to it.

    Each object is visited once. Plain user-defined objects are followed from modules, optimizers,
    loaders and containers, but not from one to the next: a module's reference to its trainer would
    lead to everything.

    Args:
        store: "cpu" or "device", where copies of tensors are kept.

    Attributes:
        nbytes: Size of the copies so far.
        undo: What restores everything.
        loaders: The data loaders among the objects.
    """

    def __init__(self, store: str) -> None:
        self.nbytes = 0
        self.undo = Undo()
        self._store = store
        # The global random state, noted first, is restored last.
        for restoring in (*mode_restores(), *global_restores()):
            self.undo.note(*restoring)
        # An id is unique only while its object is alive, so the objects are kept too.
        self._seen: dict[int, object] = {}
        self._todo: list[tuple[Any, bool]] = []
        self._devices: set[torch.device] = set()
        self.loaders: list[DataLoader[Any]] = []
        self._sharded: list[Any] = []
        self._keepers: dict[type, Callable[[Any], None] | None] = {}

    def keep_named(self, thing: Any) -> None:
        """Keep an object that the user passed; one without state is an error, not ignored."""
        if thing is None:
            return
        if isinstance(thing, Data):
            self._keep_data(thing.source)
        elif self._keeper(thing):
            self._todo.append((thing, True))
        elif isinstance(thing, CODE) or type(thing) in ATOMS:
            raise TypeError(f"`preserve` and `preserve_state` cannot restore {thing!r}.")
        elif hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict"):
            self.undo.note(restore.state_dict, thing, deepcopy(thing.state_dict()))
        elif hasattr(thing, "__dict__"):
            self._keep_attributes(thing)
        else:
            raise TypeError(
                f"`preserve` and `preserve_state` cannot restore a {type(thing).__name__}."
            )
        while self._todo:
            self._keep(*self._todo.pop())

    def complete(self) -> None:
        """Wait for the copies; then make the loaders start new iterators.

        So running workers keep their state. Before this nothing has been changed.
        """
        self.wait()
        self.undo.note_last(self.wait)
        # An error between forward and backward leaves FSDP parameters unsharded.
        for module in self._sharded:
            self.undo.note(module.reshard)
        for loader in self.loaders:
            vars(loader)["_iterator"] = None

    def wait(self) -> None:
        """Wait for the copies from and to accelerators."""
        for device in self._devices:
            if device.type != "cpu":
                torch.get_device_module(device.type).synchronize()

    def _follow(self, values: Iterable[Any], *, into_objects: bool = True) -> None:
        for value in values:
            if type(value) not in ATOMS:
                self._todo.append((value, into_objects))

    def _keep(self, value: Any, into_objects: bool) -> None:
        if id(value) in self._seen:
            return
        kind = type(value)
        if kind not in self._keepers:
            self._keepers[kind] = self._keeper(value)
        keeper = self._keepers[kind]
        if keeper is None and into_objects and is_plain_object(value):
            keeper = self._keep_plain_object
        if keeper is not None:
            self._seen[id(value)] = value
            keeper(value)

    def _keeper(self, value: Any) -> Callable[[Any], None] | None:
        """The method that keeps values of this type; None for a type without state."""
        for kinds, keeper in (
            (torch.Tensor, self._keep_tensor),
            (dict, self._keep_dict),
            ((list, deque, set, bytearray), self._keep_container),
            (tuple, self._follow),
            (np.ndarray, self._keep_array),
            (torch.nn.Module, self._keep_module),
            ((Optimizer, LRScheduler, torch.amp.GradScaler, Sampler), self._keep_attributes),
            (GENERATORS, self._keep_generator),
            (DataLoader, self._keep_loader),
            (Dataset, self._keep_data),
        ):
            if isinstance(value, kinds):
                return keeper
        return None

    def _keep_attributes(self, thing: Any, *, into_objects: bool = True) -> None:
        attributes = vars(thing)
        self.undo.note(restore.dictionary, attributes, dict(attributes))
        self._follow(attributes.values(), into_objects=into_objects)

    def _keep_plain_object(self, thing: Any) -> None:
        self._keep_attributes(thing, into_objects=False)

    def _keep_module(self, module: torch.nn.Module) -> None:
        self._keep_attributes(module)
        if hasattr(module, "reshard"):
            self._sharded.append(module)
        if isinstance(module, torch.jit.ScriptModule):
            # The tensors and the mode of a script module are not in its `__dict__`.
            self._follow((*module.parameters(), *module.buffers()))
            for part in module.modules():
                self.undo.note(setattr, part, "training", part.training)

    def _keep_loader(self, loader: DataLoader[Any]) -> None:
        self.loaders.append(loader)
        # The data first: once marked as seen it is not copied, whatever else refers to it.
        self._keep_data(loader.dataset)
        self._keep_attributes(loader)

    def _keep_data(self, source: Any) -> None:
        """Keep generators, counters and the order of lists, but not the items in them."""
        self._seen[id(source)] = source
        if isinstance(source, dict | list | deque | set):
            self.undo.note(*restore.of(source))
        if not hasattr(source, "__dict__"):
            return
        self.undo.note(restore.dictionary, vars(source), dict(vars(source)))
        for value in list(vars(source).values()):
            if isinstance(value, dict | list | deque | set | tuple):
                self._keep_listed(value)
            else:
                self._keep_beside_data(value)

    def _keep_listed(self, values: Any) -> None:
        self._seen[id(values)] = values
        if not isinstance(values, tuple):
            self.undo.note(*restore.of(values))
        if len(values) <= LONGEST_LIST_OF_PARTS:
            for value in list(values.values() if isinstance(values, dict) else values):
                self._keep_beside_data(value)

    def _keep_beside_data(self, value: Any) -> None:
        """Follow generators, datasets, transforms and other objects that may have state."""
        if isinstance(value, (*GENERATORS, Dataset, DataLoader, Sampler, torch.nn.Module)):
            self._todo.append((value, False))
        elif isinstance(value, torch.Tensor | np.ndarray):
            self._seen[id(value)] = value
        elif is_plain_object(value) and id(value) not in self._seen:
            self._keep_data(value)

    def _keep_dict(self, values: dict[Any, Any]) -> None:
        self.undo.note(*restore.of(values))
        self._follow(values.values())

    def _keep_container(self, values: Any) -> None:
        self.undo.note(*restore.of(values))
        if not isinstance(values, bytearray):
            self._follow(list(values))

    def _keep_generator(self, generator: Any) -> None:
        if not isinstance(generator, random.SystemRandom):
            self.undo.note(set_generator_state, generator, generator_state(generator))

    def _keep_array(self, array: np.ndarray[Any, Any]) -> None:
        copy = array.copy()
        self.nbytes += copy.nbytes
        if array.flags.writeable:
            self.undo.note(np.copyto, array, copy)
        if array.dtype == object:
            self._follow(array.flat)

    def _keep_tensor(self, tensor: torch.Tensor) -> None:
        if is_lazy(tensor):
            raise ValueError(
                "`model` has uninitialised lazy parameters: run one batch through it first."
            )
        if tensor.is_meta:
            return  # it has a shape but no values
        self._see_device(tensor.device)
        # Undone in reverse: the value first, so that its dtype matches that of the gradient.
        if tensor.is_leaf:
            self.undo.note(restore.requires_grad, tensor, tensor.requires_grad)
            self._keep_grad(tensor)
        alias = restore.local(tensor)
        if not restore.overlaps_itself(alias):
            self.undo.note(restore.tensor, tensor, alias, self._copy(alias))

    def _keep_grad(self, tensor: torch.Tensor) -> None:
        grad = tensor.grad
        if grad is None:
            self.undo.note(setattr, tensor, "grad", None)
            return
        # A view of a flat buffer must come back as that view; for any other gradient its values
        # are enough, and a reference to it would only hold memory.
        view = grad if grad._is_view() else None
        copy = self._copy(restore.local(grad))
        self.undo.note(restore.grad, tensor, copy, restore.like(grad), view)

    def _copy(self, tensor: torch.Tensor) -> torch.Tensor:
        self.nbytes += restore.size_in_bytes(tensor)
        device = tensor.device if self._store == "device" else torch.device("cpu")
        # Copies from an accelerator go to pinned memory, queued one after the other.
        return tensor.detach().to(device, copy=True, non_blocking=True)

    def _see_device(self, device: torch.device) -> None:
        if device not in self._devices:
            self._devices.add(device)
            if device.type != "cpu":
                self.undo.note_last(device_restore(device))
