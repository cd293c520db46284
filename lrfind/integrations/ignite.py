"""The LR range test of an ignite engine."""

from __future__ import annotations

import copy
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch.optim import Optimizer

from lrfind.integrations.missing import missing
from lrfind.integrations.options import check_names, data_objects
from lrfind.integrations.recording import Recording
from lrfind.result.range_test_result import RangeTestResult
from lrfind.state.held_by import held_by
from lrfind.state.preserve import preserve_state
from lrfind.sweep.sweep import Sweep

try:
    from ignite.engine import Engine, Events
except ImportError as error:
    raise missing("ignite") from error


def range_test(
    trainer: Engine,
    optimizer: Optimizer | Sequence[Optimizer],
    data: Iterable[Any],
    *,
    output_transform: Callable[[Any], torch.Tensor | float | None] | None = None,
    preserve: Sequence[object] = (),
    **options: Any,
) -> RangeTestResult:
    """Run an LR range test with the `process_function` of an engine, and restore everything.

    A copy of the engine without handlers runs the sweep: yours is not touched, so its state and its
    handlers stay as they are, and none of them (schedulers, checkpoints, loggers) is called.

    Restored bit for bit are `optimizer` and its parameters, `data`, all random state, and what the
    `process_function` holds: the model of `create_supervised_trainer`, or the objects in the
    closure of your own. What it reads from globals, give as `preserve`.

    Args:
        trainer: The engine that trains, also one that has run or is running.
        optimizer: Its optimizer, or several.
        data: As for `trainer.run`.
        output_transform: Function of the output of the engine that returns the loss, None to leave
            the batch out. By default the output itself, or its `"loss"` if it is a dictionary.
        preserve: More objects to restore, as in `preserve_state`.
        options: Those of `Sweep`; for the norms of all tensors, `layers` is the model.

    Returns:
        The sweep as an immutable record, with the analysis as methods.

    Raises:
        TypeError: An option is unknown, or the output has no loss.
        ValueError: An option is out of range.

    Example:
        >>> from ignite.engine import create_supervised_trainer
        >>> model = torch.nn.Linear(3, 1)
        >>> data = [(x, x.sum(1, keepdim=True)) for x in torch.randn(8, 16, 3)]
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> trainer = create_supervised_trainer(model, optimizer, torch.nn.functional.mse_loss)
        >>> range_test(trainer, optimizer, data, num_iter=50, diverge_th=None, end_lr=0.1)
        <RangeTestResult: 50 steps, lr 1e-06 to 0.1, completed>
    """
    check_names(options)
    sweep = Sweep(optimizer, **options)
    several = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
    held = held_by([trainer._process_function])
    objects = [*data_objects(data), *several, options.get("scaler"), *held, *preserve]
    engine = _without_handlers(trainer)
    _attach(Recording(sweep, "trainer"), output_transform or _loss_of, engine)
    with preserve_state(*objects) as kept, sweep, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Data iterator can not provide data anymore")
        engine.run(data, max_epochs=sys.maxsize)
        batches = engine.state.epoch_length
        epoch_steps = batches * sweep.steps / engine.state.iteration if batches else None
    return replace(sweep.result(), state_bytes=kept.nbytes, epoch_steps=epoch_steps)


def _attach(
    recording: Recording, loss_of: Callable[[Any], torch.Tensor | float | None], engine: Engine
) -> None:
    """Record the loss of every iteration of an engine, and end its run with the sweep."""

    def record(engine: Engine) -> None:
        if not recording.goes_on(loss_of(engine.state.output)):
            engine.terminate()

    def end_without_data(engine: Engine) -> None:
        if not recording.has_more():
            engine.terminate()

    engine.add_event_handler(Events.ITERATION_COMPLETED, record)
    engine.add_event_handler(Events.EPOCH_COMPLETED, end_without_data)


def _loss_of(output: Any) -> torch.Tensor | float | None:
    if isinstance(output, Mapping) and "loss" in output:
        output = output["loss"]
    if output is None or isinstance(output, torch.Tensor | float):
        return output
    raise TypeError(
        f"the output of `trainer` is a {type(output).__name__}: pass `output_transform=`, a "
        "function of it that returns the loss."
    )


def _without_handlers(trainer: Engine) -> Engine:
    """A copy of an engine that begins at its first iteration, and has no handlers."""
    engine, state = copy.copy(trainer), copy.copy(trainer.state)
    state.iteration = state.epoch = 0
    state.max_epochs = state.max_iters = state.epoch_length = None
    state.metrics, state.times = dict(state.metrics), dict(state.times)
    engine.state, engine._event_handlers = state, defaultdict(list)
    # What a run in progress has, or a run that has failed may have left.
    engine._dataloader_iter = engine._init_iter = engine._internal_run_generator = None
    return engine
