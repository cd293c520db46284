"""The LR range test in one call."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import torch
from torch.optim import Optimizer

from lrfind.result import RangeTestResult
from lrfind.training.batches import endless
from lrfind.training.preserve import preserve_state
from lrfind.training.progress import progress_bar
from lrfind.training.step import Forward, LossFn, TrainStep, forward_of
from lrfind.training.sweep import Sweep


def range_test(
    model: torch.nn.Module,
    optimizer: Optimizer,
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    *,
    start_lr: float = 1e-7,
    end_lr: float = 10.0,
    num_iter: int = 100,
    step_mode: str = "exp",
    diverge_th: float | None = 4.0,
    forward: Forward | None = None,
    step: Callable[[Any], torch.Tensor | float] | None = None,
    preserve: Sequence[Any] = (),
    store: str = "cpu",
    progress: bool | None = None,
) -> RangeTestResult:
    """Run an LR range test, and put every bit of the training state back.

    The rate grows from `start_lr` to `end_lr`, one optimizer step per mini-batch, until the loss
    blows up (Smith 2017, arXiv:1506.01186; the exponential sweep is fastai's). Afterwards the
    model, the optimizer, the loader and all random state are bit for bit as before, also after an
    exception or Ctrl-C; see `preserve_state`.

    Args:
        model: The model, in the mode it trains in: its train and eval flags are left alone.
        optimizer: Its optimizer; several parameter groups keep the ratios of their rates, and the
            largest rate is the one that is swept.
        loss_fn: For batches `(inputs..., target)`: `loss_fn(model(*inputs), target)`. For a
            dictionary: `loss_fn(model(**batch), batch)`, or `loss_fn(model(**batch))` if it takes
            one argument. None if the model returns its own loss, or with `forward` or `step`.
        train_loader: Any iterable of batches; restarted when it runs out. Tensors are moved to
            the model's device.
        start_lr: Rate of the first step, above 0.
        end_lr: Rate of the last step, above `start_lr`.
        num_iter: Number of steps, at least 2.
        step_mode: "exp" (uniform in log10) or "linear".
        diverge_th: Stop when the loss has risen above its best by this many times its descent
            (see `DivergenceRule`); None never stops early. A non-finite loss always stops, before
            it reaches the weights.
        forward: Takes (model, batch) and returns the loss, in place of `loss_fn`.
        step: Takes a batch, makes the whole training step with `optimizer` and returns the loss
            before it, in place of `loss_fn`. What else it changes belongs in `preserve`.
        preserve: Further objects to put back, such as a scheduler, a gradient scaler or a second
            model.
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
    )
    _check_model(model, optimizer)
    train_step = _train_step(model, optimizer, loss_fn, forward, step)
    kept_objects = [model, optimizer, *_loader_state(train_loader), *preserve]
    if isinstance(loss_fn, torch.nn.Module):
        kept_objects.append(loss_fn)
    with (
        preserve_state(*kept_objects, store=store) as kept,
        sweep,
        closing(_batches(train_loader)) as batches,
        progress_bar(sweep, progress) as bar,
    ):
        for batch in batches:
            if not bar.update(sweep.record(train_step(batch))):
                break
        else:
            sweep.exhausted()
    return replace(sweep.result(), state_bytes=kept.nbytes)


def _train_step(
    model: torch.nn.Module,
    optimizer: Optimizer,
    loss_fn: LossFn | None,
    forward: Forward | None,
    step: Callable[[Any], torch.Tensor | float] | None,
) -> Callable[[Any], torch.Tensor | float]:
    functions = {"loss_fn": loss_fn, "forward": forward, "step": step}
    given = {name: function for name, function in functions.items() if function is not None}
    for name, function in given.items():
        if not callable(function):
            raise TypeError(f"`{name}` must be callable, got {type(function).__name__}.")
    if len(given) > 1:
        raise ValueError(
            f"only one of `loss_fn`, `forward` and `step` may be given, got {[*given]}."
        )
    if step is not None:
        return step
    return TrainStep(model, optimizer, forward or forward_of(loss_fn))


def _check_model(model: torch.nn.Module, optimizer: Optimizer) -> None:
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"`model` must be a torch.nn.Module, got {type(model).__name__}.")
    own = {id(parameter) for parameter in model.parameters()}
    held = {id(value) for group in optimizer.param_groups for value in group["params"]}
    if own and own.isdisjoint(held):
        raise ValueError(
            "`optimizer` holds none of the parameters of `model`: build it from "
            "`model.parameters()`, after any step that replaces them."
        )
    if not any(module.training for module in model.modules()):
        warnings.warn(
            "`model` is in eval mode, so dropout and batch norm act as in evaluation; "
            "call `model.train()` first if that is not how it trains.",
            stacklevel=3,
        )


def _loader_state(train_loader: Any) -> list[Any]:
    """What of the loader can be put back: an iterator's position cannot."""
    if not hasattr(train_loader, "__iter__"):
        raise TypeError(f"`train_loader` must be iterable, got {type(train_loader).__name__}.")
    if iter_is_self(train_loader):
        warnings.warn(
            "`train_loader` is an iterator: the batches that the test takes from it are used up. "
            "Pass the DataLoader itself to have them back.",
            stacklevel=3,
        )
        return []
    return [] if isinstance(train_loader, list | tuple) else [train_loader]


def iter_is_self(iterable: Any) -> bool:
    """Whether an iterable is an iterator, which gives each element once."""
    return hasattr(iterable, "__next__")


def _batches(train_loader: Iterable[Any]) -> Generator[Any, None, None]:
    """Endless batches; an empty loader is refused."""
    empty = True
    for batch in endless(train_loader):
        empty = False
        yield batch
    if empty:
        raise ValueError("`train_loader` is empty: it gave no batch.")
