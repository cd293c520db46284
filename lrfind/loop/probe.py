"""A fixed held-out batch, whose loss is computed after each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from lrfind.loop.batches import to_device
from lrfind.loop.step import Forward, autocasting
from lrfind.state.kinds import Data
from lrfind.state.preserve import preserve_state
from lrfind.state.random_state import Restore, device_restore
from lrfind.sweep.micro_batches import mean_of

Metric = Callable[[torch.nn.Module, Any], torch.Tensor | float]


def probe_batches(probe: Any) -> list[Any]:
    """The batches of the `probe` option: those of a loader, else the one batch that it is.

    The global random state, and what can be restored of the loader, is put back.

    Args:
        probe: A batch, or an iterable of batches that is neither a list nor a tuple, a mapping, a
            tensor, an array or an object with a `to` method; None for none.

    Raises:
        TypeError: It is an iterator.
        ValueError: It has no batches.
    """
    if probe is None:
        return []
    single = (list, tuple, Mapping, torch.Tensor, np.ndarray, str)
    if isinstance(probe, single) or hasattr(probe, "to") or not hasattr(probe, "__iter__"):
        return [probe]
    if hasattr(probe, "__next__"):
        raise TypeError("`probe` is an iterator: pass a batch, or what the iterator was made from.")
    with preserve_state(probe if isinstance(probe, DataLoader) else Data(probe)):
        batches = list(probe)
    if not batches:
        raise ValueError("`probe` is empty: it yielded no batch.")
    return batches


def mean_probe(
    seen: Sequence[tuple[torch.Tensor, torch.Tensor | float | None]],
) -> dict[str, torch.Tensor | float]:
    """What to record of some probe batches: the means of their losses and metrics, if any."""
    if not seen:
        return {}
    means = {"probe": mean_of([loss for loss, _ in seen])}
    if metrics := [metric for _, metric in seen if metric is not None]:
        means["metric"] = mean_of(metrics)
    return means


class Probe:
    """Evaluates a model on one batch in eval mode, without gradients and without side effects.

    Parameters, buffers and random state are unchanged; what a user's module stores even in eval
    mode is restored only at the end of the run. If the model draws random numbers in eval mode,
    they are the same at every call, and the training's generators do not advance. So the training
    losses are the same with and without a probe.

    Args:
        model: The model.
        batch: The probe batch; its tensors are moved to the device.
        forward: Function of (model, batch) that returns the loss.
        device: The model's device.
        metric: Function of (model, batch) that returns a number; None for none.
        autocast: Data type of `torch.autocast` around the evaluation; None for none.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        batch: Any,
        forward: Forward,
        device: torch.device,
        *,
        metric: Metric | None = None,
        autocast: torch.dtype | None = None,
    ) -> None:
        self._model = model
        self._device = device
        self._batch = to_device(batch, device)
        self._forward = forward
        self._metric = metric
        self._autocast = autocast
        self._restart: list[Restore] = [partial(torch.set_rng_state, torch.get_rng_state())]
        if self._device.type != "cpu":
            self._restart.append(device_restore(self._device))

    def __call__(self) -> tuple[torch.Tensor, torch.Tensor | float | None]:
        """The loss, detached and still on the device, and the metric."""
        with (
            _evaluating(self._model),
            self._own_random_numbers(),
            autocasting(self._device, self._autocast),
        ):
            loss = self._forward(self._model, self._batch)
            metric = None if self._metric is None else self._metric(self._model, self._batch)
        if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
            raise TypeError(
                f"`probe` needs a scalar loss in eval mode too, got {type(loss).__name__}."
            )
        return loss, metric

    @contextmanager
    def _own_random_numbers(self) -> Iterator[None]:
        kind = self._device.type
        devices = [self._device] if kind not in ("cpu", "mps") else []
        with torch.random.fork_rng(devices, device_type=kind if devices else "cuda"):
            for restart in self._restart:
                restart()
            yield


class Probes:
    """Makes the probes of a loop.

    Args:
        model: The model.
        forward: Function of (model, batch) that returns the loss.
        device: The model's device.
        options: Those of the loop; `probe`, `metric` and `autocast` are used.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        forward: Forward,
        device: torch.device,
        options: Mapping[str, Any],
    ) -> None:
        metric, autocast = options["metric"], options["autocast"]
        self._probe: Callable[[Any], Probe] = lambda batch: Probe(
            model, batch, forward, device, metric=metric, autocast=autocast
        )
        self._batches = probe_batches(options["probe"])

    def on(self, batches: Sequence[Any] | None = None) -> list[Probe]:
        """A `Probe` for each of the batches; for None, those of the option, if it was given."""
        return [self._probe(each) for each in (self._batches if batches is None else batches)]


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Put the modules that are in train mode into eval mode, and disable gradients."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
