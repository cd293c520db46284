"""The training loop: everything that a run needs except its learning rates."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from torch.optim import Optimizer
from typing_extensions import Unpack

from lrfind.loop.batches import to_device
from lrfind.loop.checkpoints import Checkpoints
from lrfind.loop.forward import LossFn, forward_of
from lrfind.loop.frozen_step import FrozenStep
from lrfind.loop.mend import Mending
from lrfind.loop.options import LoopOptions, unused_with_step, with_defaults
from lrfind.loop.own_step import Step, own_step
from lrfind.loop.probe import Probe, Probes, mean_probe
from lrfind.loop.step import Forward, TrainStep, device_of, to_train_mode
from lrfind.loop.task_forward import TaskForward
from lrfind.loop.validation import (
    OWN_LOSS,
    check_model,
    check_one_way,
    check_preserve,
    check_unused,
    loader_objects,
)
from lrfind.state.held_by import held_by
from lrfind.state.preserve import Preserving, preserve_state
from lrfind.support.arguments import require_count
from lrfind.support.process_group import mean_over_ranks, rank_count, same_on_every_rank
from lrfind.sweep.epochs import MOST_SKIPPED, endless, length_of
from lrfind.sweep.group_rates import as_optimizers
from lrfind.sweep.progress import progress_bar
from lrfind.sweep.recorder import Recorder
from lrfind.sweep.sweep import Sweep

T = TypeVar("T")
NO_LOSS = f"`{{}}` must return a loss, and returned None for {{}} batches in a row; {OWN_LOSS}"


class Loop:
    """A training loop that can be run repeatedly, each time restoring all state bit for bit.

    Everything is checked when the loop is made, before anything is changed.

    Args:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: The loss function; None if the model returns its loss, or with `forward` or `step`.
        train_loader: Any iterable of batches; every run starts with the same batches.
        options: See `LoopOptions`.

    Attributes:
        optimizers: The optimizers, as a tuple.
        device: The model's device.
        options: All options, completed by the defaults.

    Raises:
        TypeError: An argument has the wrong type, or an option is unknown.
        ValueError: An argument is out of range.
    """

    _calls_per_step = 1.0

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: Optimizer | Sequence[Optimizer],
        loss_fn: LossFn | None,
        train_loader: Iterable[Any],
        **options: Unpack[LoopOptions],
    ) -> None:
        options = self.options = with_defaults(options, "Loop")
        self.optimizers = as_optimizers(optimizer)
        check_model(model, self.optimizers)
        forward, total = options["forward"], options["total"]
        check_one_way(loss_fn=loss_fn, forward=forward, step=options["step"])
        check_one_way(total=total)
        check_preserve(options["preserve"])
        if options["metric"] is not None and options["probe"] is None:
            raise ValueError("`metric` needs a `probe`, the batch that it is computed on.")
        self._count = require_count("accumulation_steps", options["accumulation_steps"], least=1)
        self._model, self._loader = model, train_loader
        self.device = device_of(model, self.optimizers)
        # Where other ranks wait for this one, it can leave no batch out.
        self._alone = not options["all_ranks"] or rank_count() == 1
        self._maker = maker = "loss_fn" if forward is None else "forward"
        if options["step"] is not None:
            self._maker = "step"
        self._tasks = TaskForward(forward or forward_of(loss_fn), total, maker)
        usual = forward is None and total is None and options["step"] is None
        self._forward: Forward = Mending(self._tasks, loss_fn) if usual else self._tasks
        self._step = self._training_step(getattr(loss_fn, "reduction", "mean") == "sum", maker)
        autocast = options["autocast"]
        self._frozen_step = FrozenStep(model, self._forward, self.device, autocast=autocast)
        self._probes = Probes(model, self._forward, self.device, options)
        callables = (loss_fn, forward, total, options["step"], options["metric"])
        # The loader first: what is known to be its data is not copied, whoever else holds it.
        self._parts = loader_objects(train_loader)
        self._objects = [
            *(*self._parts, model, *self.optimizers, options["scaler"]),
            *held_by([*callables, options["clip_grad"]]),
            *options["preserve"],
        ]

    def _training_step(self, summed: bool, maker: str) -> Step:
        """The training step: this package's, or the user's `step`."""
        options = self.options
        if options["step"] is None:
            return TrainStep(
                self._model,
                self.optimizers,
                self._forward,
                autocast=options["autocast"],
                scaler=options["scaler"],
                clip_grad=options["clip_grad"],
                summed=summed,
                alone=self._alone,
                maker=maker,
            )
        check_unused(unused_with_step(options))
        return own_step(options["step"], self.device, alone=self._alone)

    def run(
        self,
        recorder: Recorder | Sweep,
        probes: Sequence[Any] | None = None,
        *,
        frozen: bool = False,
        at_end: Callable[[], object] | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> int:
        """Step until the recorder ends the run or the batches run out; then restore all state.

        Args:
            recorder: Sets the learning rates and takes the losses.
            probes: Probe batches, whose mean loss is recorded; None for the loop's own probe, if
                any.
            frozen: Whether to compute the loss of each batch without making the step; not possible
                with a user's `step`, which does both at once.
            at_end: Called after the last step, before anything is restored.
            checkpoints: What writes checkpoints of the recorder, a `Sweep`, or goes on from one.

        Returns:
            The size of the copy of the state kept during the run, in bytes.
        """
        step, preserved = self._frozen_step if frozen else self._step, self._preserved()
        probing = self._probes.on(probes)
        try:
            with (
                preserved as kept,
                closing(self._batches(checkpoints)) as batches,
                recorder,
                progress_bar(recorder, self.options["progress"]) as show,
            ):
                to_train_mode(self.optimizers)
                self._run(recorder, batches, step, probing, show, checkpoints)
                if at_end is not None:
                    at_end()
        finally:  # if a signal came just when the blocks were entered or left
            try:
                recorder.leave()
            finally:
                preserved.restore()
        return kept.nbytes

    def loss_on(self, probes: Sequence[Any] | None = None) -> float:
        """The mean loss of the current model in eval mode; all state is restored.

        Args:
            probes: The batches; None for the loop's own probe.

        Returns:
            Averaged over the ranks, if this loop runs over all of them; NaN without any batch.
        """
        with self._preserved():
            to_train_mode(self.optimizers)
            seen = [float(probe()[0]) for probe in self._probes.on(probes)]
        mean = np.array([np.mean(seen) if seen else np.nan])
        return float((mean_over_ranks(mean) if self.options["all_ranks"] else mean)[0])

    def _run(
        self,
        recorder: Recorder | Sweep,
        batches: Iterator[Any],
        step: Step,
        probes: Sequence[Probe],
        show: Callable[[], None],
        checkpoints: Checkpoints | None,
    ) -> None:
        self._tasks.take(0)  # discard what an interrupted run may have left
        more, skipped, used = True, 0, 0 if checkpoints is None else checkpoints.calls
        while more and len(window := list(islice(batches, self._count))) == self._count:
            loss = step(window)
            tasks = self._tasks.take(self._count)
            skipped = 0 if loss is not None else skipped + 1
            if skipped == MOST_SKIPPED:
                break
            if loss is None:
                continue
            used += 1
            seen = [probe() for probe in probes] if recorder.probe_is_due else []
            more = recorder.record(loss, **mean_probe(seen), tasks=tasks)
            show()
            if more and checkpoints is not None:
                more = checkpoints.after_step(used)
        if self.options["step"] is not None and recorder.steps:
            self._calls_per_step = used / recorder.steps
        if skipped and (skipped == MOST_SKIPPED or not recorder.steps):
            raise self._no_loss(skipped, window)
        if more:
            recorder.exhausted()

    def _no_loss(self, skipped: int, window: Sequence[Any]) -> TypeError:
        error = TypeError(NO_LOSS.format(self._maker, skipped))
        if isinstance(self._forward, Mending) and window:
            self._forward.tell(error, self._model, to_device(window[0], self.device))
        return error

    def _batches(self, checkpoints: Checkpoints | None = None) -> Generator[Any, None, None]:
        if checkpoints is None:
            return endless(self._loader, skip_empty=self._alone)
        loader = checkpoints.begin(self._objects, self._loader, self._parts)
        return endless(loader, skip_empty=self._alone, within_epoch=checkpoints.calls > 0)

    @property
    def epoch_steps(self) -> float | None:
        """Optimizer steps per epoch, the same on all ranks; None if the loader has no length."""
        batches = length_of(self._loader)
        return self.agreed(batches / (self._count * self._calls_per_step) if batches else None)

    def batches_after(self, steps: int, count: int) -> list[Any]:
        """The batches that would come after a run of `steps` steps; the loader is restored.

        Args:
            steps: Number of optimizer steps.
            count: Number of batches.

        Returns:
            The batches; fewer if the loader ends before.
        """
        first = steps * self._count
        with self._preserved(), closing(self._batches()) as batches:
            return list(islice(batches, first, first + count))

    def agreed(self, value: T) -> T:
        """The value of the first rank on all ranks, if this loop runs over all of them."""
        return same_on_every_rank(value) if self.options["all_ranks"] else value

    def _preserved(self) -> Preserving:
        return preserve_state(*self._objects, store=self.options["store"])
