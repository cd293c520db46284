"""The LR range test in one call."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.optim import Optimizer
from typing_extensions import Unpack

from lrfind.analysis.question import Question, ask
from lrfind.loop.checkpoints import Checkpoints, checkpoints_of
from lrfind.loop.cold_start import cold_starts
from lrfind.loop.forward import LossFn
from lrfind.loop.loop import Loop
from lrfind.loop.options import LoopOptions, shows_loop_options, with_defaults
from lrfind.loop.validation import check_restartable
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import DEFAULTS
from lrfind.support.arrays import Array
from lrfind.sweep.sweep import Sweep


@shows_loop_options
def range_test(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    *,
    start_lr: float | Sequence[float] | Array = DEFAULTS.start_lr,
    end_lr: float | Sequence[float] | Array = DEFAULTS.end_lr,
    num_iter: int = DEFAULTS.num_iter,
    step_mode: str = DEFAULTS.step_mode,
    diverge_th: float | None = DEFAULTS.diverge_th,
    probe_every: int = DEFAULTS.probe_every,
    layers: bool = False,
    confirm: bool | Mapping[str, Any] = False,
    journal: str | os.PathLike[str] | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    **options: Unpack[LoopOptions],
) -> RangeTestResult:
    """Run an LR range test and restore the training state bit for bit.

    The learning rate grows from `start_lr` to `end_lr`, one optimizer step per mini-batch, until
    the loss diverges (Smith 2017, arXiv:1506.01186; the exponential sweep is fastai's). Afterwards
    the model, the optimizer, the loader and all random state are bit for bit as before, also after
    an exception or a signal; see `preserve_state`. An attached LR scheduler is not stepped. In a
    thread, other threads may test other models, but share the random state of the process.

    Args:
        model: The model, in the mode it trains in: its train and eval flags are not changed.
        optimizer: Its optimizer, or several that step together. Parameter groups keep the ratios
            of their learning rates; the largest one is swept.
        loss_fn: Called as `loss_fn(model(*inputs), target)` on batches `(inputs..., target)`. On a
            dictionary: `loss_fn(model(**batch), batch)`, or `loss_fn(model(**batch))` if it takes
            one argument. None if the model returns its own loss, or with `forward` or `step`.
        train_loader: Any iterable of batches; restarted when it runs out. Tensors, and NumPy
            arrays as tensors, are moved to the model's device.
        start_lr: Learning rate of the first step, above 0; or a list or array with one for each
            parameter group, whose ratios the groups then keep.
        end_lr: Learning rate of the last step, above `start_lr`, of the group with the largest; or
            a list or array in the ratios of `start_lr`.
        num_iter: Number of optimizer steps, at least 2.
        step_mode: "exp" (uniform in log10) or "linear".
        diverge_th: Stop when the loss has risen above its best by this many times its decrease so
            far (see `DivergenceRule`); None never stops early. A non-finite loss always stops the
            test; on the CPU before it reaches the weights.
        probe_every: Compute the probe loss every this many steps.
        layers: Whether to record the norms of every trainable tensor, its gradient and its update
            at each step, as `result.layers`.
        confirm: Whether to train from scratch for a few dozen steps at the suggested rate, and if
            that does not start, at lower ones until one does, which is then suggested; see
            `result.cold_starts`. To do so for a `schedule`, `total_steps` or both, give these, such
            as `{"schedule": "one_cycle"}`. Not with an iterator, which cannot be restarted.
        journal: A file to which each step is written within about a second, so that a killed
            process loses no more: `lrfind.load` reads the result so far from it, at any time. An
            earlier journal is replaced, any other file is refused. The first rank writes it; of
            several, it has probe, metric and tasks only at the end. It has no `layers`.
        checkpoint_every: Write a checkpoint every this many steps, beside the `journal` and with
            the suffix `.ckpt`, from which a killed sweep can be resumed; it is removed when the
            sweep has ended. It holds what has changed of the state that is restored in the end,
            about as much as the copy of it. For one process, without `layers`.
        resume: Go on from that checkpoint: build model, optimizer and loader as at the beginning,
            from the same seed, and give the same arguments. The batches of the epoch up to there
            are loaded again, and the result is bit for bit that of a sweep that was not killed.
        options: See `LoopOptions`.

    Returns:
        The sweep as an immutable record, with the analysis as methods.

    Raises:
        FileNotFoundError: There is no checkpoint to `resume` from.
        NotPortableError: With `checkpoint_every`, the training state cannot be written to a file.
        OSError: The `journal` cannot be written, or its file is something else.
        ResultFileError: The checkpoint is damaged.
        RuntimeError: The model or the optimizer is in another range test, here or in a thread.
        TypeError: An argument is unknown or has the wrong type, or the loss is not a tensor.
        ValueError: An argument is out of range, the loader is empty, the loss is not a scalar or
            has no gradient, or the optimizer holds none of the model's parameters.

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
    given, options = options, with_defaults(options, "range_test")
    asked = _asked(confirm, train_loader)
    sweep = Sweep(
        optimizer,
        start_lr=start_lr,
        end_lr=end_lr,
        num_iter=num_iter,
        step_mode=step_mode,
        diverge_th=diverge_th,
        probe_every=probe_every,
        scaler=options["scaler"],
        all_ranks=options["all_ranks"],
        layers=model if layers else None,
        progress=options["progress"],
        journal=journal,
    )
    loop = Loop(model, optimizer, loss_fn, train_loader, **options)
    matters = {**loop.options, "loss_fn": loss_fn, "layers": layers}
    checkpoints = checkpoints_of(sweep, model, matters, journal, checkpoint_every, resume=resume)
    return replace(_swept(loop, sweep, asked, checkpoints), loop_options=given)


def _swept(
    loop: Loop, sweep: Sweep, asked: Question | None, checkpoints: Checkpoints | None
) -> RangeTestResult:
    """Run a sweep, and confirm its suggestion if that is asked for."""
    if loop.options["step"] is None:  # else it shows how many batches a step takes
        sweep.journal.epoch_steps = loop.epoch_steps
    state_bytes = loop.run(sweep, checkpoints=checkpoints)
    result = replace(sweep.result(), state_bytes=state_bytes, epoch_steps=loop.epoch_steps)
    result = loop.agreed(result)
    sweep.journal.add(result)
    if asked is not None:
        result = replace(result, cold_starts=cold_starts(loop, result, asked))
        sweep.journal.add(result)
    if checkpoints is not None:
        checkpoints.remove()
    return result


def _asked(confirm: bool | Mapping[str, Any], train_loader: Iterable[Any]) -> Question | None:
    """What to confirm the suggestion for; None to confirm nothing."""
    if confirm is False:
        return None
    check_restartable(train_loader)
    if confirm is True:
        return ask()
    if not isinstance(confirm, Mapping) or not {"schedule", "total_steps"}.issuperset(confirm):
        raise TypeError(
            "`confirm` must be True, False or a dictionary of `schedule` and `total_steps`, got "
            f"{confirm!r}."
        )
    return ask(**confirm)


ARGUMENTS = tuple(
    name
    for name, parameter in inspect.signature(range_test).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY
)
"""Names of the keyword arguments of `range_test`."""

OF_ONE_RUN: dict[str, Any] = {"journal": None, "checkpoint_every": None, "resume": False}
"""Those that name the files of one run, where they must not be given for several."""
