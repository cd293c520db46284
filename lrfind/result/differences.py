"""What differs between sweeps other than their losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from lrfind.result.record import SweepRecord


def differences(records: Sequence[SweepRecord]) -> dict[str, tuple[object, ...]]:
    """The settings that are not the same in all sweeps.

    Args:
        records: The sweeps.

    Returns:
        By name, the value in each sweep; None where it has none. Of several names, such as those of
        the tasks, only the names that not every sweep has.
    """
    settings = [settings_of(record) for record in records]
    names = dict.fromkeys(name for each in settings for name in each)
    rows = {name: tuple(each.get(name) for each in settings) for name in names}
    return {
        name: _without_shared(values)
        for name, values in rows.items()
        if any(value != values[0] for value in values)
    }


def settings_of(record: SweepRecord) -> dict[str, object]:
    """What a sweep was made with and how it ended, as plain values; several names as a list."""
    return {
        **asdict(record.settings),
        "steps": record.lr.size,
        "stop_reason": record.stop_reason.name.lower(),
        "optimizer": record.optimizer or None,
        "group_scale": list(record.group_scale),
        "seed": record.seed,
        "epoch_steps": record.epoch_steps,
        "tasks": list(record.tasks) or None,
        "layers": None if record.layers is None else list(record.layers.names),
        "probe": bool(record.probe.size),
        "metric": bool(record.metric.size),
        "skipped_steps": sum(record.skipped),
        "confirm": bool(record.cold_starts),
        "origin": None if record.origin is None else str(record.origin),
        **{f"version of {name}": version for name, version in record.versions.items()},
    }


def _without_shared(values: tuple[object, ...]) -> tuple[object, ...]:
    """Lists of names without those that all of them have, unless they differ in nothing else."""
    lists = [value if isinstance(value, list) else [] for value in values]
    if not all(isinstance(name, str) for each in lists for name in each):
        return values
    shared = set(lists[0]).intersection(*lists)
    left = tuple(
        [name for name in value if name not in shared] if isinstance(value, list) else value
        for value in values
    )
    return left if any(left) else values
