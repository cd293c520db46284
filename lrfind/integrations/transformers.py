"""The LR range test of a Hugging Face `Trainer`, with its own training step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from lrfind.integrations.put_back import put_back, without_step
from lrfind.problems.problem import Problem
from lrfind.result.range_test_result import RangeTestResult
from lrfind.state.preserve import preserve_state
from lrfind.support.missing import missing

Window = tuple[Sequence[Any], Any]
"""The micro-batches of one optimizer step, and how many labels they have if the loss needs it."""


def range_test(trainer: Any, *, apply: bool = False, **options: Any) -> RangeTestResult:
    """Run an LR range test of a `transformers.Trainer`, and restore it bit for bit.

    Every step is the trainer's own: its loader and collator, `training_step` with `compute_loss`,
    label smoothing and mixed precision, gradient accumulation, `max_grad_norm`, and its optimizer
    with all parameter groups. Callbacks, trackers and the LR scheduler are not called. One step of
    the test is one optimizer step.

    Args:
        trainer: The trainer, before or after `train()`.
        apply: Whether to set the rate suggested for the schedule and the length of `train()`: as
            `trainer.args.learning_rate`, from which it makes its optimizer and scheduler, and in
            those that the trainer already has.
        options: Arguments of `lrfind.range_test`, such as `num_iter`; none that a `step` replaces.

    Returns:
        The sweep as an immutable record; `loss` as the trainer reports it, over all micro-batches.

    Raises:
        CannotTellError: With `apply`, there is no suggestion; nothing is changed.
        ImportError: transformers is not installed; the message has the line that installs it.
        TypeError: `trainer` is no `transformers.Trainer`, or an option has the wrong type.
        ValueError: The trainer has no training data, or an option is out of range.
    """
    with prepared(trainer) as problem:
        result = without_step(problem.range_test(**options), options)
    if apply:
        optimizer, question = trainer.optimizer, _training(trainer, result.epoch_steps)
        if optimizer is None:
            answer = result.suggest(**question)
        else:
            inner = getattr(optimizer, "optimizer", optimizer)
            answer = result.apply(inner, trainer.lr_scheduler, **question)
        trainer.args.learning_rate = answer.lr  # raises if there is none
    return result


@contextmanager
def prepared(trainer: Any) -> Iterator[Problem]:
    """A trainer made ready to train, as a `Problem`: for `verify`, `controls` and `find_lr`.

    At the end of the `with` block the trainer and its model are as they were before. So after each
    run inside it; weights that you train there yourself are kept.

    Args:
        trainer: A `transformers.Trainer`.

    Yields:
        Its model, optimizer and loader, with its training step; valid inside the block.

    Raises:
        ImportError: transformers is not installed; the message has the line that installs it.
        TypeError: `trainer` is no `transformers.Trainer`.
        ValueError: The trainer has no training data, or adds NEFTune noise or uses DeepSpeed or
            FSDP, which are set up only in `train()`.
    """
    _check(trainer)
    accelerator, module = trainer.accelerator, trainer.model
    objects = [trainer, accelerator, accelerator.gradient_state, *module.modules()]
    if trainer.optimizer is not None:
        objects += [trainer.optimizer, getattr(trainer.optimizer, "optimizer", trainer.optimizer)]
    with preserve_state(), put_back(objects):
        loader = trainer.get_train_dataloader()
        trainer.create_optimizer()
        model, trainer.optimizer = accelerator.prepare(module, trainer.optimizer)
        trainer.model_wrapped, trainer.is_in_train = model, True
        model.train()
        yield Problem(
            model,
            # Not the wrapper of Accelerate: its name would be that of the result.
            trainer.optimizer.optimizer,
            None,
            Windows(trainer, loader),
            {"step": _step(trainer, model), "scaler": accelerator.scaler},
        )


class Windows:
    """The batches of a trainer, as many at a time as it accumulates.

    Args:
        trainer: The trainer.
        loader: Its prepared loader.
    """

    def __init__(self, trainer: Any, loader: Iterable[Any]) -> None:
        self._trainer, self._loader = trainer, loader
        self._epoch = -1

    def __iter__(self) -> Iterator[Window]:
        trainer = self._trainer
        self._epoch += 1
        if hasattr(self._loader, "set_epoch"):
            self._loader.set_epoch(self._epoch)
        batches, count = iter(self._loader), trainer.args.gradient_accumulation_steps
        while (window := trainer.get_batch_samples(batches, count, trainer.args.device))[0]:
            yield window

    def __len__(self) -> int:
        loader: Any = self._loader
        count: int = self._trainer.args.gradient_accumulation_steps
        return math.ceil(len(loader) / count)


def _step(trainer: Any, model: torch.nn.Module) -> Any:
    """The trainer's step of one window, in the order of its own loop."""
    accelerator, limit = trainer.accelerator, trainer.args.max_grad_norm

    def step(window: Window) -> torch.Tensor:
        batches, items = window
        trainer.current_gradient_accumulation_steps = len(batches)
        losses = []
        model.zero_grad()
        for number, batch in enumerate(batches, 1):
            last = number == len(batches)
            accelerator.gradient_state._set_sync_gradients(last)
            with nullcontext() if last else accelerator.no_sync(model=model):
                losses.append(trainer.training_step(model, batch, items))
        if limit is not None and limit > 0:
            accelerator.clip_grad_norm_(model.parameters(), limit)
        trainer.optimizer.step()
        return torch.stack(losses).sum()

    return step


def _training(trainer: Any, epoch_steps: float | None) -> dict[str, Any]:
    """What `suggest` asks about the training: its length, and its schedule if none is made yet."""
    args, steps = trainer.args, trainer.args.max_steps
    if steps <= 0:
        steps = math.ceil(args.num_train_epochs * (epoch_steps or 0))
    name = getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type)
    # A scheduler that there is tells its schedule itself.
    return {
        "total_steps": steps or None,
        "schedule": name if trainer.lr_scheduler is None else None,
    }


def _check(trainer: Any) -> None:
    try:
        from transformers import Trainer
    except ImportError as error:
        raise missing("transformers") from error
    if not isinstance(trainer, Trainer):
        name = type(trainer).__name__
        raise TypeError(f"`trainer` must be a transformers.Trainer, got {name}.")
    refused = {
        "NEFTune noise": trainer.neftune_noise_alpha is not None,
        "DeepSpeed": trainer.is_deepspeed_enabled,
        "FSDP": trainer.is_fsdp_enabled,
    }
    for name, used in refused.items():
        if used:
            raise ValueError(f"`trainer` uses {name}, which only its `train()` sets up.")
