"""The numbers of the interactive page: everything that its script looks up and does not compute.

The script computes the averages alone. Their minima, the shifts and the suggestions are those of
the library, for every beta that its slider takes.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from lrfind.analysis.curves import CENTRED, EXPECTED, RAW, SweepCurves
from lrfind.analysis.defaults import BETA
from lrfind.analysis.flags import Flag
from lrfind.analysis.rules import RULES
from lrfind.analysis.smoothing import SMOOTHERS
from lrfind.analysis.suggestion import SAME_RATE, never_started
from lrfind.comparison.curve_rows import CurveRow, curve_row
from lrfind.result.brief import opening
from lrfind.result.columns import columns_of
from lrfind.result.figures import climbed, y_limits
from lrfind.result.page_answers import Choices, answer_data, key_of, page_answers, with_words_once
from lrfind.result.record import PROBE, SOURCES, TRAIN
from lrfind.result.sweep_analysis import Answer, SweepAnalysis
from lrfind.support.arrays import Array
from lrfind.support.errors import CannotTellError
from lrfind.support.heads import printable
from lrfind.support.records import flag_names
from lrfind.support.text import words


def page_data(
    record: SweepAnalysis, name: str, offered: Choices, asked: Answer | None = None
) -> dict[str, Any]:
    """What the page shows of one sweep.

    Args:
        record: The sweep.
        name: What to call it.
        offered: What can be chosen.
        asked: The answer to show first; None for that of `suggest` with its defaults.

    Returns:
        Plain values, ready for JSON: one entry in "sources" for the mini-batch losses, and one for
        the probe and for each task if there are any.
    """
    sources = [TRAIN, *([PROBE] if record.probe.size else []), *record.tasks]
    # The script takes the trainings from scratch into account, since its slider moves the rate.
    plain = replace(record, cold_starts=())
    first = {
        each: record.suggest(source=each) if asked is None or each != TRAIN else asked
        for each in sources
    }
    return {
        "name": printable(name),
        "opening": opening(record),
        "origin": "" if record.origin is None else str(record.origin),
        "sources": [_source(plain, each, offered, first[each]) for each in sources],
        "starts": _starts(record),
        "cut_short": f"{Flag[record.stop_reason.name].value}; "
        if record.stop_reason.cut_short
        else "",
        "columns": _own_columns(record),
        "facts": _facts(record),
    }


def packed(values: Array) -> str:
    """An array of float64 as text: base64 of its bytes, the lowest first."""
    return b64encode(np.ascontiguousarray(values, dtype="<f8").tobytes()).decode()


def _own_columns(record: SweepAnalysis) -> list[tuple[str, str]]:
    """The columns of a CSV file that the script does not compute, with their heads as there."""
    return [
        (printable(name), packed(np.asarray(values, dtype=np.float64)))
        for name, values in columns_of(record, BETA).items()
        if name not in SMOOTHERS
    ]


def _facts(record: SweepAnalysis) -> dict[str, str]:
    """Settings, versions and stop reason, in words."""
    facts = {name: "none" if value is None else f"{value}" for name, value in _settings(record)}
    facts |= {f"version of {name}": each for name, each in record.versions.items()}
    return {printable(name): printable(each) for name, each in facts.items()}


def _settings(record: SweepAnalysis) -> Iterator[tuple[str, object]]:
    yield "stop reason", f"{words(record.stop_reason.name)}: {record.stop_reason.value}"
    yield "steps", record.lr.size
    yield from asdict(record.settings).items()
    yield "optimizer", record.optimizer or "not recorded"
    yield "seed", "not known" if record.seed is None else record.seed
    yield "steps per epoch", "not known" if record.epoch_steps is None else record.epoch_steps
    if len(record.group_scale) > 1:
        yield "rates of the groups", ", ".join(f"{scale:g}x" for scale in record.group_scale)
    if record.skipped:
        yield "steps that the gradient scaler skipped", sum(record.skipped)


def _source(record: SweepAnalysis, source: str, offered: Choices, first: Answer) -> dict[str, Any]:
    """One source of losses; without curves, why there are none.

    Args:
        record: The sweep, without its trainings from scratch.
        source: The source.
        offered: What can be chosen.
        first: The answer that is shown first, which may take more into account.
    """
    name = {TRAIN: "mini-batches", PROBE: "probe"}[source] if source in SOURCES else source
    named = {"name": printable(name), "source": source}
    try:
        curves = record.curves(source)
    except CannotTellError as error:
        return {**named, "refused": f"{error}"}
    told = page_answers(record, source, offered)
    asked = {"key": key_of(first, offered, told)}
    asked |= answer_data(first, record.stop_reason.cut_short)
    answers, said = with_words_once(told)
    return {
        **named,
        "lr": packed(curves.lr),
        "loss": packed(curves.loss),
        "unit": curves.unit,
        "centred": packed(curves.fit.curve),
        "view": y_limits(curves),
        "rows": _rows(curves, offered.betas),
        "climbed": [climbed(curves, "ema", beta) for beta in offered.betas],
        "probe": _probe(record, curves.unit) if source == TRAIN else None,
        "answers": answers,
        "said": said,
        "first": asked,
    }


def _probe(record: SweepAnalysis, unit: float) -> dict[str, str] | None:
    rates, losses = record.probe_points
    return {"lr": packed(rates), "loss": packed(losses / unit)} if losses.size else None


def _starts(record: SweepAnalysis) -> dict[str, Any]:
    """At which rates a training from scratch was tried, from the highest down, and starts."""
    starts = record.starts
    refused = never_started(starts) if starts.tried else ""
    said = {"tried": starts.tried, "started": starts.started, "refused": refused}
    return said | {"same": SAME_RATE}


def _rows(curves: SweepCurves, betas: tuple[float, ...]) -> dict[str, Any]:
    """The rows of the comparison, in the unit of the curves; of each average one for each beta."""

    def data(name: str, beta: float | None = None) -> dict[str, Any]:
        return row_data(curve_row(curves, name, beta).drawn_in(curves.unit))

    rows: dict[str, Any] = {name: data(name) for name in (RAW, CENTRED, EXPECTED)}
    for name in SMOOTHERS:
        rows[name] = [data(name, beta) for beta in betas]
    return rows


def row_data(row: CurveRow) -> dict[str, Any]:
    """A row of the comparison, its flags by name."""
    return {
        "label": row.label,
        "step": row.minimum.step,
        "lr": row.minimum.lr,
        "loss": row.minimum.loss,
        "below": row.decade_below,
        "usable": row.minimum.usable,
        "flags": flag_names(row.minimum.flags),
        "shift": row.from_raw and row.from_raw.decades,
        "smoothing": row.smoothing,
        "error": row.error,
        "debiasing": row.debiasing,
        "noise": row.noise_from_raw,
    }


def flag_texts() -> dict[str, str]:
    """What each flag says."""
    return {flag.name.lower(): flag.value for flag in Flag}


def rule_choices() -> dict[str, dict[str, Any]]:
    """The rules that can be chosen, with what each of them reads."""
    labels = {EXPECTED: "expected minimum, lrfind's own", "minimum": "minimum of a curve"}
    return {
        name: {
            "label": labels.get(name, name),
            "reads_curve": rule.reads_curve,
            "reads_raw": rule.reads_raw,
            "uses_factor": rule.uses_factor,
        }
        for name, rule in RULES.items()
    }
