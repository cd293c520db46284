"""Results on disk: JSON that survives a round trip bit for bit, and CSV for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from lrfind.analysis.schedule import lr_sequence
from lrfind.analysis.smoothing import debiased_ema, ema
from lrfind.checks.controls.record import Controls
from lrfind.layers.layer_norms import NORMS, Layers
from lrfind.result.constant_run import ConstantRun
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import StopReason, SweepSettings
from lrfind.support.arguments import require_count, require_number, require_positive
from lrfind.support.arrays import Array
from lrfind.support.errors import ResultFileError
from lrfind.support.files import write_json, write_whole

T = TypeVar("T")

FORMAT = "lrfind range test"
CONTROLS_FORMAT = "lrfind controls"
SCHEMA = 1


def save(
    result: RangeTestResult, path: str | Path, *, run: Mapping[str, Any] | None = None
) -> None:
    """Write a result as JSON; see `RangeTestResult.save`.

    Args:
        result: The result.
        path: The file to write.
        run: Whose it is, if it is one of a set; `load` passes over it.
    """
    document = _to_document(result)
    if run is not None:
        document["run"] = dict(run)
    write_json(path, document)


def save_controls(controls: Controls, path: str | Path) -> None:
    """Write controls as JSON; see `Controls.save`."""
    document: dict[str, Any] = {
        "format": CONTROLS_FORMAT,
        "schema": SCHEMA,
        "same_numbers": controls.same_numbers,
        "constant": _run_to_json(controls.constant),
        "suggested": controls.suggested and _run_to_json(controls.suggested),
        "frozen": _to_json(controls.frozen),
        "result": _to_document(controls.result),
    }
    write_json(path, document)


def _to_document(result: RangeTestResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        "format": FORMAT,
        "schema": SCHEMA,
        "stop_reason": result.stop_reason.name.lower(),
        "settings": asdict(result.settings),
        "group_scale": list(result.group_scale),
        "skipped": list(result.skipped),
        "optimizer": result.optimizer,
        "seed": result.seed,
        "state_bytes": result.state_bytes,
        "versions": dict(result.versions),
        "lr": result.lr.tolist(),
        "loss": _to_json(result.loss),
        "probe": _to_json(result.probe),
        "metric": _to_json(result.metric),
        "tasks": {name: _to_json(losses) for name, losses in result.tasks.items()},
    }
    if result.layers is not None:
        document["layers"] = _layers_to_json(result.layers)
    return document


def load(path: str | Path) -> RangeTestResult:
    """Read a result that `RangeTestResult.save` wrote.

    Args:
        path: The JSON file.

    Returns:
        A result equal to the one saved, non-finite losses included.

    Raises:
        OSError: The file cannot be read.
        ResultFileError: It is truncated, is no result of lrfind, or was written by a newer one.
    """
    return _read(path, FORMAT, "result", _from_document)


def load_controls(path: str | Path) -> Controls:
    """Read controls that `Controls.save` wrote; see `Controls.load`."""
    return _read(path, CONTROLS_FORMAT, "file of controls", _controls_from_document)


def _read(path: str | Path, wanted: str, kind: str, make: Callable[[dict[str, Any]], T]) -> T:
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ResultFileError(f"{path} is not whole JSON: {error}.") from error
    if not isinstance(document, dict) or document.get("format") != wanted:
        raise ResultFileError(f"{path} is not a {kind} of lrfind.")
    schema = document.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise ResultFileError(
            f"{path} has schema {schema}, this version reads {SCHEMA}: "
            "upgrade lrfind to the version that wrote it."
        )
    try:
        return make(document)
    except KeyError as error:
        raise ResultFileError(f"{path} is damaged: {error} is missing or unknown.") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ResultFileError(f"{path} is damaged: {error}") from error


def to_csv(result: RangeTestResult, path: str | Path, beta: float) -> None:
    """Write a result as CSV; see `RangeTestResult.to_csv`."""
    columns = {
        "lr": result.lr,
        "loss": result.loss,
        "ema": ema(result.loss, beta),
        "debiased": debiased_ema(result.loss, beta),
        "probe": result.probe,
        "metric": result.metric,
    }
    for name in ("probe", "metric"):
        if not columns[name].size:
            del columns[name]
    columns |= {f"task {name}": losses for name, losses in result.tasks.items()}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["step", *columns])
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    writer.writerows([step, *row] for step, row in enumerate(rows))
    write_whole(path, text.getvalue().encode())


def _from_document(document: dict[str, Any]) -> RangeTestResult:
    settings, seed = dict(document["settings"]), document["seed"]
    layers, lr = document.get("layers"), _from_json(document["lr"])
    # The checks of a new sweep hold for a stored one; they raise what names the culprit.
    lr_sequence(
        settings["start_lr"], settings["end_lr"], settings["num_iter"], settings["step_mode"]
    )
    require_count("probe_every", settings["probe_every"], least=1)
    return RangeTestResult(
        lr=lr,
        loss=_from_json(document["loss"]),
        probe=_from_json(document["probe"]),
        metric=_from_json(document["metric"]),
        # Files of before there were tasks have none.
        tasks={name: _from_json(losses) for name, losses in document.get("tasks", {}).items()},
        stop_reason=StopReason[document["stop_reason"].upper()],
        settings=SweepSettings(**settings),
        group_scale=tuple(require_number("group_scale", each) for each in document["group_scale"]),
        skipped=tuple(require_count("skipped", each, least=0) for each in document["skipped"]),
        optimizer=str(document["optimizer"]),
        seed=None if seed is None else require_count("seed", seed, least=0),
        state_bytes=require_count("state_bytes", document["state_bytes"], least=0),
        versions=dict(document["versions"]),
        layers=None if layers is None else _layers_from_json(layers, lr),
    )


def _controls_from_document(document: dict[str, Any]) -> Controls:
    suggested = document["suggested"]
    return Controls(
        result=_from_document(document["result"]),
        constant=_run_from_json(document["constant"]),
        suggested=None if suggested is None else _run_from_json(suggested),
        frozen=_from_json(document["frozen"]),
        same_numbers=bool(document["same_numbers"]),
    )


def _run_to_json(run: ConstantRun) -> dict[str, Any]:
    return {"lr": run.lr, "loss": _to_json(run.loss), "probe": _to_json(run.probe)}


def _run_from_json(run: dict[str, Any]) -> ConstantRun:
    rate = require_positive("lr", run["lr"])
    return ConstantRun(rate, _from_json(run["loss"]), _from_json(run["probe"]))


def _layers_to_json(layers: Layers) -> dict[str, Any]:
    """One list of values for each quantity, layer after layer; the rates are those of the result.

    What can be computed from the norms is not stored.
    """
    document: dict[str, Any] = {
        "names": list(layers.names),
        "rate_scale": list(layers.rate_scale),
        "weight_decay": list(layers.weight_decay),
    }
    for name in (*NORMS, "applied"):
        document[name] = _to_json(getattr(layers, name).ravel(order="F"))
    return document


def _layers_from_json(document: dict[str, Any], lr: Array) -> Layers:
    names = tuple(map(str, document["names"]))

    def table(name: str) -> Array:
        return _from_json(document[name]).reshape((lr.size, len(names)), order="F")

    return Layers(
        names,
        lr,
        weight=table("weight"),
        gradient=table("gradient"),
        update=table("update"),
        rate_scale=document["rate_scale"],
        weight_decay=document["weight_decay"],
        applied=table("applied") if document["applied"] else np.empty(0),
    )


def _to_json(values: Array) -> list[float | str]:
    """JSON has no NaN or infinity; they go as the strings that `float` reads back."""
    return [value if math.isfinite(value) else str(value) for value in values.tolist()]


def _from_json(values: list[float | str]) -> Array:
    return np.array([float(value) for value in values], dtype=np.float64)
