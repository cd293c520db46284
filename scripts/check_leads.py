"""Does anything that a sweep shows tell how far below its minimum the best rate lies?

Usage: python scripts/check_leads.py
Reads scripts/oracle.npz and scripts/oracle_sweeps.npz, without the locked families; writes
.github/benchmark/leads.md. Three minutes.

Every lead moves the expected minimum by a multiple of something, which is chosen with the numbers
of `choose_calibration.py` on all families but the one judged; a multiple of 0 is among the choices.
A lead is worth having if the left-out regret falls by more than chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import oracle_sweeps
from choose_calibration import GRID, HORIZONS, Seen, Study, seen
from oracle_families import ORACLE_TASKS
from oracle_table import SCHEDULES, load
from torch.optim import SGD, Adagrad

from lrfind.analysis import posterior
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.schedule import producing_lr
from lrfind.analysis.verdict import middle

PAGE = Path(__file__).parents[1] / ".github" / "benchmark" / "leads.md"
FEWEST = 10
"""Finite probe losses without which the probe says nothing."""
MULTIPLES = (-0.6, -0.4, -0.2, 0.0, 0.2, 0.4, 0.6)

PRIOR = {
    "BELOW_BLOW_UP": (0.5, 0.7, 0.9),
    "BELOW_BLOW_UP_SD": (0.3, 0.7),
    "LEAST_PRIOR": (1e-4, 1e-2),
}
"""Values that are tried of the constants of `lrfind.analysis.posterior`."""


@dataclass(frozen=True)
class Shown:
    """What a sweep shows beside its minimum; distances in decades from it.

    Attributes:
        to_blow_up: Up to the point of divergence, or the end.
        well: Down to the middle of the well at half its depth.
        fall: Down to where nine tenths of the descent lie ahead.
        slope: Down to the steepest descent.
        relative: Down to the steepest descent of the logarithm of the loss; of the loss itself
            where that is not positive.
        unsure: Standard deviation of the minimum.
        noise: log10 of the batch-to-batch noise over the depth.
        epochs: log10 of the epochs that the sweep made.
        probe: Down to the minimum on the probe; 0 without one.
        plain: 1 for SGD and Adagrad, else 0.
    """

    to_blow_up: float
    well: float
    fall: float
    slope: float
    relative: float
    unsure: float
    noise: float
    epochs: float
    probe: float
    plain: float


LEADS: dict[str, Callable[[Shown], float]] = {
    "distance to the blow-up": lambda shown: shown.to_blow_up,
    "middle of the well": lambda shown: shown.well,
    "width of the descent": lambda shown: shown.fall,
    "steepest slope": lambda shown: shown.slope,
    "steepest slope against the loss": lambda shown: shown.relative,
    "how unsure the minimum is": lambda shown: shown.unsure,
    "noise against depth": lambda shown: shown.noise,
    "epochs of the sweep": lambda shown: shown.epochs,
    "minimum on the probe": lambda shown: shown.probe,
    "SGD or Adagrad": lambda shown: shown.plain,
}


def shown_by(task: str, swept: oracle_sweeps.Swept) -> Shown:
    """What a recorded sweep shows."""
    curves = SweepCurves(producing_lr(swept.lr), swept.loss)
    fit, expected, rates = curves.fit, curves.posterior, np.log10(curves.lr)
    minimum, lowest = math.log10(expected.mean), int(np.argmin(fit.curve))
    blow_up = expected.blow_up or float(curves.lr[-1])
    high = np.flatnonzero(fit.curve[: lowest + 1] > fit.level - fit.depth / 10)
    fell = rates[high[-1]] if high.size else rates[0]
    slopes = np.gradient(fit.curve)[: lowest + 1]
    relative = slopes / fit.curve[: lowest + 1] if fit.curve.min() > 0 else slopes
    problem = ORACLE_TASKS[task]
    per_epoch = len(problem.split()[0][0]) // problem.batch_size
    return Shown(
        to_blow_up=math.log10(blow_up) - minimum,
        well=minimum - math.log10(middle(fit, curves.lr)),
        fall=minimum - float(fell),
        slope=minimum - float(rates[slopes.argmin()]),
        relative=minimum - float(rates[relative.argmin()]),
        unsure=expected.deviation,
        noise=math.log10(max(fit.noise, 1e-9) / max(fit.depth, 1e-9)),
        epochs=math.log10(swept.loss.size / per_epoch),
        probe=minimum - probed(swept) if np.isfinite(swept.probe[:FEWEST]).all() else 0.0,
        plain=float(problem.optimizer_class in (SGD, Adagrad)),
    )


def probed(swept: oracle_sweeps.Swept) -> float:
    """log10 of the minimum on the probe."""
    return math.log10(SweepCurves(swept.lr, swept.probe).posterior.mean)


def moved(study: Study, sweeps: dict[tuple[str, int], Seen], table: object) -> Study:
    """A study of moved minima; the costs of rates stay as they are."""
    other = Study(table, sweeps)  # type: ignore[arg-type]
    other.__dict__.update(costs=study.costs, best=study.best)
    return other


def with_priors(
    plain: Study, recorded: dict[tuple[str, int], oracle_sweeps.Swept], table: object
) -> list[Study]:
    """Studies with other priors of the minimum, the present one among them."""
    kept = {name: getattr(posterior, name) for name in PRIOR}
    studies = [plain]
    try:
        for values in product(*PRIOR.values()):
            vars(posterior).update(zip(PRIOR, values, strict=True))
            sweeps = {key: seen(each) for key, each in recorded.items()}
            studies.append(moved(plain, sweeps, table))
    finally:
        vars(posterior).update(kept)
    return studies


def lost(study: Study, schedule: str, family: str, judged: bool) -> float:
    """Regret with numbers chosen without a family: summed over it, or the mean over the others."""
    way = study.choose((schedule,), family)
    found = []
    for row, case in enumerate(study.cases):
        if case.schedule == schedule and (case.family == family) is judged:
            for each in study.answered(case):
                rate = each.minimum - way.at(case.steps)
                found.append(float(np.interp(rate, GRID, study.costs[row])))
    return float(np.sum(found)) if judged else float(np.mean(found))


def left_out(studies: Sequence[Study]) -> tuple[float, float]:
    """Mean regret for both schedules, with the best of the studies chosen without each family."""
    means = []
    for schedule in SCHEDULES:
        total, count = 0.0, 0
        for family in sorted(set(studies[0].families)):
            best = min(studies, key=lambda each: lost(each, schedule, family, judged=False))
            total += lost(best, schedule, family, judged=True)
            count += sum(
                len(best.answered(case))
                for case in best.cases
                if case.schedule == schedule and case.family == family
            )
        means.append(total / count)
    return means[0], means[1]


def main() -> None:
    """Try every lead, and write the page."""
    table, recorded = load(), oracle_sweeps.load()
    sweeps = {key: seen(each) for key, each in recorded.items()}
    shown = {key: shown_by(key[0], each) for key, each in recorded.items()}
    plain = Study(table, sweeps)
    rows = [("none", *left_out([plain]))]
    for name, lead in LEADS.items():
        values = {key: lead(each) for key, each in shown.items()}
        centre = float(np.median(list(values.values())))
        studies = [
            moved(
                plain,
                {
                    key: replace(each, minimum=each.minimum + by * (values[key] - centre))
                    for key, each in sweeps.items()
                },
                table,
            )
            for by in MULTIPLES
        ]
        rows.append((name, *left_out(studies)))
    rows.append(("another prior by the blow-up", *left_out(with_priors(plain, recorded, table))))
    lines = [f"| {name} | {one:.3f} | {two:.3f} |" for name, one, two in rows]
    text = (
        "# What a sweep shows beside its minimum\n\nWritten by `python scripts/check_leads.py`. "
        f"Left-out regret over the answered sweeps of {len(table)} tasks at {len(HORIZONS)} "
        "lengths, if the minimum is moved by a multiple of one more thing.\n\n"
        "| lead | constant | one-cycle |\n| --- | --- | --- |\n" + "\n".join(lines) + "\n"
    )
    print(text)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
