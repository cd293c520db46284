"""A page on each task of the oracle: what it is, and which rates its trainings ended best at."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from oracle_families import FAMILIES, LOCKED
from oracle_table import Entry, Table
from oracle_task import SEEDS, OracleTask, epochs
from ordinary_training import validation_loss
from torch import nn

INTRODUCTION = """# The tasks of the oracle

Written by `python scripts/make_oracle.py --pages`. {count} tasks in {families} families; every one
is trained at 29 rates, a quarter of a decade apart, with {seeds} seeds. The best rate is that of
the lowest median validation loss. Results of the locked families are left out: nothing is chosen by
them. Locked are: {locked}.
"""


def call(thing: Any) -> str:
    """How something was called, with the names of its arguments."""
    if not isinstance(thing, partial):
        return getattr(thing, "__name__", repr(thing))
    given = ", ".join(f"{name}={_plain(value)}" for name, value in _arguments(thing).items())
    return f"{thing.func.__name__}({given})"


def _arguments(thing: partial[Any]) -> dict[str, Any]:
    bound = inspect.signature(thing.func).bind_partial(*thing.args, **thing.keywords).arguments
    options = bound.pop("options", {})
    return {name: value for name, value in (bound | options).items() if value != ()}


def _plain(value: Any) -> str:
    return call(value) if callable(value) and not isinstance(value, nn.Module) else repr(value)


def first_line(thing: Callable[..., Any]) -> str:
    """The first line of the docstring of a function, or of the one a partial calls."""
    function = thing.func if isinstance(thing, partial) else thing
    return (inspect.getdoc(function) or "").split("\n")[0]


def network_lines(task: OracleTask) -> str:
    """The network with its parameters and the layers that have some."""
    model = task.build(0).model
    parameters = sum(value.numel() for value in model.parameters())
    layers = [
        type(layer).__name__
        for layer in model.modules()
        if list(layer.parameters(recurse=False)) and not isinstance(layer, nn.Sequential)
    ]
    counts = {kind: layers.count(kind) for kind in dict.fromkeys(layers)}
    listed = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return (
        f"`{call(task.network)}`: {first_line(task.network)} {parameters:,} parameters; {listed}."
    )


def optimizer_line(task: OracleTask) -> str:
    """The optimizer and the options that a task sets."""
    options = task.optimizer.keywords if isinstance(task.optimizer, partial) else {}
    given = ", ".join(f"{name}={value}" for name, value in options.items())
    return f"{task.optimizer_class.__name__}{f' ({given})' if given else ''}"


def results(entry: Entry) -> str:
    """A table of best rates, by schedule and horizon."""
    lines = [
        "",
        "| schedule | steps | best rate | validation loss | training loss there | "
        "best rate for the training loss |",
        "| --- " * 6 + "|",
    ]
    for schedule in entry.losses:
        for steps in entry.horizons:
            rate, loss = entry.best(schedule, steps)
            training = entry.values(schedule, steps, "training")
            there = training[entry.values(schedule, steps).argmin()]
            other, _ = entry.best(schedule, steps, "training")
            lines.append(
                f"| {schedule} | {steps} | {rate:.2g} | {loss:.4g} | {there:.4g} | {other:.2g} |"
            )
    return "\n".join(lines)


def page(name: str, family: str, task: OracleTask, entry: Entry | None) -> str:
    """The section on one task."""
    (inputs, targets), (held_out, _) = task.split()
    losses = ", ".join(f"{validation_loss(task, task.build(seed).model):.4g}" for seed in SEEDS)
    went = ", ".join(f"{epochs(task, steps):.3g} at {steps:,} steps" for steps in task.horizons)
    lines = [
        f"### {name}",
        f"- Family: {family}{' (locked)' if family in LOCKED else ''}",
        f"- Data: `{call(task.data)}`: {first_line(task.data)} {len(inputs)} training and "
        f"{len(held_out)} validation samples; inputs {tuple(inputs.shape[1:])}, "
        f"targets {tuple(targets.shape[1:])}.",
        f"- Network: {network_lines(task)}",
        f"- Loss: {type(task.loss_fn).__name__}; before training {losses}",
        f"- Optimizer: {optimizer_line(task)}, batches of {task.batch_size}",
        f"- Epochs: {went}",
        f"- Rates: {task.rates[0]:.2g} to {task.rates[-1]:.2g}",
    ]
    if entry is not None and family not in LOCKED:
        lines.append(results(entry))
    return "\n".join(lines)


def pages(table: Table | None) -> str:
    """The document; without a table, without results."""
    count = sum(map(len, FAMILIES.values()))
    text = [
        INTRODUCTION.format(
            count=count,
            families=len(FAMILIES),
            seeds=len(SEEDS),
            locked=", ".join(sorted(LOCKED)),
        )
    ]
    for family, tasks in FAMILIES.items():
        text.append(f"## {family.capitalize()}\n")
        for name, task in tasks.items():
            known = table[name] if table is not None and name in table else None
            text.append(page(name, family, task, known) + "\n")
    return "\n".join(text)
