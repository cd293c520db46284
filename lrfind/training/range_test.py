"""The LR range test in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind._errors import require_count
from lrfind.result import RangeTestResult
from lrfind.training.batches import endless, to_device
from lrfind.training.door import (
    check_model,
    check_one_way,
    check_preserve,
    check_unused,
    loader_objects,
    state_of,
)
from lrfind.training.forward import LossFn, forward_of
from lrfind.training.learning_rates import as_optimizers
from lrfind.training.preserve import preserve_state
from lrfind.training.probe import Metric, Probe
from lrfind.training.progress import progress_bar
from lrfind.training.ranks import rank_count, same_on_every_rank
from lrfind.training.step import ClipGrad, Forward, TrainStep, device_of
from lrfind.training.sweep import Sweep


def range_test(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    *,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_iter: int = 100,
    step_mode: str = "exp",
    diverge_th: float | None = 4.0,
    accumulation_steps: int = 1,
    autocast: torch.dtype | None = None,
    scaler: torch.amp.GradScaler | None = None,
    clip_grad: ClipGrad | None = None,
    probe: Any = None,
    probe_every: int = 1,
    metric: Metric | None = None,
    forward: Forward | None = None,
    step: Callable[[Any], torch.Tensor | float] | None = None,
    preserve: Sequence[Any] = (),
    all_ranks: bool = True,
    store: str = "cpu",
    progress: bool | None = None,
) -> RangeTestResult:
    """Run an LR range test, and put every bit of the training state back.

    The rate grows from `start_lr` to `end_lr`, one optimizer step per mini-batch, until the loss
    blows up (Smith 2017, arXiv:1506.01186; the exponential sweep is fastai's). Afterwards the
    model, the optimizer, the loader and all random state are bit for bit as before, also after an
    exception or Ctrl-C; see `preserve_state`. A scheduler that drives the optimizer takes no part.

    Args:
        model: The model, in the mode it trains in: its train and eval flags are left alone.
        optimizer: Its optimizer, or several that step together; parameter groups keep the ratios
            of their rates, and the largest rate is the one that is swept.
        loss_fn: For batches `(inputs..., target)`: `loss_fn(model(*inputs), target)`. For a
            dictionary: `loss_fn(model(**batch), batch)`, or `loss_fn(model(**batch))` if it takes
            one argument. None if the model returns its own loss, or with `forward` or `step`.
        train_loader: Any iterable of batches; restarted when it runs out. Tensors are moved to
            the model's device.
        start_lr: Rate of the first step, above 0.
        end_lr: Rate of the last step, above `start_lr`.
        num_iter: Number of optimizer steps, at least 2.
        step_mode: "exp" (uniform in log10) or "linear".
        diverge_th: Stop when the loss has risen above its best by this many times its descent
            (see `DivergenceRule`); None never stops early. A non-finite loss always stops; on the
            CPU before it reaches the weights.
        accumulation_steps: Batches per optimizer step. The recorded loss is their mean; gradients
            are averaged, or summed where `loss_fn.reduction` is "sum".
        autocast: Data type of `torch.autocast` around the forward pass, such as `torch.bfloat16`.
        scaler: The gradient scaler. A step that it skips does not advance the rate, and is counted
            in the result's `skipped`.
        clip_grad: Largest norm of the gradient of all parameters together, or a function that
            takes the list of parameters and clips.
        probe: A fixed held-out batch. Its loss is taken after each step, in eval mode and without
            gradient, and recorded beside the mini-batch loss: `result.suggest(source="probe")`.
        probe_every: After how many steps each the probe is looked at.
        metric: Takes (model, probe) and returns a number that is better when higher, such as an
            accuracy; recorded with the probe's loss.
        forward: Takes (model, batch) and returns the loss, in place of `loss_fn`.
        step: Takes a batch, makes the whole training step with `optimizer` and returns the loss
            before it, in place of `loss_fn`. What else it changes belongs in `preserve`.
        preserve: Further objects to put back, such as a scheduler or a second model.
        all_ranks: Under `torch.distributed`, whether this is one test over all ranks: all of them
            call it, the losses are averaged, and all get the same result. False for a test of
            this process alone.
        store: Where the copy of the state is held meanwhile: "cpu" or "device".
        progress: Whether to show a progress bar; None shows it in a terminal or notebook.

    Returns:
        The frozen record, with the analysis as methods.

    Raises:
        TypeError: An argument has the wrong type, or the loss is no tensor.
        ValueError: An argument is out of range, the loader is empty, the loss is no scalar or has
            no gradient, or the optimizer holds none of the model's parameters.

    Example:
        >>> from torch.nn.functional import mse_loss
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Linear(3, 1)
        >>> data = [(x, x.sum(1, keepdim=True)) for x in torch.randn(8, 16, 3)]
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> result = range_test(model, optimizer, mse_loss, data, num_iter=200)
        >>> 0.001 < result.suggest().lr < 1
        True
    """
    sweep = Sweep(
        optimizer,
        start_lr=start_lr,
        end_lr=end_lr,
        num_iter=num_iter,
        step_mode=step_mode,
        diverge_th=diverge_th,
        probe_every=probe_every,
        scaler=scaler,
        all_ranks=all_ranks,
    )
    optimizers = as_optimizers(optimizer)
    check_model(model, optimizers)
    check_one_way(loss_fn=loss_fn, forward=forward, step=step)
    count = require_count("accumulation_steps", accumulation_steps, least=1)
    if metric is not None and probe is None:
        raise ValueError("`metric` needs a `probe`, the batch it is computed on.")
    callables = [state_of(each) for each in (loss_fn, forward, metric, clip_grad)]
    maker = "loss_fn" if forward is None else "forward"
    forward = forward or forward_of(loss_fn)
    device = device_of(model, optimizers)
    train_step: Callable[[list[Any]], torch.Tensor | float]
    if step is None:
        train_step = TrainStep(
            model,
            optimizers,
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
            accumulation_steps=count > 1,
            autocast=autocast is not None,
            clip_grad=clip_grad is not None,
            probe=probe is not None,
        )
        train_step = _on_one_batch(step, device)
    check_preserve(preserve)
    loader = loader_objects(train_loader)
    objects = [model, *optimizers, scaler, *callables, *loader, *preserve]
    with (
        preserve_state(*objects, store=store) as kept,
        sweep,
        closing(endless(train_loader)) as batches,
        progress_bar(sweep, progress) as show,
    ):
        _to_train_mode(optimizers)
        look = None
        if probe is not None:
            batch = to_device(probe, device)
            look = Probe(model, batch, forward, device, metric=metric, autocast=autocast)
        _run(sweep, train_step, look, batches, count, show)
    result = replace(sweep.result(), state_bytes=kept.nbytes)
    return same_on_every_rank(result) if all_ranks else result


def _run(
    sweep: Sweep,
    train_step: Callable[[list[Any]], torch.Tensor | float],
    look: Probe | None,
    batches: Iterator[Any],
    count: int,
    show: Callable[[], None] | None,
) -> None:
    """Step until the sweep is over or the batches are used up."""
    more = True
    while more and len(window := list(islice(batches, count))) == count:
        loss = train_step(window)
        if look is None or not sweep.probe_is_due:
            more = sweep.record(loss)
        else:
            probe_loss, probe_metric = look()
            more = sweep.record(loss, probe=probe_loss, metric=probe_metric)
        if show is not None:
            show()
    if more:
        sweep.exhausted()


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
