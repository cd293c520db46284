"""How good are suggested learning rates? Every finder against full trainings on a grid of rates.

Usage: python scripts/benchmark_suggestions.py [--seeds 5] [--out .github/benchmark]
Needs the extra `bench`. About 10 minutes on two cores. The full trainings behind it are in
`scripts/benchmark_oracle.json`, made by `scripts/benchmark_oracle.py`.

Regret is the share of the achievable improvement in validation loss that is lost at a suggested
rate, (V(lr) - V*) / (V_0 - V*), with V interpolated in log10 of the rate between the full trainings
and V_0 the loss before any. A finder that gives no rate counts as training at the optimizer's
documented default, which is what a user falls back on.

Two things favour lrfind. Its numbers (`lrfind/analysis/calibration.py`) were chosen on these very
tasks; the last table says what the factors alone give when chosen on the other tasks. And the rows
with a probe look at 100 of the validation samples that the regret is measured on. Peers run with
their own number of steps, 100; "lrfind, 100 steps" has as many.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import platform
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import peer_finders
import torch
from benchmark_oracle import RATES, SCHEDULES, TABLE, batches
from benchmark_tasks import TASKS, Task
from joblib import Parallel, delayed
from peer_finders import short_grid
from scipy import stats
from tqdm import tqdm

import lrfind
from lrfind import Problem, RangeTestResult
from lrfind.analysis.calibration import BETWEEN_RUNS, VERIFIED
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.schedule import producing_lr

BAD = 0.2
"""A regret above this is a failure."""

GOOD = 0.05
"""A regret below this is as good as any."""


@dataclass(frozen=True)
class Answer:
    """What a finder said of one task with one seed, for one schedule.

    Attributes:
        lr: The rate; NaN if it gave none.
        steps: Optimizer steps it took.
        verdict: Its verdict where it has one.
        interval: Lower and upper rate where it has them.
        minimum: Expected minimum of the sweep, with its interval, where it has one.
        within: Standard deviation of that minimum within the sweep, in decades.
    """

    lr: float
    steps: int
    verdict: str | None = None
    interval: tuple[float, float] | None = None
    minimum: tuple[float, float, float] | None = None
    within: float = 0.0


Finder = Callable[[Task, int, str], Answer]


def parts(problem: Problem) -> tuple[Any, ...]:
    """The four arguments of every function of lrfind."""
    return problem.model, problem.optimizer, problem.loss_fn, problem.train_loader


def probe_of(task: Task) -> tuple[torch.Tensor, torch.Tensor]:
    """100 validation samples, as a user would hold them out."""
    inputs, targets = task.split()[1]
    return inputs[:100], targets[:100]


def sweep_finder(
    source: str = "train", known: bool = True, num_iter: int = 300, **question: Any
) -> Finder:
    """`range_test(...).suggest(...)`."""

    def find(task: Task, seed: int, schedule: str) -> Answer:
        probe = probe_of(task) if source == "probe" else None
        result = swept(task, seed, num_iter, probe)
        asked = {"schedule": schedule} | question if known else question
        answer = result.suggest(source=source, **asked)
        verdict = answer.verdict.name.lower()
        if not answer:
            return Answer(math.nan, result.lr.size, verdict)
        posterior = result.curves(source).posterior
        low, high = posterior.interval()
        minimum = (posterior.mean, low, high)
        within = posterior.deviation
        return Answer(answer.lr, result.lr.size, verdict, answer.interval, minimum, within)

    return find


def swept(task: Task, seed: int, num_iter: int, probe: Any = None) -> RangeTestResult:
    """A range test with defaults."""
    return task.build(seed).range_test(num_iter=num_iter, probe=probe, progress=False)


def budget_finder(with_probe: bool) -> Finder:
    """`find_lr`, 400 steps in all."""

    def find(task: Task, seed: int, schedule: str) -> Answer:
        probe = probe_of(task) if with_probe else None
        problem = task.build(seed)
        answer = lrfind.find_lr(*parts(problem), schedule=schedule, probe=probe, progress=False)
        return Answer(answer.lr, answer.steps, answer.verdict.name.lower(), answer.interval)

    return find


def documented_default(task: Task, seed: int, schedule: str) -> Answer:
    """The rate that the optimizer has if none is given."""
    return Answer(task.build(seed).optimizer.defaults["lr"], 0)


def peer(finder: peer_finders.Finder) -> Finder:
    """A finder of `peer_finders`, whose answer is the same for every schedule."""

    def find(task: Task, seed: int, schedule: str) -> Answer:
        asked = peer_finders.ask(finder, partial(task.build, seed))
        return Answer(asked.lr, asked.steps)

    return find


def fastai_curve(task: Task, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What fastai 2 records: 100 steps at 1e-7 * (1e8)**(k/100), debiased EMA 0.98, 4 times best.

    Recomputed from its published definition; `peer_finders.fastai` asks the package itself.
    """
    problem = task.build(seed)
    rates, losses, average, best = [], [], 0.0, math.inf
    for k, (inputs, targets) in enumerate(batches(problem.train_loader, 100)):
        lr = 1e-7 * 1e8 ** (k / 100)
        peer_finders.set_rate(problem, lr)
        average = 0.98 * average + 0.02 * peer_finders.step(problem, inputs, targets)
        smooth = average / (1 - 0.98 ** (k + 1))
        rates.append(lr)
        losses.append(smooth)
        best = min(best, smooth)
        if smooth > 4 * best:
            break
    return np.array(rates), np.array(losses)


def fastai_finder(rule: str) -> Finder:
    """One of fastai's four rules, on its own curve `[num_it // 10 : -5]` up to the first NaN."""

    def find(task: Task, seed: int, schedule: str) -> Answer:
        rates, losses = fastai_curve(task, seed)
        steps, inner = len(losses), slice(10, -5)
        rates, losses = rates[inner], losses[inner]
        bad = np.flatnonzero(np.isnan(losses))
        if bad.size:
            rates, losses = rates[: bad[0]], losses[: bad[0]]
        if losses.size < 16:
            return Answer(math.nan, steps)
        return Answer(float(FASTAI[rule](rates, losses)), steps)

    return find


def fastai_valley(rates: np.ndarray, losses: np.ndarray) -> float:
    """Half-way along the longest decreasing subsequence, taken as contiguous."""
    lengths = np.ones(losses.size, dtype=int)
    for i in range(1, losses.size):
        before = lengths[:i][losses[:i] > losses[i]]
        lengths[i] = 1 + (before.max() if before.size else 0)
    end = int(lengths.argmax())
    third = lengths[end] / 3
    return rates[max(0, end - lengths[end]) + int(third) + int(third / 2)]


def fastai_slide(rates: np.ndarray, losses: np.ndarray) -> float:
    """From the right, 15 steps apart, until two slopes are within 0.005."""
    slope = np.gradient(losses)
    right = losses.size - 1
    left = right - 15
    chosen = left
    while left >= 0 and abs(slope[right] - slope[left]) > 0.005:
        chosen, right, left = left, right - 1, left - 1
    return rates[chosen]


def fastai_steep(rates: np.ndarray, losses: np.ndarray) -> float:
    """The steepest fall per logarithm of the rate."""
    return rates[int(np.argmin(np.diff(losses) / np.diff(np.log(rates))))]


FASTAI: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "valley": fastai_valley,
    "slide": fastai_slide,
    "minimum": lambda rates, losses: rates[losses.argmin()] / 10,
    "steep": fastai_steep,
}


FINDERS: dict[str, Finder] = {
    "lrfind": sweep_finder(),
    "lrfind, schedule unknown": sweep_finder(known=False),
    "lrfind, probe": sweep_finder("probe"),
    "lrfind, 100 steps": sweep_finder(num_iter=100),
    "lrfind, centred minimum / 10": sweep_finder(known=False, rule="minimum"),
    "lrfind, raw minimum / 10": sweep_finder(known=False, curve="raw"),
    "lrfind, debiased EMA 0.98 minimum / 10": sweep_finder(known=False, curve="debiased"),
    "lrfind.find_lr": budget_finder(False),
    "lrfind.find_lr, probe": budget_finder(True),
    "documented default": documented_default,
    "grid of 12 rates x 25 steps": peer(partial(short_grid, 12, 25)),
    "grid of 12 rates x 33 steps": peer(partial(short_grid, 12, 33)),
    "fastai valley": fastai_finder("valley"),
    "fastai slide": fastai_finder("slide"),
    "fastai minimum": fastai_finder("minimum"),
    "fastai steep": fastai_finder("steep"),
    **{
        name: peer(peer_finders.FINDERS[name])
        for name in ("torch-lr-finder", "pytorch-ignite", "lightning")
    },
}


@dataclass
class Oracle:
    """The cached full trainings."""

    table: dict[str, Any] = field(default_factory=lambda: json.loads(TABLE.read_text()))

    def values(self, task: str, schedule: str) -> np.ndarray:
        """Validation loss at each of `RATES`."""
        return np.array(self.table["tasks"][task][schedule])

    def regret(self, task: str, schedule: str, lr: float) -> float:
        """Regret at a rate; at the optimizer's documented default if it is not finite."""
        if not math.isfinite(lr) or lr <= 0:
            lr = documented_default(TASKS[task], 0, schedule).lr
        values = self.values(task, schedule)
        at = np.interp(math.log10(lr), np.log10(RATES), values)
        return float((at - values.min()) / (self.table["tasks"][task]["initial"] - values.min()))

    def best(self, task: str, schedule: str) -> float:
        """The best rate of the grid."""
        return float(RATES[self.values(task, schedule).argmin()])


def ask(finder: str, task: str, seed: int, schedule: str) -> Answer:
    """One answer, quietly, on one thread; errors count as no answer."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return FINDERS[finder](TASKS[task], seed, schedule)
        except lrfind.CannotTellError:
            return Answer(math.nan, 0, "refused")
        except (RuntimeError, ValueError, IndexError) as error:
            print(f"{finder} on {task}, seed {seed}: {error}")
            return Answer(math.nan, 0)


Answers = dict[tuple[str, str, int, str], Answer]


def row(finder: str, answers: Answers, oracle: Oracle, seeds: Sequence[int]) -> dict[str, Any]:
    """The figures of one finder, over tasks, seeds and both schedules."""
    mine = {key[1:]: answer for key, answer in answers.items() if key[0] == finder}
    regrets = {key: oracle.regret(key[0], key[2], a.lr) for key, a in mine.items()}
    by = {s: np.array([r for key, r in regrets.items() if key[2] == s]) for s in SCHEDULES}
    bad = [key for key, regret in regrets.items() if regret > BAD]
    good = [key for key, regret in regrets.items() if regret < GOOD]
    refused = [key for key, a in mine.items() if not (math.isfinite(a.lr) and a.lr > 0)]
    has_verdict = any(a.verdict for a in mine.values())
    inside = [
        a.interval[0] <= oracle.best(key[0], key[2]) <= a.interval[1]
        for key, a in mine.items()
        if a.interval
    ]
    widths = [math.log10(a.interval[1] / a.interval[0]) for a in mine.values() if a.interval]
    spreads = []
    for task, schedule in product(TASKS, SCHEDULES):
        rates = [mine[task, seed, schedule].lr for seed in seeds]
        finite = np.log10([lr for lr in rates if math.isfinite(lr) and lr > 0])
        if finite.size > 1:
            spreads.append(float(np.std(finite, ddof=1)))
    return {
        "finder": finder,
        **{f"mean {s}": float(by[s].mean()) for s in SCHEDULES},
        "worst": max(regrets.values()),
        "bad": len(bad),
        "warned": sum(mine[key].verdict not in (None, "clear") for key in bad),
        "runs": len(regrets),
        "refused": len(refused) / len(regrets),
        "clear": np.mean([mine[k].verdict == "clear" for k in good]) if has_verdict else None,
        "spread": float(np.mean(spreads)) if spreads else math.nan,
        "coverage": float(np.mean(inside)) if inside else None,
        "width": float(np.mean(widths)) if widths else None,
        "steps": float(np.mean([a.steps for a in mine.values()])),
    }


OTHERS = range(1000, 1030)
"""Seeds of the sweeps that the true minimum of a task comes from; no finder sees them."""


def true_minimum(task: str) -> float:
    """Log10 of the rate at which the median loss of many other sweeps is lowest.

    The losses of `OTHERS` at each step give a median curve, infinite where most had diverged.
    """
    torch.set_num_threads(1)
    sweeps = [swept(TASKS[task], seed, 300) for seed in OTHERS]
    losses = np.full((len(sweeps), 300), np.inf)
    for row_, sweep in zip(losses, sweeps, strict=True):
        row_[: sweep.loss.size] = np.where(np.isfinite(sweep.loss), sweep.loss, np.inf)
    median = np.median(losses, axis=0)
    longest = max(sweeps, key=lambda sweep: sweep.lr.size)
    finite = int(np.isfinite(np.append(median, np.inf)).argmin())
    curves = SweepCurves(producing_lr(longest.lr)[:finite], median[:finite])
    return math.log10(curves.minimum("centred").lr)


def minimum_coverage(answers: Answers, truth: dict[str, float]) -> str:
    """How often the interval of a sweep's minimum holds the true minimum of its task.

    As it stands, and with the spread between runs and systematic errors measured on the other
    tasks alone.

    Args:
        answers: All answers.
        truth: Log10 of the true minimum of each task.
    """
    mine = {
        task: [a for key, a in answers.items() if key[:2] == ("lrfind", task) and a.minimum]
        for task in TASKS
    }
    errors = [np.array([math.log10(a.minimum[0]) - truth[t] for a in mine[t]]) for t in TASKS]
    within = [np.array([a.within for a in mine[t]]) for t in TASKS]
    held = [
        np.mean([a.minimum[1] <= 10 ** truth[t] <= a.minimum[2] for a in mine[t]])
        for t in TASKS
        if mine[t]
    ]
    squares = [(e**2 - w**2).mean() for e, w in zip(errors, within, strict=True) if e.size]
    left_out, others = [], []
    for k, (error, own) in enumerate((e, w) for e, w in zip(errors, within, strict=True) if e.size):
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


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The table of all finders, with the constants that were chosen on the same tasks."""
    head = (
        "| finder | regret, constant | regret, one-cycle | worst | over 0.2 | of them warned "
        "| refused | clear where good | spread | interval holds the best | width | steps |\n"
        + "| --- "
        * 12
    )
    lines = [head + "|"]
    for r in rows:
        clear = "" if r["clear"] is None else f"{r['clear']:.0%}"
        covered = "" if r["coverage"] is None else f"{r['coverage']:.0%}"
        width = "" if r["width"] is None else f"{r['width']:.2f}"
        warned = "" if r["clear"] is None else f"{r['warned']}"
        lines.append(
            f"| {r['finder']} | {r['mean constant']:.3f} | {r['mean one_cycle']:.3f} "
            f"| {r['worst']:.2f} | {r['bad']} of {r['runs']} | {warned} "
            f"| {r['refused']:.0%} | {clear} "
            f"| {r['spread']:.2f} | {covered} | {width} | {r['steps']:.0f} |"
        )
    return "\n".join(lines)


def picture(answers: Answers, oracle: Oracle, rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Every regret of every finder as a dot, the mean as a bar."""
    from matplotlib.figure import Figure

    ordered = sorted(rows, key=lambda r: r["mean constant"] + r["mean one_cycle"], reverse=True)
    figure = Figure(figsize=(9, 0.36 * len(ordered) + 1.2), layout="constrained", dpi=130)
    ax = figure.subplots()
    rng = np.random.default_rng(0)
    for place, r in enumerate(ordered):
        keys = [key for key in answers if key[0] == r["finder"]]
        regrets = np.array([oracle.regret(k[1], k[3], answers[k].lr) for k in keys])
        ours = r["finder"].startswith("lrfind")
        colour = "#009e73" if ours else "#7f7f7f"
        jitter = place + rng.uniform(-0.28, 0.28, regrets.size)
        ax.plot(
            np.maximum(regrets, 1e-3), jitter, ".", color=colour, markersize=3, alpha=0.45, zorder=1
        )
        mean = (r["mean constant"] + r["mean one_cycle"]) / 2
        ax.plot(mean, place, "|", color="black", markersize=14, markeredgewidth=2.5, zorder=3)
    ax.axvline(BAD, color="#d55e00", linewidth=1, linestyle="--")
    ax.set_xscale("log")
    ax.set_xlim(8e-4, 1.6)
    ax.set_xticks([1e-3, 1e-2, 0.05, 0.2, 1], ["0.001 or less", "0.01", "0.05", "0.2", "1"])
    ax.set_yticks(range(len(ordered)), [r["finder"] for r in ordered], fontsize="small")
    ax.set_xlabel("regret: share of the achievable improvement that is lost (bar: mean)")
    figure.savefig(path)


@dataclass(frozen=True)
class Calibrated:
    """A factor and a deviation of `lrfind.analysis.calibration`, and how they do left out.

    Attributes:
        factor: The factor with the least mean regret over all tasks.
        deviation: Of the best rate from what it gives, over all tasks.
        left_out: The least and the largest factor chosen on all tasks but one.
        regret: Mean regret of those factors, each on the task it was not chosen on.
        held: Share of the best rates in the interval made from the other tasks likewise.
        width: Mean width of those intervals in decades.
    """

    factor: float
    deviation: float
    left_out: tuple[float, float]
    regret: float
    held: float
    width: float


def calibration(
    finder: str, centre: Callable[[Answer, str], float], answers: Answers, oracle: Oracle
) -> dict[str | None, Calibrated]:
    """Where the numbers of `lrfind.analysis.calibration` come from, for each schedule.

    Args:
        finder: Whose answers.
        centre: The rate of an answer before the factor; takes the answer and its schedule.
        answers: All answers.
        oracle: The full trainings.
    """
    found: dict[str | None, Calibrated] = {}
    factors = 10 ** np.arange(-0.4, 1.25, 0.05)
    for schedule in (*SCHEDULES, None):
        wanted = SCHEDULES if schedule is None else (schedule,)
        asked_for = [
            [(s, a) for s in wanted for k, a in answers.items()
             if k[:2] == (finder, task) and k[3] == s]
            for task in TASKS
        ]  # fmt: skip
        centres = np.array([
            [math.log10(centre(a, s)) if math.isfinite(a.lr) else math.nan for s, a in each]
            for each in asked_for
        ])  # fmt: skip
        within = np.array([[a.within for _, a in each] for each in asked_for])
        best = np.array([[math.log10(oracle.best(task, s)) for s in wanted] for task in TASKS])
        best = np.repeat(best, centres.shape[1] // len(wanted), axis=1)
        asked = np.repeat(wanted, centres.shape[1] // len(wanted))
        regrets = np.array([
            [np.mean([oracle.regret(task, s, 10**u / f) for u, s in zip(row, asked, strict=True)])
             for f in factors]
            for task, row in zip(TASKS, centres, strict=True)
        ])  # fmt: skip
        kept = ~np.eye(len(TASKS), dtype=bool)
        every = factors[regrets.mean(0).argmin()]
        chosen = np.array([factors[regrets[rest].mean(0).argmin()] for rest in kept])
        wide = np.array(
            [deviation(best[r], centres[r], f) for r, f in zip(kept, chosen, strict=True)]
        )
        left_out = [regrets[i, np.flatnonzero(factors == f)[0]] for i, f in enumerate(chosen)]
        misses = np.abs(best - centres + np.log10(chosen)[:, None])
        told = np.isfinite(misses)
        beside = BETWEEN_RUNS if finder == "lrfind" else 0.0
        half = stats.t.ppf(0.95, len(TASKS) - 2) * np.hypot(np.hypot(within, beside), wide[:, None])
        found[schedule] = Calibrated(
            factor=float(every),
            deviation=deviation(best, centres, every),
            left_out=(float(chosen.min()), float(chosen.max())),
            regret=float(np.mean(left_out)),
            held=float(np.mean((misses <= half)[told])),
            width=float(np.mean(2 * half[told])),
        )
    return found


def calibration_table(finder: str, found: dict[str | None, Calibrated]) -> str:
    """The calibrated numbers as a table."""
    lines = [
        f"| {finder}: schedule | factor | deviation | left out: factors | regret "
        "| interval holds the best | width |",
        "| --- " * 7 + "|",
    ]
    lines += [
        f"| {schedule or 'unknown'} | {c.factor:.1f} | {c.deviation:.2f} "
        f"| {c.left_out[0]:.1f} to {c.left_out[1]:.1f} | {c.regret:.3f} | {c.held:.0%} "
        f"| {c.width:.2f} |"
        for schedule, c in found.items()
    ]
    return "\n".join(lines)


BEFORE_FACTOR: dict[str, Callable[[Answer, str], float]] = {
    "lrfind": lambda answer, schedule: answer.minimum[0] if answer.minimum else math.nan,
    "lrfind.find_lr": lambda answer, schedule: answer.lr * VERIFIED[schedule].factor,
}
"""The rate of an answer before the calibrated factor."""

UNCHOSEN = [
    "lrfind, centred minimum / 10",
    "lrfind, raw minimum / 10",
    "lrfind, debiased EMA 0.98 minimum / 10",
    "documented default",
    "grid of 12 rates x 25 steps",
    "grid of 12 rates x 33 steps",
    "fastai valley",
    "fastai slide",
    "fastai minimum",
    "fastai steep",
    "torch-lr-finder",
    "pytorch-ignite",
    "lightning",
]
"""Finders in which nothing was chosen on these tasks, in the order of the README's table."""


def readme_table(
    rows: Sequence[dict[str, Any]], ours: dict[str, dict[str | None, Calibrated]]
) -> str:
    """The README's table: lrfind left out, and the finders in which nothing was chosen here.

    Args:
        rows: The rows of all finders.
        ours: For the finders "lrfind" and "lrfind.find_lr", `calibration`.
    """
    by_name = {each["finder"]: each for each in rows}
    lines = [
        "| finder | regret, constant | regret, one-cycle | no rate | interval holds the best "
        "| steps |",
        "| --- " * 6 + "|",
    ]
    for name, found in ours.items():
        constant, one_cycle, unknown = found["constant"], found["one_cycle"], found[None]
        steps, refused = by_name[name]["steps"], by_name[name]["refused"]
        lines.append(
            f"| {name} | {constant.regret:.2f} | {one_cycle.regret:.2f} | {refused:.0%} "
            f"| {constant.held:.0%}, {one_cycle.held:.0%} | {steps:.0f} |"
        )
        if name == "lrfind":
            lines.append(
                f"| lrfind, schedule unknown | {unknown.regret:.2f}, mean of both | "
                f"| {refused:.0%} | {unknown.held:.0%} | {steps:.0f} |"
            )
    for name in UNCHOSEN:
        one = by_name[name]
        lines.append(
            f"| {name.removeprefix('lrfind, ')} | {one['mean constant']:.2f} "
            f"| {one['mean one_cycle']:.2f} | {one['refused']:.0%} | | {one['steps']:.0f} |"
        )
    return "\n".join(lines)


def deviation(best: np.ndarray, centres: np.ndarray, factor: float) -> float:
    """Root mean square over tasks of the mean way from the suggested to the best rate."""
    misses = (best - centres + math.log10(factor))[~np.isnan(centres).all(axis=1)]
    return float(np.sqrt(np.mean(np.nanmean(misses, axis=1) ** 2)))


def between_runs(answers: Answers, seeds: Sequence[int]) -> str:
    """The scatter of the expected minimum over seeds, with the noise within a sweep in it."""
    scatter = []
    for task in TASKS:
        found = [answers["lrfind", task, seed, "constant"].minimum for seed in seeds]
        decades = [math.log10(each[0]) for each in found if each]
        if len(decades) > 1:
            scatter.append(np.var(decades, ddof=1))
    return f"Expected minimum over seeds: {math.sqrt(np.mean(scatter)):.2f} decades."


def main() -> None:
    """Ask everybody, print the tables, write them and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", help="names of finders, separated by ';'")
    parser.add_argument("--out", type=Path, default=Path(".github/benchmark"))
    parser.add_argument("--answers", type=Path, help="a JSON file for every single answer")
    arguments = parser.parse_args()
    names = arguments.only.split(";") if arguments.only else list(FINDERS)
    seeds, started = range(arguments.seeds), time.monotonic()
    keys = list(product(names, TASKS, seeds, SCHEDULES))
    jobs = (delayed(ask)(*key) for key in keys)
    found = tqdm(Parallel(arguments.jobs, return_as="generator")(jobs), total=len(keys))
    answers = dict(zip(keys, found, strict=True))
    oracle = Oracle()
    rows = [row(name, answers, oracle, seeds) for name in names]
    text = markdown(rows)
    ours = {
        name: calibration(name, before_factor, answers, oracle)
        for name, before_factor in BEFORE_FACTOR.items()
        if name in names
    }
    text += "".join("\n\n" + calibration_table(name, found) for name, found in ours.items())
    if "lrfind" in names:
        found_ = Parallel(arguments.jobs)(delayed(true_minimum)(task) for task in TASKS)
        truth = dict(zip(TASKS, found_, strict=True))
        text += f"\n\n{between_runs(answers, seeds)} {minimum_coverage(answers, truth)}"
    if names == list(FINDERS):
        text = readme_table(rows, ours) + "\n\n" + text
    text += f"\n\n{len(TASKS)} tasks, {len(seeds)} seeds, both schedules; {platform.machine()}, "
    text += f"torch {torch.__version__}; {(time.monotonic() - started) / 60:.0f} minutes."
    print(text)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "suggestions.md").write_text(text + "\n")
    picture(answers, oracle, rows, arguments.out / "suggestions.png")
    if arguments.answers:
        every = [
            dict(zip(("finder", "task", "seed", "schedule"), key, strict=True))
            | vars(answer)
            | {"regret": oracle.regret(key[1], key[3], answer.lr)}
            for key, answer in answers.items()
        ]
        arguments.answers.write_text(json.dumps(every, indent=1) + "\n")


if __name__ == "__main__":
    main()
