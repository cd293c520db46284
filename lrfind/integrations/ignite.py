"""The LR range test of an ignite engine."""

from __future__ import annotations

import copy
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.optim import Optimizer

from lrfind.integrations.no_loss import NoLoss
from lrfind.integrations.options import check_names
from lrfind.integrations.put_back import without_step
from lrfind.problems.problem import Problem
from lrfind.result.range_test_result import RangeTestResult
from lrfind.state.held_by import held_by
from lrfind.support.missing import missing
from lrfind.sweep.epochs import length_of
from lrfind.sweep.group_rates import as_optimizers

try:
    from ignite.engine import Engine
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
    layers = options.get("layers")
    if isinstance(layers, torch.nn.Module):
        options, preserve = {**options, "layers": True}, [layers, *preserve]
    ready = prepared(trainer, optimizer, data, output_transform=output_transform, preserve=preserve)
    with ready as problem:
        return without_step(problem.range_test(**options, progress=False), options)


@contextmanager
def prepared(
    trainer: Engine,
    optimizer: Optimizer | Sequence[Optimizer],
    data: Iterable[Any],
    *,
    output_transform: Callable[[Any], torch.Tensor | float | None] | None = None,
    preserve: Sequence[object] = (),
) -> Iterator[Problem]:
    """An engine as a `Problem`: for `verify`, `controls` and `find_lr`.

    The steps are those of the copy of the engine that `range_test` describes. After each run
    inside the `with` block everything is as it was before it.

    Args:
        trainer: As in `range_test`.
        optimizer: As in `range_test`.
        data: As in `range_test`.
        output_transform: As in `range_test`.
        preserve: As in `range_test`.

    Yields:
        The model, optimizer and data, with the `process_function` as the training step. The model
        is the one that the function holds of the parameters of `optimizer`, or several as a list.
    """
    engine, several = _without_handlers(trainer), as_optimizers(optimizer)
    objects = [*held_by([trainer._process_function]), *preserve]
    engine.state.dataloader, engine.state.epoch_length = data, length_of(data) or None
    yield Problem(
        _model_of(several, objects),
        optimizer,
        None,
        Epochs(engine, data),
        {"step": _step(engine, output_transform or _loss_of), "preserve": objects},
    )


@dataclass(frozen=True)
class Given:
    """A batch as the data has it: what it holds is moved nowhere but by the engine.

    Attributes:
        batch: The batch.
    """

    batch: Any


class Epochs:
    """The data of an engine, which counts its epochs.

    Args:
        engine: The engine.
        data: Its data.
    """

    def __init__(self, engine: Engine, data: Iterable[Any]) -> None:
        self._engine, self._data = engine, data

    def __iter__(self) -> Iterator[Given]:
        engine = self._engine
        if engine.should_terminate:
            return
        engine.state.epoch, engine.should_terminate_single_epoch = engine.state.epoch + 1, False
        for batch in self._data:
            yield Given(batch)
            if engine.should_terminate or engine.should_terminate_single_epoch:
                return

    def __len__(self) -> int:
        data: Any = self._data
        return len(data)


def _step(
    engine: Engine, loss_of: Callable[[Any], torch.Tensor | float | None]
) -> Callable[[Given], torch.Tensor | float | None]:
    """An iteration of an engine."""
    state, no_loss = engine.state, NoLoss("trainer")

    def step(given: Given) -> torch.Tensor | float | None:
        state.iteration, state.batch = state.iteration + 1, given.batch
        state.output = engine._process_function(engine, given.batch)
        loss = loss_of(state.output)
        no_loss.check(loss)
        return loss

    return step


def _model_of(optimizers: Sequence[Optimizer], held: Sequence[object]) -> torch.nn.Module:
    """The modules of the parameters of some optimizers; the parameters alone if none is held."""
    trained = [
        each for optimizer in optimizers for g in optimizer.param_groups for each in g["params"]
    ]
    own = set(map(id, trained))
    found = {
        id(each): each
        for each in held
        if isinstance(each, torch.nn.Module) and not own.isdisjoint(map(id, each.parameters()))
    }
    inner = {id(part) for each in found.values() for part in list(each.modules())[1:]}
    modules = [each for number, each in found.items() if number not in inner]
    if len(modules) == 1:
        return modules[0]
    return torch.nn.ModuleList(modules) if modules else torch.nn.ParameterList(trained)


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
    state.max_epochs, state.max_iters = sys.maxsize, None
    state.metrics, state.times = dict(state.metrics), dict(state.times)
    engine.state, engine._event_handlers = state, defaultdict(list)
    engine.should_terminate = engine.should_terminate_single_epoch = False
    # What a run in progress has, or a run that has failed may have left.
    engine._dataloader_iter = engine._init_iter = engine._internal_run_generator = None
    return engine
