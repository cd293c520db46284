"""A verification as a JSON document and back, bit for bit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lrfind.checks.verification.decision import SweepSays
from lrfind.checks.verification.scores import TrialScores
from lrfind.checks.verification.trial import Trial
from lrfind.result.constant_run import ConstantRun
from lrfind.support.arguments import require_count, require_number, require_positive
from lrfind.support.files import SCHEMA, from_json, plain, to_json

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


def verification_fields(document: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of `Verification`.

    Raises:
        KeyError, TypeError, ValueError: The document is damaged.
    """
    sweep, epochs = document["sweep"], document["epochs"]
    suggested, total = document["suggested"], document["total_steps"]
    return {
        "trials": tuple(_trial_of(each) for each in document["trials"]),
        "suggested": None if suggested is None else require_positive("suggested", suggested),
        "level": float(document["level"]),
        "noise": float(document["noise"]),
        "steps": require_count("steps", document["steps"], least=0),
        "schedule": None if document["schedule"] is None else str(document["schedule"]),
        "total_steps": None if total is None else require_count("total_steps", total, least=1),
        "epochs": None if epochs is None else require_positive("epochs", epochs),
        "scale": tuple(require_number("scale", each) for each in document["scale"]),
        "sweep": None if sweep is None else SweepSays(**sweep),
        "regrets": tuple(float(each) for each in document["regrets"]),
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


def _trial_of(document: dict[str, Any]) -> Trial:
    run = ConstantRun(
        require_positive("lr", document["lr"]),
        from_json(document["loss"]),
        from_json(document.get("probe", ())),
    )
    return Trial(run, float(document["halfway"]), float(document["end"]))
