"""The LR range test in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.optim import Optimizer

from lrfind.loop.forward import LossFn
from lrfind.loop.loop import Loop
from lrfind.loop.probe import Metric
from lrfind.loop.step import ClipGrad, Forward
from lrfind.loop.task_forward import Total
from lrfind.result.range_test_result import RangeTestResult
from lrfind.sweep.sweep import Sweep


def range_test(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    *,
    start_lr: float = 1e-6,
    end_lr: float = 10.0,
    num_iter: int = 300,
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
    total: Total | None = None,
    step: Callable[[Any], torch.Tensor | float] | None = None,
    preserve: Sequence[Any] = (),
    all_ranks: bool = True,
    store: str = "cpu",
    progress: bool | None = None,
    layers: bool = False,
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
        total: With several tasks, `loss_fn`, `forward` or the model returns a dictionary of their
            losses, and `total` makes of it the one to train on, such as a `MultiTaskLoss`; their
            sum if None. Each task is recorded: `result.suggest(source="task")`.
        step: Takes a batch, makes the whole training step with `optimizer` and returns the loss
            before it, in place of `loss_fn`. What else it changes belongs in `preserve`.
        preserve: Further objects to put back, such as a scheduler or a second model.
        all_ranks: Under `torch.distributed`, whether this is one test over all ranks: all of them
            call it, the losses are averaged, and all get the same result. False for a test of
            this process alone.
        store: Where the copy of the state is held meanwhile: "cpu" or "device".
        progress: Whether to show a progress bar; None shows it in a terminal or notebook.
        layers: Whether to record the norms of every trainable tensor, its gradient and its update
            at each step, as the result's `layers`.

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
        layers=model if layers else None,
    )
    loop = Loop(
        model,
        optimizer,
        loss_fn,
        train_loader,
        accumulation_steps=accumulation_steps,
        autocast=autocast,
        scaler=scaler,
        clip_grad=clip_grad,
        probe=probe,
        metric=metric,
        forward=forward,
        total=total,
        step=step,
        preserve=preserve,
        all_ranks=all_ranks,
        store=store,
        progress=progress,
    )
    state_bytes = loop.run(sweep)
    return loop.agreed(replace(sweep.result(), state_bytes=state_bytes))
