"""Results on disk: JSON that survives a round trip bit for bit, and CSV for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lrfind._errors import ResultFileError, require_count, require_number
from lrfind._types import Array
from lrfind.analysis.sequences import lr_sequence
from lrfind.analysis.smoothing import debiased_ema, ema
from lrfind.result import RangeTestResult
from lrfind.settings import StopReason, SweepSettings

FORMAT = "lrfind range test"
SCHEMA = 1


def save(result: RangeTestResult, path: str | Path) -> None:
    """Write a result as JSON; see `RangeTestResult.save`."""
    document = {
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
    }
    write_json(path, document)


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
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ResultFileError(f"{path} is not whole JSON: {error}.") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ResultFileError(f"{path} is not a result of lrfind.")
    schema = document.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise ResultFileError(
            f"{path} has schema {schema}, this version reads {SCHEMA}: "
            "upgrade lrfind to the version that wrote it."
        )
    try:
        return _from_document(document)
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
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["step", *columns])
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    writer.writerows([step, *row] for step, row in enumerate(rows))
    write_whole(path, text.getvalue().encode())


def write_json(path: str | Path, document: Mapping[str, object]) -> None:
    """Write a document of plain, finite values as JSON; see `write_whole`."""
    write_whole(path, (json.dumps(document, allow_nan=False, indent=1) + "\n").encode())


def write_whole(path: str | Path, data: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never a part.

    Args:
        path: The file to write or replace.
        data: Its whole content.

    Raises:
        OSError: The file cannot be written; nothing is left behind.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"the folder {target.parent} does not exist.")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _mode_of(target))
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _mode_of(target: Path) -> int:
    """The mode an ordinary `open` would leave; `mkstemp` makes files private."""
    if target.exists():
        return target.stat().st_mode & 0o777
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _from_document(document: dict[str, Any]) -> RangeTestResult:
    settings, seed = dict(document["settings"]), document["seed"]
    # The checks of a new sweep hold for a stored one; they raise what names the culprit.
    lr_sequence(
        settings["start_lr"], settings["end_lr"], settings["num_iter"], settings["step_mode"]
    )
    require_count("probe_every", settings["probe_every"], least=1)
    return RangeTestResult(
        lr=_from_json(document["lr"]),
        loss=_from_json(document["loss"]),
        probe=_from_json(document["probe"]),
        metric=_from_json(document["metric"]),
        stop_reason=StopReason[document["stop_reason"].upper()],
        settings=SweepSettings(**settings),
        group_scale=tuple(require_number("group_scale", each) for each in document["group_scale"]),
        skipped=tuple(require_count("skipped", each, least=0) for each in document["skipped"]),
        optimizer=str(document["optimizer"]),
        seed=None if seed is None else require_count("seed", seed, least=0),
        state_bytes=require_count("state_bytes", document["state_bytes"], least=0),
        versions=dict(document["versions"]),
    )


def _to_json(values: Array) -> list[float | str]:
    """JSON has no NaN or infinity; they go as the strings that `float` reads back."""
    return [value if math.isfinite(value) else str(value) for value in values.tolist()]


def _from_json(values: list[float | str]) -> Array:
    return np.array([float(value) for value in values], dtype=np.float64)
