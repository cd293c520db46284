"""A training loop of ours: everything that a run needs but its learning rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, TypedDict, TypeVar

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind.loop.batches import endless, to_device
from lrfind.loop.forward import LossFn, forward_of
from lrfind.loop.frozen_step import FrozenStep
from lrfind.loop.probe import Metric, Probe
from lrfind.loop.progress import progress_bar
from lrfind.loop.step import ClipGrad, Forward, TrainStep, device_of
from lrfind.loop.task_forward import TaskForward, Total
from lrfind.loop.validation import (
    check_model,
    check_one_way,
    check_preserve,
    check_unused,
    loader_objects,
    state_of,
)
from lrfind.state.preserve import preserve_state
from lrfind.support.arguments import require_count
from lrfind.support.process_group import mean_over_ranks, rank_count, same_on_every_rank
from lrfind.sweep.group_rates import as_optimizers
from lrfind.sweep.recorder import Recorder

T = TypeVar("T")


class LoopOptions(TypedDict, total=False):
    """The options of a loop; those of `range_test` by the same names."""

    accumulation_steps: int
    autocast: torch.dtype | None
    scaler: torch.amp.GradScaler | None
    clip_grad: ClipGrad | None
    probe: Any
    metric: Metric | None
    forward: Forward | None
    total: Total | None
    step: Callable[[Any], torch.Tensor | float] | None
    preserve: Sequence[Any]
    all_ranks: bool
    store: str
    progress: bool | None


class Loop:
    """How a model trains; a run of it under any rates puts every bit of the state back.

    Everything is checked when the loop is made, before anything is touched.

    Args:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: The loss function; None if the model makes its loss, or for `forward` or `step`.
        train_loader: Any iterable of batches; every run begins with the same ones.
        accumulation_steps: As in `range_test`, like all that follow.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: Optimizer | Sequence[Optimizer],
        loss_fn: LossFn | None,
        train_loader: Iterable[Any],
        *,
        accumulation_steps: int = 1,
        autocast: torch.dtype | None = None,
        scaler: torch.amp.GradScaler | None = None,
        clip_grad: ClipGrad | None = None,
        probe: Any = None,
        metric: Metric | None = None,
        forward: Forward | None = None,
        total: Total | None = None,
        step: Callable[[Any], torch.Tensor | float] | None = None,
        preserve: Sequence[Any] = (),
        all_ranks: bool = True,
        store: str = "cpu",
        progress: bool | None = None,
    ) -> None:
        self.optimizers = as_optimizers(optimizer)
        check_model(model, self.optimizers)
        check_one_way(loss_fn=loss_fn, forward=forward, step=step)
        self._count = require_count("accumulation_steps", accumulation_steps, least=1)
        if metric is not None and probe is None:
            raise ValueError("`metric` needs a `probe`, the batch it is computed on.")
        callables = [state_of(each) for each in (loss_fn, forward, total, metric, clip_grad)]
        maker = "loss_fn" if forward is None else "forward"
        check_one_way(total=total)
        self._forward = forward = TaskForward(forward or forward_of(loss_fn), total, maker)
        device = device_of(model, self.optimizers)
        self._step: Callable[[list[Any]], torch.Tensor | float]
        self._look_only = FrozenStep(model, forward, device, autocast=autocast)
        if step is None:
            self._step = TrainStep(
                model,
                self.optimizers,
                forward,
                autocast=autocast,
                scaler=scaler,
                clip_grad=clip_grad,
                summed=getattr(loss_fn, "reduction", "mean") == "sum",
                halt=not all_ranks or rank_count() == 1,
                maker=maker,
            )
        else:
            check_unused(
                accumulation_steps=self._count > 1,
                autocast=autocast is not None,
                clip_grad=clip_grad is not None,
                probe=probe is not None,
                total=total is not None,
            )
            self._step = _on_one_batch(step, device)
        check_preserve(preserve)
        loader = loader_objects(train_loader)
        self._objects = [model, *self.optimizers, scaler, *callables, *loader, *preserve]
        self._loader = train_loader
        self._probes = [] if probe is None else [probe]
        self.can_score = step is None

        def probe_on(batch: Any) -> Probe:
            batch = to_device(batch, device)
            return Probe(model, batch, forward, device, metric=metric, autocast=autocast)

        self._probe_on = probe_on
        self.scaler, self.all_ranks = scaler, all_ranks
        self._store, self._progress = store, progress

    def run(
        self, recorder: Recorder, probes: Sequence[Any] | None = None, *, frozen: bool = False
    ) -> int:
        """Step until the recorder is satisfied or the batches are used up; put everything back.

        Args:
            recorder: Sets the rates and takes the losses.
            probes: Batches to take the mean probe loss of; None for the probe of the loop, if any.
            frozen: Whether to look at each batch without making the step; not with a `step` of
                the user's own, which cannot be taken apart.

        Returns:
            The size of the copy of the state held meanwhile, in bytes.
        """
        with (
            preserve_state(*self._objects, store=self._store) as kept,
            recorder,
            closing(endless(self._loader)) as batches,
            progress_bar(recorder, self._progress) as show,
        ):
            _to_train_mode(self.optimizers)
            looks = [self._probe_on(each) for each in self._probes if probes is None]
            looks += [self._probe_on(each) for each in probes or ()]
            step = self._look_only if frozen else self._step
            self._run(recorder, batches, step, looks, show)
        return kept.nbytes

    def loss_on(self, probes: Sequence[Any] | None = None) -> float:
        """The mean loss of the model as it is, in eval mode; everything is put back.

        Args:
            probes: The batches; None for the probe of the loop.

        Returns:
            Averaged over the ranks, if this loop runs over all of them; NaN without any batch.
        """
        with preserve_state(*self._objects, store=self._store):
            _to_train_mode(self.optimizers)
            seen = [float(self._probe_on(each)()[0]) for each in probes or self._probes]
        mean = np.array([np.mean(seen) if seen else np.nan])
        return float((mean_over_ranks(mean) if self.all_ranks else mean)[0])

    def _run(
        self,
        recorder: Recorder,
        batches: Iterator[Any],
        step: Callable[[list[Any]], torch.Tensor | float],
        looks: Sequence[Probe],
        show: Callable[[], None] | None,
    ) -> None:
        self._forward.take(0)  # what a run that was broken off may have left
        more = True
        while more and len(window := list(islice(batches, self._count))) == self._count:
            loss = step(window)
            tasks = self._forward.take(self._count)
            if not looks or not recorder.probe_is_due:
                more = recorder.record(loss, tasks=tasks)
            else:
                seen = [look() for look in looks]
                probe_loss = torch.stack([value for value, _ in seen]).mean()
                more = recorder.record(loss, probe=probe_loss, metric=seen[0][1], tasks=tasks)
            if show is not None:
                show()
        if more:
            recorder.exhausted()

    @property
    def has_probe(self) -> bool:
        """Whether a probe batch was given."""
        return bool(self._probes)

    def batches_after(self, steps: int, count: int) -> list[Any]:
        """The batches that a run of so many steps would see next; the loader is put back.

        Args:
            steps: Number of optimizer steps.
            count: How many batches.

        Returns:
            Fewer if the loader ends before.
        """
        first = steps * self._count
        with (
            preserve_state(*self._objects, store=self._store),
            closing(endless(self._loader)) as batches,
        ):
            return list(islice(batches, first, first + count))

    def agreed(self, value: T) -> T:
        """The value of the first rank, if this loop runs over all of them."""
        return same_on_every_rank(value) if self.all_ranks else value


def _on_one_batch(
    step: Callable[[Any], torch.Tensor | float], device: torch.device
) -> Callable[[list[Any]], torch.Tensor | float]:
    def on_one_batch(batches: list[Any]) -> torch.Tensor | float:
        loss = step(to_device(batches[0], device))
        if not isinstance(loss, torch.Tensor | float | int | np.number):
            raise TypeError(f"`step` must return the loss, got {type(loss).__name__}.")
        return loss

    return on_one_batch


def _to_train_mode(optimizers: Sequence[Optimizer]) -> None:
    """Schedule-free optimizers have modes of their own, and step in train mode only."""
    for optimizer in optimizers:
        if hasattr(optimizer, "train") and hasattr(optimizer, "eval"):
            optimizer.train()
