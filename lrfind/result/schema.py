"""What a file of a sweep may hold: the type, range and length of every field.

Wider than what is likely, but no wider than what a sweep can be: what passes is safe to analyse.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import msgspec

from lrfind.support.reading import (
    Beta,
    Count,
    Finite,
    NotNegative,
    Number,
    Positive,
    finite_but_last,
    of_length,
)

Rates = list[Positive]
Numbers = list[Number]
Norms = list[NotNegative | Literal["nan", "inf"]]

BEYOND = 1e-6
"""Relative distance of a learning rate from the range that is put down to rounding."""


class SettingsFile(msgspec.Struct, forbid_unknown_fields=True):
    """The settings of a sweep."""

    start_lr: Positive
    end_lr: Positive
    num_iter: Annotated[int, msgspec.Meta(ge=2, le=2**31)]
    step_mode: Literal["exp", "linear"]
    diverge_th: Positive | None
    probe_every: Annotated[int, msgspec.Meta(ge=1)]

    def __post_init__(self) -> None:
        if self.start_lr >= self.end_lr:
            raise ValueError("`start_lr` must be below `end_lr`")
        if self.probe_every > self.num_iter:
            raise ValueError("`probe_every` must be at most `num_iter`")


class OriginFile(msgspec.Struct, forbid_unknown_fields=True):
    """Where the losses of another tool come from."""

    tool: str
    beta: Beta
    obstacle: str


class ColdStartFile(msgspec.Struct, forbid_unknown_fields=True):
    """A short training from scratch."""

    lr: Positive
    steps: Count
    loss: Number
    enough: Number


class LayersFile(msgspec.Struct, forbid_unknown_fields=True):
    """Norms of every tensor, layer after layer in one list."""

    names: list[str]
    rate_scale: list[NotNegative]
    weight_decay: list[Finite]
    weight: Norms
    gradient: Norms
    update: Norms
    applied: Numbers


class ResultFile(msgspec.Struct):
    """A sweep; of its fields, those with a default are not in every file."""

    stop_reason: Literal[
        "completed", "diverged", "non_finite", "exhausted", "overflow", "unfinished"
    ]
    settings: SettingsFile
    group_scale: list[NotNegative]
    skipped: list[Count]
    optimizer: str
    seed: Annotated[int, msgspec.Meta(ge=0)] | None
    state_bytes: Count
    versions: dict[str, str]
    lr: Rates
    loss: Numbers
    probe: Numbers
    metric: Numbers
    tasks: dict[str, Numbers] = {}
    cold_starts: list[ColdStartFile] = []
    origin: OriginFile | None = None
    layers: LayersFile | None = None
    epoch_steps: Positive | None = None

    def __post_init__(self) -> None:
        if self.seed is not None and self.seed >= 2**64:
            raise ValueError("`seed` must be below 2**64")
        if abs(max(self.group_scale, default=0.0) - 1) > BEYOND:
            raise ValueError("`group_scale` must hold a 1 as its largest number")
        self._check_rates()
        self._check_lengths()
        finite_but_last("loss", self.loss)

    def _check_rates(self) -> None:
        low, high = self.settings.start_lr, self.settings.end_lr
        if any(after <= before for before, after in pairwise(self.lr)):
            raise ValueError("`lr` must be rising")
        if self.lr and not (
            low * (1 - BEYOND) <= self.lr[0] and self.lr[-1] <= high * (1 + BEYOND)
        ):
            raise ValueError("`lr` must lie between `start_lr` and `end_lr`")

    def _check_lengths(self) -> None:
        steps = len(self.lr)
        of_length("loss", self.loss, steps)
        of_length("probe", self.probe, 0, steps)
        of_length("metric", self.metric, 0, steps)
        # One more for the steps that were skipped after the last.
        of_length("skipped", self.skipped, 0, steps, steps + 1)
        for name, losses in self.tasks.items():
            of_length(f"tasks[{name!r}]", losses, steps)
        if self.layers is not None:
            self._check_layers(self.layers, steps)

    @staticmethod
    def _check_layers(layers: LayersFile, steps: int) -> None:
        count = len(layers.names)
        for name in ("rate_scale", "weight_decay"):
            of_length(f"layers.{name}", getattr(layers, name), count)
        for name in ("weight", "gradient", "update"):
            of_length(f"layers.{name}", getattr(layers, name), steps * count)
        of_length("layers.applied", layers.applied, 0, steps * count)
