"""A verification as a JSON document and back, bit for bit."""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from typing import Annotated, Any, Literal

import msgspec

from lrfind.checks.verification.decision import SweepSays
from lrfind.checks.verification.scores import TrialScores
from lrfind.checks.verification.trial import Trial
from lrfind.result.constant_run import ConstantRun
from lrfind.result.schema import BEYOND
from lrfind.support.files import SCHEMA, from_json, plain, to_json
from lrfind.support.reading import (
    Count,
    NotNegative,
    Number,
    Positive,
    finite_but_last,
    of_length,
)

VERIFICATION_FORMAT = "lrfind verification"


def verification_document(scores: TrialScores) -> dict[str, Any]:
    """Everything in a verification as plain values; the inverse of `verification_fields`.

    What `Verification.to_dict` computes from it stands beside it in the file.
    """
    return {
        "format": VERIFICATION_FORMAT,
        "schema": SCHEMA,
        "suggested": scores.suggested,
        "level": plain(scores.level),
        "noise": plain(scores.noise),
        "steps": scores.steps,
        "schedule": scores.schedule,
        "total_steps": scores.total_steps,
        "epochs": scores.epochs,
        "scale": list(scores.scale),
        "sweep": scores.sweep and asdict(scores.sweep),
        "regrets": [plain(each) for each in scores.regrets],
        "trials": trial_documents(scores),
    }


class TrialFile(msgspec.Struct):
    """A short training run; "loses" beside it is computed."""

    lr: Positive
    halfway: Number
    end: Number
    loss: list[Number]
    probe: list[Number] = []

    def __post_init__(self) -> None:
        finite_but_last("loss", self.loss)
        of_length("probe", self.probe, 0, len(self.loss))


class SweepSaysFile(msgspec.Struct, forbid_unknown_fields=True):
    """What the sweep before the trials says."""

    minimum: Positive
    deviation: NotNegative
    lr: Positive | None


class VerificationFile(msgspec.Struct):
    """What a file of a verification may hold; what is computed from it stands beside it."""

    trials: Annotated[list[TrialFile], msgspec.Meta(min_length=1)]
    suggested: Positive | None
    level: Number
    noise: NotNegative | Literal["nan", "inf"]
    steps: Count
    schedule: Literal["constant", "one_cycle"] | None
    total_steps: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None
    epochs: Positive | None
    scale: list[NotNegative]
    sweep: SweepSaysFile | None
    regrets: list[NotNegative | Literal["nan", "inf"]]

    def __post_init__(self) -> None:
        if any(after.lr <= before.lr for before, after in pairwise(self.trials)):
            raise ValueError("`trials` must have rising `lr`")
        of_length("regrets", self.regrets, 0, len(self.trials))
        if abs(max(self.scale, default=0.0) - 1) > BEYOND:
            raise ValueError("`scale` must hold a 1 as its largest number")


def verification_fields(file: VerificationFile) -> dict[str, Any]:
    """The keyword arguments of `Verification` from a validated file."""
    sweep = file.sweep
    return {
        "trials": tuple(map(_trial_of, file.trials)),
        "suggested": file.suggested,
        "level": float(file.level),
        "noise": float(file.noise),
        "steps": file.steps,
        "schedule": file.schedule,
        "total_steps": file.total_steps,
        "epochs": file.epochs,
        "scale": tuple(file.scale),
        "sweep": sweep and SweepSays(sweep.minimum, sweep.deviation, sweep.lr),
        "regrets": tuple(map(float, file.regrets)),
    }


def trial_documents(scores: TrialScores) -> list[dict[str, Any]]:
    """The trials, with the regret of each against the best in "loses"."""
    return [
        {
            "lr": trial.run.lr,
            "halfway": plain(trial.halfway),
            "end": plain(trial.end),
            "loses": float(regret),
            "loss": to_json(trial.run.loss),
            **({"probe": to_json(trial.run.probe)} if trial.run.probe.size else {}),
        }
        for trial, regret in zip(scores.trials, scores.losses, strict=True)
    ]


def _trial_of(file: TrialFile) -> Trial:
    run = ConstantRun(file.lr, from_json(file.loss), from_json(file.probe))
    return Trial(run, float(file.halfway), float(file.end))
