"""The options shared by all functions that run a training loop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict, TypeVar, cast

import torch

from lrfind.loop.probe import Metric
from lrfind.loop.step import ClipGrad, Forward
from lrfind.loop.task_forward import Total
from lrfind.loop.validation import check_unused
from lrfind.support.option_names import hint
from lrfind.sweep.progress import require_progress

F = TypeVar("F", bound=Callable[..., object])


class LoopOptions(TypedDict, total=False):
    """Options of the training loop, described once for all functions that take them.

    A new option needs a line in each of three places: in this list, in the fields, and in
    `LOOP_DEFAULTS`. `Loop` then has it in its `options`.

    Attributes:
        accumulation_steps: Batches per optimizer step. The recorded loss is their mean; gradients
            are averaged, or summed if `loss_fn.reduction` is "sum".
        autocast: Data type of `torch.autocast` around the forward pass, such as `torch.bfloat16`.
        scaler: The gradient scaler. A step that it skips does not advance the learning rate, and
            is counted in `result.skipped`.
        clip_grad: Maximum norm of the gradient over all parameters, or a function that takes the
            list of parameters and clips their gradients.
        probe: A fixed held-out batch, or a DataLoader or other iterable of a few (a list or a
            tuple is one batch). Its loss, the mean of theirs, is computed after each step, in eval
            mode and without gradients, and recorded next to the mini-batch loss, for
            `result.suggest(source="probe")`.
        metric: Function of (model, probe batch) that returns a number, higher is better, such as
            an accuracy; recorded with the probe loss.
        forward: Function of (model, batch) that returns the loss, in place of `loss_fn`. A loss of
            None leaves the batch out, as does a batch without samples; not over several ranks.
        total: With several tasks, `loss_fn`, `forward` or the model returns a dictionary of their
            losses, and `total` combines all of them into the one to train on, such as a
            `MultiTaskLoss`; None takes the entry "loss", or the sum if there is none. The loss of
            each task is recorded too, for `result.suggest(source=...)` with its name; beside a
            "loss" that is every number, and anything else is ignored.
        step: Function of a batch that makes the whole training step with `optimizer` and returns
            the loss before it, in place of `loss_fn`. A call that makes no optimizer step, as in
            gradient accumulation, does not advance the learning rate: its loss is averaged with
            those up to the next step.
        preserve: Further objects to restore afterwards, such as an LR scheduler or a second model.
            Restored anyway are the models, optimizers, generators and objects of your own that
            `loss_fn` and the functions above hold in closures, defaults, partials or as methods;
            global variables and what a function written in C holds cannot be seen.
        all_ranks: Under `torch.distributed`, whether this is one run over all ranks: every rank
            calls it, the losses are averaged, and all ranks get the same result. False for a run
            of this process alone.
        store: Where the copy of the training state is kept during the run: "cpu" or "device".
        progress: Whether to show a progress bar; None shows it in a terminal or notebook. "plot"
            draws the losses of the sweep in a notebook while it runs, seldom enough that a long one
            is not slowed; all else shows a bar.
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
    progress: bool | Literal["plot"] | None


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

DONE_BY_A_STEP = (
    "accumulation_steps", "autocast", "clip_grad", "probe", "metric", "forward", "total",
)  # fmt: skip
"""What a `step` of the user's replaces."""

KEPT_STEP = (
    "the `step` that is kept from the result: do it inside the step, leave it out, or pass a "
    "`loss_fn` or `forward`, which replaces the step."
)
"""For the error message, where the user gave an option but no `step`."""

TAKES: dict[str, tuple[str, ...]] = {}
"""Names of all arguments of the functions that take these options, for their error messages."""

PLACEHOLDER = "options: See `LoopOptions`."
"""The line in the `Args` of a docstring that `shows_loop_options` replaces by the descriptions."""


def shows_loop_options(function: F) -> F:
    """Add the options to the signature and the docstring of a function that takes `**options`.

    `Unpack[LoopOptions]` types `**options` for a type checker. `help` and notebook completion read
    the signature instead, so each option becomes a keyword-only parameter there.
    """
    signature = inspect.signature(function)
    own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
    TAKES[function.__name__] = (*(each.name for each in own), *LOOP_DEFAULTS)
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
    # `Attributes` of a class and `Args` of a function have the same indentation.
    described = (LoopOptions.__doc__ or "").partition("Attributes:")[2].strip()
    function.__doc__ = (function.__doc__ or "").replace(PLACEHOLDER, described)
    return function


def unused_with_step(options: LoopOptions) -> list[str]:
    """Names of the given options that have no effect with a `step`, which does the same itself."""
    given = [name for name in DONE_BY_A_STEP if options.get(name) is not None]
    return [name for name in given if (name, options.get(name)) != ("accumulation_steps", 1)]


def with_kept(kept: Mapping[str, Any], options: LoopOptions, loss_fn: object) -> LoopOptions:
    """The given options, completed by those that a sweep was run with.

    Kept options that another way to compute the loss replaces are left out: a given `loss_fn` or
    `forward` replaces `forward` and `step`, a given `step` everything that it does itself. Without
    a probe there is no metric.

    Args:
        kept: The options of the sweep, by name.
        options: The given options.
        loss_fn: The given loss function, or None.

    Raises:
        ValueError: A given option has no effect with a `step` that is kept.
    """
    replaced: tuple[str, ...] = ()
    if options.get("step") is not None:
        replaced = DONE_BY_A_STEP
    elif loss_fn is not None or options.get("forward") is not None:
        replaced = ("forward", "step")
    if "probe" in options and options["probe"] is None:
        replaced += ("metric",)
    rest = {name: value for name, value in kept.items() if name not in replaced}
    if "step" not in options and rest.get("step") is not None:
        check_unused(unused_with_step(options), KEPT_STEP)
    return cast(LoopOptions, {**rest, **options})


def with_defaults(options: LoopOptions, function: str) -> LoopOptions:
    """The given options, completed by the defaults.

    Args:
        options: The given options.
        function: Name of the function they were passed to, for the error message.

    Raises:
        TypeError: An unknown option; the message is the one Python gives for an unknown argument,
            with the name that the option has here.
        ValueError: An unknown `progress`.
    """
    for name in options:
        if name not in LOOP_DEFAULTS:
            meant = hint(name, TAKES.get(function, LOOP_DEFAULTS))
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{meant}")
    require_progress(options.get("progress"))
    return {**LOOP_DEFAULTS, **options}
