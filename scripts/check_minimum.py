"""Does the interval of the minimum hold the minimum of the median curve of many other sweeps?

Usage: python scripts/check_minimum.py [--jobs 2]
Needs the extra `bench`. About 5 minutes on two cores. The last figure is where `BETWEEN_RUNS` of
`lrfind/analysis/posterior.py` comes from.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from benchmark_tasks import TASKS
from joblib import Parallel, delayed
from scipy import stats

from lrfind import RangeTestResult
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.schedule import producing_lr

SEEDS = range(5)
OTHERS = range(100, 130)
"""Seeds of the sweeps that the true minimum is taken from."""
NUM_ITER = 300


class Found(NamedTuple):
    """The minimum that one sweep expects, in log10."""

    minimum: float
    within: float
    low: float
    high: float


def swept(task: str, seed: int) -> RangeTestResult:
    """A range test with defaults, on one thread."""
    torch.set_num_threads(1)
    return TASKS[task].build(seed).range_test(num_iter=NUM_ITER, progress=False)


def found(task: str) -> list[Found]:
    """What sweeps say of the minimum of a task; those whose loss never fell are left out."""
    told = []
    for seed in SEEDS:
        curves = swept(task, seed).curves()
        if curves.fit.descended:
            ends = curves.posterior.interval()
            rates = np.log10([curves.posterior.mean, *ends]).tolist()
            told.append(Found(rates[0], curves.posterior.deviation, *rates[1:]))
    return told


def true_minimum(task: str) -> float:
    """Log10 of the rate at which the median loss of many other sweeps is lowest.

    The losses of `OTHERS` at each step give a median curve, infinite where most had diverged.
    """
    sweeps = [swept(task, seed) for seed in OTHERS]
    losses = np.full((len(sweeps), NUM_ITER), np.inf)
    for row_, sweep in zip(losses, sweeps, strict=True):
        row_[: sweep.loss.size] = np.where(np.isfinite(sweep.loss), sweep.loss, np.inf)
    median = np.median(losses, axis=0)
    longest = max(sweeps, key=lambda sweep: sweep.lr.size)
    finite = int(np.isfinite(np.append(median, np.inf)).argmin())
    curves = SweepCurves(producing_lr(longest.lr)[:finite], median[:finite])
    return math.log10(curves.minimum("centred").lr)


def coverage(told: Sequence[Sequence[Found]], truth: Sequence[float]) -> str:
    """How often the interval of a sweep's minimum holds the true one.

    As it stands, and with the spread between runs and systematic errors measured on the other
    tasks alone.

    Args:
        told: What the sweeps of each task say.
        truth: Log10 of the true minimum of each task.
    """
    pairs = [(each, true) for each, true in zip(told, truth, strict=True) if each]
    errors = [np.array([one.minimum - true for one in each]) for each, true in pairs]
    within = [np.array([one.within for one in each]) for each, _ in pairs]
    held = [np.mean([one.low <= true <= one.high for one in each]) for each, true in pairs]
    squares = [(e**2 - w**2).mean() for e, w in zip(errors, within, strict=True)]
    left_out, others = [], []
    for k, (error, own) in enumerate(zip(errors, within, strict=True)):
        other = math.sqrt(max(np.mean(np.delete(squares, k)), 0.0))
        quantile = stats.t.ppf(0.95, len(squares) - 2)
        left_out.append(np.mean(np.abs(error) <= quantile * np.hypot(own, other)))
        others.append(other)
    between = math.sqrt(max(np.mean(squares), 0.0))
    return (
        f"The interval of the minimum holds that of the median of {len(OTHERS)} other sweeps in "
        f"{np.mean(held):.0%} ({min(held):.0%} to {max(held):.0%} by task). Between runs: "
        f"{between:.2f} decades; left out {min(others):.2f} to {max(others):.2f}, which hold it in "
        f"{np.mean(left_out):.0%}."
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Sweep, and say how it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    jobs = parser.parse_args(argv).jobs
    told = Parallel(jobs)(delayed(found)(task) for task in TASKS)
    truth = Parallel(jobs)(delayed(true_minimum)(task) for task in TASKS)
    print(coverage(told, truth))


if __name__ == "__main__":
    main()
