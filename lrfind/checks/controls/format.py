"""The controls of a sweep as a JSON document and back, bit for bit."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from lrfind.checks.controls.numbers import ControlNumbers
from lrfind.result.constant_run import ConstantRun
from lrfind.result.format import to_document
from lrfind.result.schema import ResultFile
from lrfind.support.files import SCHEMA, from_json, to_json
from lrfind.support.reading import Number, Positive, finite_but_last, of_length

CONTROLS_FORMAT = "lrfind controls"


def controls_document(numbers: ControlNumbers) -> dict[str, Any]:
    """Everything in the controls as plain values; the inverse of `controls_fields`."""
    return {
        "format": CONTROLS_FORMAT,
        "schema": SCHEMA,
        "same_numbers": numbers.same_numbers,
        "constant": _run_document(numbers.constant),
        "suggested": numbers.suggested and _run_document(numbers.suggested),
        "frozen": to_json(numbers.frozen),
        "result": to_document(numbers.result),
    }


class RunFile(msgspec.Struct):
    """A run at a constant learning rate."""

    lr: Positive
    loss: list[Number]
    probe: list[Number]

    def __post_init__(self) -> None:
        finite_but_last("loss", self.loss)
        of_length("probe", self.probe, 0, len(self.loss))


class ControlsFile(msgspec.Struct):
    """What a file of controls may hold."""

    result: ResultFile
    constant: RunFile
    suggested: RunFile | None
    frozen: list[Number]
    same_numbers: bool

    def __post_init__(self) -> None:
        steps = len(self.result.loss)
        of_length("frozen", self.frozen, 0, steps)
        for name, run in (("constant", self.constant), ("suggested", self.suggested)):
            if run is None:
                continue
            if not 1 <= len(run.loss) <= steps:
                raise ValueError(f"`{name}.loss` must have 1 to {steps} entries")
            if not math.isfinite(float(run.loss[0])):
                raise ValueError(f"`{name}.loss` must begin with a finite loss")


def controls_fields(file: ControlsFile) -> dict[str, Any]:
    """The keyword arguments of `Controls` from a validated file, but for `result`."""
    return {
        "constant": _run_of(file.constant),
        "suggested": file.suggested and _run_of(file.suggested),
        "frozen": from_json(file.frozen),
        "same_numbers": file.same_numbers,
    }


def _run_document(run: ConstantRun) -> dict[str, Any]:
    return {"lr": run.lr, "loss": to_json(run.loss), "probe": to_json(run.probe)}


def _run_of(file: RunFile) -> ConstantRun:
    return ConstantRun(file.lr, from_json(file.loss), from_json(file.probe))
