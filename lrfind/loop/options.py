"""How a model is trained: the options that all functions with a training loop share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar

import torch

from lrfind.loop.probe import Metric
from lrfind.loop.step import ClipGrad, Forward
from lrfind.loop.task_forward import Total

F = TypeVar("F", bound=Callable[..., object])


class LoopOptions(TypedDict, total=False):
    """How to train: each option, described for all functions that take it.

    A new one needs a line in each of three places: in the list that follows, in the fields, and
    in `LOOP_DEFAULTS`. `Loop` then finds it among its own.

    Attributes:
        accumulation_steps: Batches per optimizer step. The recorded loss is their mean; gradients
            are averaged, or summed where `loss_fn.reduction` is "sum".
        autocast: Data type of `torch.autocast` around the forward pass, such as `torch.bfloat16`.
        scaler: The gradient scaler. A step that it skips does not advance the rate, and is counted
            in the result's `skipped`.
        clip_grad: Largest norm of the gradient of all parameters together, or a function that
            takes the list of parameters and clips.
        probe: A fixed held-out batch. Its loss is computed after each step, in eval mode and
            without gradient, and recorded beside the mini-batch loss, for
            `result.suggest(source="probe")`.
        metric: Takes (model, probe) and returns a number that is better when higher, such as an
            accuracy; recorded with the probe loss.
        forward: Takes (model, batch) and returns the loss, in place of `loss_fn`.
        total: With several tasks, `loss_fn`, `forward` or the model returns a dictionary of their
            losses, and `total` combines them into the one to train on, such as a `MultiTaskLoss`;
            their sum if None. The loss of each task is recorded too, for
            `result.suggest(source="task")`.
        step: Takes a batch, makes the whole training step with `optimizer` and returns the loss
            before it, in place of `loss_fn`. What else it changes belongs in `preserve`.
        preserve: Further objects to put back, such as an LR scheduler or a second model.
        all_ranks: Under `torch.distributed`, whether this is one run over all ranks: all of them
            call it, the losses are averaged, and all get the same result. False for a run of this
            process alone.
        store: Where the copy of the training state is held meanwhile: "cpu" or "device".
        progress: Whether to show a progress bar; None shows it in a terminal or notebook.
    """

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


LOOP_DEFAULTS: LoopOptions = {
    "accumulation_steps": 1,
    "autocast": None,
    "scaler": None,
    "clip_grad": None,
    "probe": None,
    "metric": None,
    "forward": None,
    "total": None,
    "step": None,
    "preserve": (),
    "all_ranks": True,
    "store": "cpu",
    "progress": None,
}

PLACEHOLDER = "options: See `LoopOptions`."
"""The line in the `Args` of a docstring where `shows_loop_options` puts their descriptions."""


def shows_loop_options(function: F) -> F:
    """Put the options into the signature and the docstring of a function that takes `**options`.

    `Unpack[LoopOptions]` tells a type checker what `**options` may hold. `help` and the completion
    of a notebook read the signature, where each becomes a keyword-only parameter.
    """
    signature = inspect.signature(function)
    own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=LoopOptions.__annotations__[name].__forward_arg__,
        )
        for name, default in LOOP_DEFAULTS.items()
    ]
    function.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
    # Both lists are indented alike, as those of a function and a class of a module are.
    described = (LoopOptions.__doc__ or "").partition("Attributes:")[2].strip()
    function.__doc__ = (function.__doc__ or "").replace(PLACEHOLDER, described)
    return function


def with_defaults(options: LoopOptions, function: str) -> LoopOptions:
    """All options: those given, and the defaults of the others.

    Args:
        options: Those given.
        function: Name of the function that they were given to.

    Raises:
        TypeError: One of them is unknown; the message is Python's own for such an argument.
    """
    for name in options:
        if name not in LOOP_DEFAULTS:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")
    return {**LOOP_DEFAULTS, **options}
