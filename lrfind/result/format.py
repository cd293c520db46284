"""The record of a sweep as a JSON document and back, bit for bit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from lrfind.analysis.schedule import lr_sequence
from lrfind.layers.layer_norms import NORMS, Layers
from lrfind.result.record import SweepRecord
from lrfind.result.settings import StopReason
from lrfind.support.arguments import (
    require_beta,
    require_count,
    require_number,
    require_positive,
)
from lrfind.support.arrays import Array
from lrfind.support.files import SCHEMA, from_json, plain, to_json

FORMAT = "lrfind range test"


def to_document(record: SweepRecord) -> dict[str, Any]:
    """Everything in a record as plain values; the inverse of `fields_of`."""
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


def fields_of(document: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of a record, and of what is in it.

    Its `settings`, `layers`, `origin` and `cold_starts` hold keyword arguments too.

    Raises:
        KeyError, TypeError, ValueError: The document is damaged.
    """
    settings, seed = dict(document["settings"]), document["seed"]
    layers, lr = document.get("layers"), from_json(document["lr"])
    epoch = document.get("epoch_steps")
    # The same checks as for a new sweep; their messages name the damaged field.
    lr_sequence(
        settings["start_lr"], settings["end_lr"], settings["num_iter"], settings["step_mode"]
    )
    require_count("probe_every", settings["probe_every"], least=1)
    return {
        "lr": lr,
        "loss": from_json(document["loss"]),
        "probe": from_json(document["probe"]),
        "metric": from_json(document["metric"]),
        # Files from before tasks were recorded have no such key.
        "tasks": {name: from_json(losses) for name, losses in document.get("tasks", {}).items()},
        "stop_reason": StopReason[document["stop_reason"].upper()],
        "settings": settings,
        "group_scale": tuple(require_number("group_scale", x) for x in document["group_scale"]),
        "skipped": tuple(require_count("skipped", x, least=0) for x in document["skipped"]),
        "optimizer": str(document["optimizer"]),
        "seed": None if seed is None else require_count("seed", seed, least=0),
        "state_bytes": require_count("state_bytes", document["state_bytes"], least=0),
        "versions": dict(document["versions"]),
        "layers": None if layers is None else _layers_from_json(layers, lr),
        "epoch_steps": None if epoch is None else require_positive("epoch_steps", epoch),
        # Only in files of what another tool recorded.
        "origin": _origin_from_json(document.get("origin")),
        # Only in files of sweeps that were confirmed.
        "cold_starts": [_cold_start_from_json(each) for each in document.get("cold_starts", ())],
    }


def _origin_from_json(document: dict[str, Any] | None) -> dict[str, Any] | None:
    if document is None:
        return None
    words = {name: str(document[name]) for name in ("tool", "obstacle")}
    return {**words, "beta": require_beta(document["beta"])}


def _cold_start_from_json(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "lr": require_positive("lr", document["lr"]),
        "steps": require_count("steps", document["steps"], least=0),
        "loss": float(document["loss"]),
        "enough": float(document["enough"]),
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


def _layers_from_json(document: dict[str, Any], lr: Array) -> dict[str, Any]:
    names = tuple(map(str, document["names"]))

    def table(name: str) -> Array:
        return from_json(document[name]).reshape((lr.size, len(names)), order="F")

    return {
        "names": names,
        "lr": lr,
        **{name: table(name) for name in NORMS},
        "rate_scale": document["rate_scale"],
        "weight_decay": document["weight_decay"],
        "applied": table("applied") if document["applied"] else np.empty(0),
    }
