"""The learning rates and losses in what a finder recorded: its object, a table or a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from lrfind.histories.files import read_table
from lrfind.histories.kinds import KINDS, kind_of
from lrfind.support.arrays import Array
from lrfind.support.reading import refused

RATES = ("lr", "lrs", "learning_rate", "learning_rates")
LOSSES = ("loss", "losses", "train_loss")
"""Names of the two columns, in any case; the first that is there is read."""


class Recorded(NamedTuple):
    """What a finder recorded.

    Attributes:
        table: Its columns by name.
        kind: The finder; None if that cannot be seen.
        beta: Weight of the old value in its average, if it is recorded.
        obstacle: Why that average cannot be undone; empty if it can.
    """

    table: Any
    kind: str | None = None
    beta: float | None = None
    obstacle: str = ""


def recorded_in(history: Any) -> Recorded:
    """What a history holds.

    Raises:
        OSError: It is a file that cannot be read.
        TypeError: It is nothing that a finder recorded.
        ResultFileError: It is a file without a table.
    """
    if isinstance(history, str | PathLike):
        table = read_table(history)
        if "format" in table:
            raise refused(history, "use `lrfind.load`", "is a file of lrfind: ")
        return Recorded(table)
    kind = kind_of(history)
    if kind is not None and not isinstance(history, Mapping):
        try:
            return _OF_OBJECTS[kind](history)
        except AttributeError:
            raise _unknown(history) from None
    if not (isinstance(history, Mapping) or hasattr(history, "keys")):
        raise _unknown(history)
    return Recorded(history)


def steps_in(table: Any) -> tuple[Array, Array]:
    """The learning rates in a table, shape `(n,)` or `(n, groups)`, and the losses, shape `(n,)`.

    Rows of a CSV file in which one of the two is empty are left out.

    Raises:
        ValueError: There is no such column, or one holds something else than numbers, or they are
            of different lengths.
    """
    rates, losses = _column(table, RATES), _column(table, LOSSES)
    if len(rates) != len(losses):
        raise ValueError(
            f"`history` must hold as many learning rates as losses, got {len(rates)} and "
            f"{len(losses)}."
        )
    filled = [step for step in zip(rates, losses, strict=True) if not any(map(_empty, step))]
    return (
        _numbers([lr for lr, _ in filled], "learning rates", (1, 2)),
        _numbers([loss for _, loss in filled], "losses", (1,)),
    )


def _torch_lr_finder(finder: Any) -> Recorded:
    return Recorded(finder.history, "torch-lr-finder")


def _ignite(finder: Any) -> Recorded:
    return Recorded(finder.get_results(), "ignite")


def _lightning(finder: Any) -> Recorded:
    # The callback keeps the finder in this attribute.
    finder = getattr(finder, "optimal_lr", finder)
    batches, steps = finder._total_batch_idx + 1, len(finder.results.get("loss", ()))
    # With more batches than steps it accumulated; if they do not divide, it had trained before, or
    # made steps at the end of an epoch that it has no loss of.
    lost = steps and batches % steps
    return Recorded(finder.results, "lightning", obstacle="global step unknown" if lost else "")


def _fastai(recorder: Any) -> Recorded:
    recorder = getattr(recorder, "recorder", recorder)
    table = {"lr": recorder.lrs, "loss": recorder.losses}
    return Recorded(table, "fastai", recorder.smooth_loss.beta)


_OF_OBJECTS: dict[str, Callable[[Any], Recorded]] = {
    "torch-lr-finder": _torch_lr_finder,
    "lightning": _lightning,
    "ignite": _ignite,
    "fastai": _fastai,
}


def _unknown(history: object) -> TypeError:
    return TypeError(
        f"`history` must be what an LR finder recorded, got {type(history).__name__}: the finder "
        "after its run, its dictionary of learning rates and losses, or a CSV or JSON file. "
        f"`kind` is one of {', '.join(map(repr, KINDS))}."
    )


def _column(table: Any, names: Iterable[str]) -> list[Any]:
    columns = {str(name).strip().lower(): name for name in table.keys()}  # noqa: SIM118 - no mapping
    for name in names:
        if name in columns:
            column = table[columns[name]]
            if isinstance(column, str | Mapping) or not hasattr(column, "__iter__"):
                raise ValueError(f"`history` must hold a list as {name!r}, got {column!r}.")
            return list(column)
    raise ValueError(
        f"`history` must have a column {' or '.join(map(repr, names))}, found "
        f"{', '.join(map(repr, columns)) or 'none'}."
    )


def _empty(cell: Any) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _numbers(values: list[Any], name: str, dimensions: tuple[int, ...]) -> Array:
    plain = [each.tolist() if hasattr(each, "tolist") else each for each in values]
    try:
        if any(isinstance(each, bool) for each in plain):
            raise TypeError("True and False are none")
        numbers = np.array(plain, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"`history` must hold numbers as {name}: {error}.") from error
    if numbers.ndim not in dimensions:
        raise ValueError(
            f"`history` must hold one number a step as {name}, got shape {numbers.shape}."
        )
    return numbers
