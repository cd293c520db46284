"""The first error of a forward pass, ended with the line that mends it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from lrfind.loop.task_forward import TaskForward
from lrfind.loop.validation import check_loss
from lrfind.loop.ways import (
    TARGETS,
    Split,
    pairs_of_changes,
    parameters_of,
    parts_of,
    splits,
)
from lrfind.support.process_group import rank_count

MENDABLE = (TypeError, ValueError, RuntimeError, AttributeError, IndexError)
"""What is raised for a batch that does not fit its model or its loss function."""

SIGNATURE = "forward=lambda model, batch: "
IN_TRAINING_STEP = "model.training_step(batch, 0)"
PASS = "Pass this, which works on this batch"
PASS_FOR_LOSS_FN = "Pass None as `loss_fn`, and this, which works on this batch"
TAKES_ONE = " with one of the values that the model returns"
TO_NAME = {
    "encode": "The batch holds strings; `encode` stands for what makes tensors of them",
    "...": "Pass a function that returns the loss; the dots stand for what is missing",
    "training_step": "A LightningModule makes its loss in `training_step`",
    "loss_fn": "Pass this, with a loss function of yours",
}
"""What to say of a line that has not been tried, by what it holds; the first that fits."""

LossFn = Callable[..., Any] | None


class Mending:
    """A forward pass by the usual rules; until it has worked, its errors end with what mends them.

    The line that they end with is found by trying, so that it computes a loss on this batch. Where
    none does, it is the likeliest.

    Args:
        forward: The forward pass.
        loss_fn: The loss function that it uses, or None.
    """

    def __init__(self, forward: TaskForward, loss_fn: LossFn) -> None:
        self._forward, self._loss_fn = forward, loss_fn
        self._worked = False

    def __call__(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        """The loss to train on."""
        if self._worked or not torch.is_grad_enabled():
            return self._forward(model, batch)
        try:
            loss = self._forward(model, batch)
            if loss is not None:
                check_loss(loss, "loss_fn")
        except MENDABLE as error:
            self.tell(error, model, batch)
            raise
        self._worked = loss is not None
        return loss

    def tell(self, error: Exception, model: torch.nn.Module, batch: Any) -> None:
        """End the message of an error with what mends it, if that is known."""
        if isinstance(error, torch.OutOfMemoryError):
            return
        given = model, self._loss_fn, batch
        # Where there are other ranks, they would wait for what is tried here.
        line = _tried(working_line, *given) if rank_count() == 1 else None
        said = PASS if self._loss_fn is None else PASS_FOR_LOSS_FN
        if line is None:
            line = _tried(likely_line, *given, refused="`forward=`" in str(error))
            said = next((text for sign, text in TO_NAME.items() if sign in (line or "")), "")
        elif line.startswith("loss_fn(") and ")[" in line:
            said += TAKES_ONE
        if line is not None:
            error.args = (f"{error}\n{said}:\n{SIGNATURE}{line}",)


def working_line(model: torch.nn.Module, loss_fn: LossFn, batch: Any) -> str | None:
    """The code of a loss that can be computed from a batch, as tried; None if none was found."""
    lines = _lines_of_own_loss(model, batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Shapes that torch broadcasts in a loss do not fit.
        warnings.filterwarnings("error", message="Using a target size")
        found = next((code for code, value in lines if _is_loss(value)), None)
        if found is not None or loss_fn is None:
            return found
        for code, value in _lines_with(loss_fn, model, batch):
            if _is_loss(value):
                return code
            if isinstance(value, torch.Tensor) and value.requires_grad:
                return f"{code}.mean()"
    return None


def _is_loss(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value) and all(map(_is_loss, value.values()))
    return isinstance(value, torch.Tensor) and value.ndim == 0 and value.requires_grad


def _tried(function: Callable[..., Any], *values: Any, **named: Any) -> Any:
    """What a function returns; None if it raises."""
    try:
        return function(*values, **named)
    except Exception:
        return None


def _lines_of_own_loss(model: Any, batch: Any) -> Iterator[tuple[str, Any]]:
    """The losses that a model may make itself: code and value."""
    for code, made in _own_calls(model, batch):
        for part, value in parts_of(made):
            yield code + part, value


def _own_calls(model: Any, batch: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(model, "training_step"):
        yield IN_TRAINING_STEP, _tried(model.training_step, batch, 0)
    if isinstance(batch, Mapping):
        yield "model(**batch)", _tried(model, **batch)
        if "input_ids" in batch and _tried(lambda: model.can_generate()):
            code = 'model(**batch, labels=batch["input_ids"])'
            yield code, _tried(model, **batch, labels=batch["input_ids"])
    elif isinstance(batch, list | tuple):
        yield "model(*batch)", _tried(model, *batch)
    else:
        yield "model(batch)", _tried(model, batch)
    for name in parameters_of(model):
        for split in splits(model, batch) if name in TARGETS else ():
            if split.target_code and name not in split.named:
                code = f"model({split.code}, {name}={split.target_code})"
                yield code, _tried(model, *split.inputs, **split.named, **{name: split.target})


def _lines_with(
    loss_fn: Callable[..., Any], model: torch.nn.Module, batch: Any
) -> Iterator[tuple[str, Any]]:
    """The losses that a loss function may make of a model's output: code and value."""
    for split in splits(model, batch):
        for inputs in split.changed() if split.target_code else ():
            made = _tried(model, *inputs.inputs, **inputs.named)
            whole = [] if made is None or isinstance(made, torch.Tensor) else [("", made)]
            for part, output in (*whole, *parts_of(made)):
                for (of_output, shape), (of_target, kind) in pairs_of_changes():
                    values = _tried(shape, output), _tried(kind, split.target)
                    output_code = f"model({inputs.code}){part}{of_output}"
                    code = f"loss_fn({output_code}, {split.target_code}{of_target})"
                    yield code, _tried(loss_fn, *values)
    if isinstance(batch, list | tuple) and len(batch) == 2:  # two views of the same samples
        views = [_tried(model, each) for each in batch]
        yield "loss_fn(model(batch[0]), model(batch[1]))", _tried(loss_fn, *views)


def likely_line(
    model: torch.nn.Module, loss_fn: LossFn, batch: Any, *, refused: bool
) -> str | None:
    """The code of a loss that cannot be tried; None if `forward` is not what is wrong.

    Args:
        model: The model.
        loss_fn: The loss function, or None.
        batch: The batch.
        refused: Whether the error says that such batches do not go into the model.
    """
    if _holds_strings(batch):
        return _untried(model, batch, "encode({})")
    if hasattr(model, "training_step"):
        return IN_TRAINING_STEP
    usual = isinstance(batch, list | tuple) and len(batch) > 1
    if usual and loss_fn is not None and not refused:
        return None
    return _untried(model, batch, "{}" if usual and loss_fn is None else "{}, ...")


def _untried(model: torch.nn.Module, batch: Any, inputs: str) -> str:
    split = next(splits(model, batch), Split("batch"))
    return f"loss_fn(model({inputs.format(split.code)}), {split.target_code or '...'})"


def _holds_strings(batch: Any) -> bool:
    if isinstance(batch, list | tuple | Mapping):
        values = batch.values() if isinstance(batch, Mapping) else batch
        return any(map(_holds_strings, values))
    return isinstance(batch, str)
