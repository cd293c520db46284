"""Ways to compute a loss from a batch, each as the code of one line and as what it does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import torch

from lrfind.loop.forward import unwrapped

TARGETS = ("label", "labels", "target", "targets", "y")
"""Names of targets in batches, and of parameters of a model that makes its own loss."""

Change = tuple[str, Callable[[Any], Any]]
"""Code that follows an expression, and what it makes of its value."""

SAME: Change = ("", lambda value: value)
OF_INPUTS: tuple[Change, ...] = (
    SAME,
    (".float()", lambda x: x.float()),
    (".long()", lambda x: x.long()),
    (".flatten(1)", lambda x: x.flatten(1)),
    (".float().flatten(1)", lambda x: x.float().flatten(1)),
    (".unsqueeze(1)", lambda x: x.unsqueeze(1)),
    (".float().unsqueeze(1)", lambda x: x.float().unsqueeze(1)),
)
OF_OUTPUTS: tuple[Change, ...] = (
    SAME,
    (".squeeze(-1)", lambda x: x.squeeze(-1)),
    (".flatten(0, 1)", lambda x: x.flatten(0, 1)),
)
OF_TARGETS: tuple[Change, ...] = (
    SAME,
    (".long()", lambda y: y.long()),
    (".float()", lambda y: y.float()),
    (".flatten()", lambda y: y.flatten()),
)


@dataclass(frozen=True)
class Split:
    """A batch as the arguments of a model and a target.

    Attributes:
        code: The arguments, as code.
        inputs: The positional ones.
        named: The keyword ones.
        target_code: The target, as code; empty if there is none.
        target: The target.
    """

    code: str
    inputs: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    target_code: str = ""
    target: Any = None

    def changed(self) -> Iterator[Split]:
        """The split itself; a single tensor also with other types and shapes."""
        single = len(self.inputs) == 1 and isinstance(self.inputs[0], torch.Tensor)
        for code, change in OF_INPUTS if single else (SAME,):
            with suppress(RuntimeError, IndexError):  # it does not have that shape
                inputs = tuple(map(change, self.inputs))
                yield replace(self, code=self.code + code, inputs=inputs)


def splits(model: torch.nn.Module, batch: Any) -> Iterator[Split]:
    """The ways to tell the inputs of a batch from its target, the likeliest first."""
    if isinstance(batch, torch.Tensor):
        yield Split("batch", (batch,), target_code="batch", target=batch)
    elif isinstance(batch, Mapping):
        yield from _of_mapping(model, batch)
    elif isinstance(batch, list | tuple):
        yield from _of_sequence(batch)
    else:
        yield from _of_object(model, batch)


def _of_sequence(batch: Sequence[Any]) -> Iterator[Split]:
    if not batch:
        return
    last = {"target_code": f"batch[{len(batch) - 1}]", "target": batch[-1]}
    first = batch[0]
    if len(batch) > 2:
        yield Split("*batch[:-1]", tuple(batch[:-1]), **last)
    else:
        yield Split("batch[0]", (first,), **last)
    if isinstance(first, Mapping):
        yield Split("**batch[0]", named=first, **last)
    elif isinstance(first, list | tuple):
        yield Split("*batch[0]", tuple(first), **last)
    if len(batch) == 2:  # an autoencoder, on a data set with labels
        yield Split("batch[0]", (first,), target_code="batch[0]", target=first)


def _of_mapping(model: torch.nn.Module, batch: Mapping[str, Any]) -> Iterator[Split]:
    found = next((name for name in TARGETS if name in batch), None)
    rest = {name: value for name, value in batch.items() if name != found}
    last = {} if found is None else {"target_code": f'batch["{found}"]', "target": batch[found]}
    if named := {name: rest[name] for name in parameters_of(model) if name in rest}:
        yield Split(", ".join(f'{name}=batch["{name}"]' for name in named), named=named, **last)
    for name, value in rest.items():
        yield Split(f'batch["{name}"]', (value,), **last)


def _of_object(model: torch.nn.Module, batch: Any) -> Iterator[Split]:
    has = [name for name in TARGETS if getattr(batch, name, None) is not None]
    last = {"target_code": f"batch.{has[0]}", "target": getattr(batch, has[0])} if has else {}
    names = [name for name in parameters_of(model) if getattr(batch, name, None) is not None]
    if names:
        values = tuple(getattr(batch, name) for name in names)
        yield Split(", ".join(f"batch.{name}" for name in names), values, **last)
    yield Split("batch", (batch,), **last)


def parameters_of(model: torch.nn.Module) -> list[str]:
    """Names of the arguments of a model's `forward`, behind wrappers that take anything."""
    return list(inspect.signature(unwrapped(model).forward).parameters)


def parts_of(output: Any) -> Iterator[tuple[str, Any]]:
    """The values in what a model returned, with the code that takes them out."""
    if isinstance(output, torch.Tensor):
        yield "", output
    elif isinstance(output, Mapping):
        for name, value in output.items():
            yield (f".{name}" if hasattr(output, name) else f'["{name}"]'), value
    elif isinstance(output, list | tuple):
        for place, value in enumerate(output):
            yield f"[{place}]", value


def pairs_of_changes() -> list[tuple[Change, Change]]:
    """Changes to an output and to a target, those that change least first."""
    pairs = product(OF_OUTPUTS, OF_TARGETS)
    return sorted(pairs, key=lambda pair: sum(bool(code) for code, _ in pair))
