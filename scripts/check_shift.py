"""How well is the shift by smoothing known? Made-up sweeps with a known truth.

Usage: python scripts/check_shift.py [--seeds 30] [--out .github/shift]

For each shape and noise, the shift of the debiased EMA's minimum by three estimates: on the fitted
curve alone (plug-in), the same less its bias by a parametric bootstrap, and the mean over plausible
curves that lrfind gives, with its standard error. About 10 minutes on two cores.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from joblib import Parallel, delayed

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.divergence import DivergenceRule
from lrfind.analysis.smoothing import debiased_ema, settled
from lrfind.analysis.whittaker import fit_centred
from lrfind.comparison.compare import curve_rows

RATES = np.linspace(-6, 1, 300)
"""Log10 of the rates of a sweep with defaults."""

LEVEL, DEPTH = 2.3, 2.0
REPLICATES = 40
NOISE = (0.01, 0.03, 0.1)
"""Standard deviation of the noise as a share of the depth."""

BETAS = (0.9, 0.98)

LEAST = 0.05
"""Bias in decades that is allowed whatever the standard error."""


def fall(at: float, steepness: float) -> np.ndarray:
    """A logistic fall."""
    return LEVEL - DEPTH / (1 + np.exp(-(RATES - at) * steepness))


def wall(at: float, steepness: float) -> np.ndarray:
    """An exponential rise, 1 at `at`."""
    return np.exp(np.minimum((RATES - at) * steepness, 4))


SHAPES = {
    "fall and wall": fall(-2.2, 3) + wall(0, 5),
    "steep wall": fall(-2.2, 3) + wall(-0.3, 15),
    "V": LEVEL - DEPTH + np.minimum(0.9 * np.abs(RATES + 1.4), DEPTH),
    "quadratic": LEVEL - DEPTH + np.minimum(0.5 * (RATES + 1.4) ** 2, DEPTH),
    "slow rise": fall(-3, 4) + 0.5 * np.maximum(RATES + 2, 0),
    "flat well": fall(-3.2, 12) + wall(-0.9, 12),
    "flat bottom": LEVEL
    - DEPTH * (1 - np.clip(np.abs((RATES + 1.8) / 1.6) ** 8, 0, 1))
    + wall(0.2, 8),
}


class Found(NamedTuple):
    """The estimates of one sweep, in decades."""

    truth: float
    plug_in: float
    bootstrap: float
    mean: float
    error: float


def moved(curve: np.ndarray, beta: float) -> float:
    """How far the debiased EMA's minimum lies right of the curve's own."""
    start = settled("debiased", curve, beta)
    step = start + int(np.argmin(debiased_ema(curve, beta)[start:]))
    return float(RATES[step] - RATES[np.argmin(curve)])


def one(shape: str, noise: float, beta: float, seed: int, replicates: int = REPLICATES) -> Found:
    """All estimates of one noisy sweep, which stops where it diverges."""
    rng = np.random.default_rng(seed)
    clean = SHAPES[shape]
    loss = clean + noise * DEPTH * rng.normal(size=clean.size)
    rule = DivergenceRule(4.0, loss.size)
    end = next((k + 1 for k, each in enumerate(loss) if rule.diverged(each)), loss.size)
    curves = SweepCurves(10 ** RATES[:end], loss[:end])
    fit = curves.fit
    plug_in = moved(fit.curve, beta)
    again = [
        moved(fit_centred(fit.curve + fit.deviation * rng.normal(size=end)).curve, beta)
        for _ in range(replicates)
    ]
    row = curve_rows(curves, (beta,))[-1]
    mean, error = row.smoothing, row.error
    return Found(
        moved(clean[:end], beta),
        plug_in,
        2 * plug_in - float(np.mean(again)) if again else math.nan,
        math.nan if mean is None else mean,
        math.nan if error is None else error,
    )


def line(shape: str, noise: float, beta: float, found: list[Found]) -> str:
    """One row of the table."""
    columns = Found(*(np.array(each) for each in zip(*found, strict=True)))  # type: ignore[arg-type]
    errors = [each - columns.truth for each in (columns.plug_in, columns.bootstrap, columns.mean)]
    told = [f"{np.mean(e):+.2f} | {np.sqrt(np.mean(np.square(e))):.2f}" for e in errors]
    truth, error = np.mean(columns.truth), np.mean(columns.error)
    held = "" if abs(np.mean(errors[-1])) < max(LEAST, float(error)) else "beyond"
    known = f"| {shape} | {noise:g} | {beta:g} | {truth:.2f} |"
    return f"{known} {' | '.join(told)} | {error:.2f} | {held} |"


def table(seeds: int, jobs: int, run: Callable[..., Found] = one) -> str:
    """Every shape, noise and beta, as a Markdown table."""
    keys = list(product(SHAPES, NOISE, BETAS))
    ran = Parallel(jobs)(delayed(run)(*key, seed) for key in keys for seed in range(seeds))
    lines = [
        "| shape | noise | beta | true | plug-in: bias | RMSE | bootstrap: bias | RMSE "
        "| mean over draws: bias | RMSE | its standard error | |",
        "| --- " * 12 + "|",
    ]
    for k, key in enumerate(keys):
        lines.append(line(*key, ran[k * seeds : (k + 1) * seeds]))
    return "\n".join(lines)


def main() -> None:
    """Print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(".github/shift"))
    arguments = parser.parse_args()
    text = table(arguments.seeds, arguments.jobs)
    print(text)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "shift.md").write_text(f"{text}\n\n{arguments.seeds} seeds.\n")


if __name__ == "__main__":
    main()
