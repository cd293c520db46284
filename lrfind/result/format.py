"""The record of a sweep as a JSON document and back, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np

from lrfind.layers.layer_norms import NORMS, Layers
from lrfind.result.cold_start import ColdStart
from lrfind.result.origin import Origin
from lrfind.result.record import SweepRecord
from lrfind.result.schema import LayersFile, ResultFile
from lrfind.result.settings import StopReason, SweepSettings
from lrfind.support.arrays import Array
from lrfind.support.files import SCHEMA, from_json, plain, to_json

FORMAT = "lrfind range test"


def to_document(record: SweepRecord) -> dict[str, Any]:
    """Everything in a record as plain values; the inverse of `result_fields`."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "schema": SCHEMA,
        "stop_reason": record.stop_reason.name.lower(),
        "settings": asdict(record.settings),
        "group_scale": list(record.group_scale),
        "skipped": list(record.skipped),
        "optimizer": record.optimizer,
        "seed": record.seed,
        "state_bytes": record.state_bytes,
        "epoch_steps": record.epoch_steps,
        "versions": dict(record.versions),
        "lr": record.lr.tolist(),
        "loss": to_json(record.loss),
        "probe": to_json(record.probe),
        "metric": to_json(record.metric),
        "tasks": {name: to_json(losses) for name, losses in record.tasks.items()},
    }
    if record.cold_starts:
        document["cold_starts"] = [
            vars(each) | {"loss": plain(each.loss), "enough": plain(each.enough)}
            for each in record.cold_starts
        ]
    if record.origin is not None:
        document["origin"] = asdict(record.origin)
    if record.layers is not None:
        document["layers"] = _layers_to_json(record.layers)
    return document


def result_fields(file: ResultFile) -> dict[str, Any]:
    """The keyword arguments of a record from the validated fields of a file.

    Raises:
        ValueError: They do not fit together.
    """
    settings = SweepSettings(**msgspec.structs.asdict(file.settings))
    layers, lr = file.layers, from_json(file.lr)
    return {
        "lr": lr,
        "loss": from_json(file.loss),
        "probe": from_json(file.probe),
        "metric": from_json(file.metric),
        "tasks": {name: from_json(losses) for name, losses in file.tasks.items()},
        "stop_reason": StopReason[file.stop_reason.upper()],
        "settings": settings,
        "group_scale": tuple(file.group_scale),
        "skipped": tuple(file.skipped),
        "optimizer": file.optimizer,
        "seed": file.seed,
        "state_bytes": file.state_bytes,
        "versions": file.versions,
        "layers": None if layers is None else _layers_of(layers, lr),
        "epoch_steps": file.epoch_steps,
        "origin": file.origin and Origin(**msgspec.structs.asdict(file.origin)),
        "cold_starts": tuple(
            ColdStart(each.lr, each.steps, float(each.loss), float(each.enough))
            for each in file.cold_starts
        ),
    }


def _layers_to_json(layers: Layers) -> dict[str, Any]:
    """One flat list per quantity, layer after layer; the learning rates are stored in the result.

    Quantities that can be computed from the norms are not stored.
    """
    document: dict[str, Any] = {
        "names": list(layers.names),
        "rate_scale": list(layers.rate_scale),
        "weight_decay": list(layers.weight_decay),
    }
    for name in (*NORMS, "applied"):
        document[name] = to_json(getattr(layers, name).ravel(order="F"))
    return document


def _layers_of(file: LayersFile, lr: Array) -> Layers:
    def table(values: Sequence[float | str]) -> Array:
        return from_json(values).reshape((lr.size, len(file.names)), order="F")

    return Layers(
        names=tuple(file.names),
        lr=lr,
        **{name: table(getattr(file, name)) for name in NORMS},
        rate_scale=tuple(file.rate_scale),
        weight_decay=tuple(file.weight_decay),
        applied=table(file.applied) if file.applied else np.empty(0),
    )
