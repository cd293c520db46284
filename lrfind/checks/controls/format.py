"""The controls of a sweep as a JSON document and back, bit for bit."""

from __future__ import annotations

from typing import Any

from lrfind.checks.controls.numbers import ControlNumbers
from lrfind.result.constant_run import ConstantRun
from lrfind.result.format import to_document
from lrfind.support.arguments import require_positive
from lrfind.support.files import SCHEMA, from_json, to_json

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


def controls_fields(document: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of `Controls`.

    `constant` and `suggested` hold keyword arguments of `ConstantRun`; `result` is the JSON
    document of the sweep.

    Raises:
        KeyError, TypeError, ValueError: The document is damaged.
    """
    suggested = document["suggested"]
    return {
        "result": document["result"],
        "constant": _run_fields(document["constant"]),
        "suggested": None if suggested is None else _run_fields(suggested),
        "frozen": from_json(document["frozen"]),
        "same_numbers": bool(document["same_numbers"]),
    }


def _run_document(run: ConstantRun) -> dict[str, Any]:
    return {"lr": run.lr, "loss": to_json(run.loss), "probe": to_json(run.probe)}


def _run_fields(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "lr": require_positive("lr", document["lr"]),
        "loss": from_json(document["loss"]),
        "probe": from_json(document["probe"]),
    }
