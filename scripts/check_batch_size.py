"""Do learning rates scale with the batch size as the rules say? Sweeps on the bundled digits.

Run with `.venv/bin/python scripts/check_batch_size.py`; it takes a few minutes on one core. From
the minimum of sweeps at the middle batch size every rule predicts the minimum at a smaller and at
a larger one. There the rule's settings are swept too, over several seeds, with as many samples and
with as many steps as in the middle; the differences between measured and predicted minima are
printed as Markdown, and drawn. A rate one decade below the minimum differs by as much. The sweeps
go over the default range of `range_test`.
"""

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from rate_error import RateError, rate_error
from tqdm import tqdm

from lrfind import rescale
from lrfind.demo import digits_problem

BASE, OTHERS = 64, (16, 256)
STEPS = 300
RULES = {"sgd": ("unchanged", "linear", "ema", "ema_sum"), "adam": ("unchanged", "sqrt", "ema")}
BUDGETS = ("samples", "steps")
COLORS = {
    "unchanged": "#999999",
    "linear": "#0072b2",
    "sqrt": "#0072b2",
    "ema": "#d55e00",
    "ema_sum": "#cc79a7",
}


@dataclass(frozen=True)
class Row:
    """One rule at one batch size: the minima it predicts and those measured, one per seed."""

    optimizer: str
    budget: str
    rule: str
    batch: int
    predicted: tuple[float, ...]
    measured: tuple[float, ...]

    @property
    def error(self) -> RateError:
        """How far the measured lie from the predicted."""
        return rate_error(self.predicted, self.measured)


def scaled(rule: str, settings: dict[str, Any], batch: int) -> dict[str, Any]:
    """The settings at another batch size; "unchanged" is what people do who know no rule."""
    return dict(settings) if rule == "unchanged" else rescale(settings, BASE, batch, rule=rule)


class Sweeps:
    """Minima by seed; each sweep is run once, also where two rules ask for the same settings."""

    def __init__(self, model: str, seeds: range) -> None:
        self._model, self._seeds = model, seeds
        self.flagged = 0
        self._found: dict[str, tuple[float, ...]] = {}

    def settings(self, optimizer: str) -> dict[str, Any]:
        """Of the bundled problem."""
        group = digits_problem(model=self._model, optimizer=optimizer).optimizer.param_groups[0]
        return {name: value for name, value in group.items() if name != "params"}

    def minima(
        self, optimizer: str, batch: int, steps: int, settings: dict[str, Any]
    ) -> tuple[float, ...]:
        """The centred minimum for each seed; the rate among the settings plays no part."""
        settings = {name: value for name, value in settings.items() if name != "lr"}
        key = repr((optimizer, batch, steps, sorted(settings.items(), key=str)))
        if key not in self._found:
            self._found[key] = tuple(
                self._minimum(optimizer, batch, steps, settings, seed) for seed in self._seeds
            )
        return self._found[key]

    def _minimum(
        self, optimizer: str, batch: int, steps: int, settings: dict[str, Any], seed: int
    ) -> float:
        problem = digits_problem(
            model=self._model, optimizer=optimizer, batch_size=batch, seed=seed
        )
        problem.optimizer.param_groups[0].update(settings)
        result = problem.range_test(num_iter=steps, progress=False)
        lowest = result.curves().minimum("centred")
        if not lowest.usable:
            raise SystemExit(f"{optimizer}, batch {batch}, seed {seed}: {lowest.flags[0].value}")
        self.flagged += bool(lowest.flags)
        return lowest.lr


def measure(sweeps: Sweeps) -> list[Row]:
    """Every optimizer, budget, rule and batch size."""
    rows = []
    cells = [
        (optimizer, budget, rule, batch)
        for optimizer, budget in product(RULES, BUDGETS)
        for rule, batch in product(RULES[optimizer], OTHERS)
    ]
    for optimizer, budget, rule, batch in tqdm(cells, unit="cell"):
        before = sweeps.settings(optimizer)
        after = scaled(rule, before, batch)
        base = sweeps.minima(optimizer, BASE, STEPS, before)
        predicted = tuple(lr * after["lr"] / before["lr"] for lr in base)
        steps = STEPS * BASE // batch if budget == "samples" else STEPS
        measured = sweeps.minima(optimizer, batch, steps, after)
        rows.append(Row(optimizer, budget, rule, batch, predicted, measured))
    return rows


def markdown(rows: list[Row]) -> str:
    """The table."""
    lines = [
        "| optimizer | as many | rule | batch | predicted | measured | difference, decades "
        "| prediction |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        error = row.error
        lines.append(
            f"| {row.optimizer} | {row.budget} | {row.rule} | {BASE} to {row.batch} "
            f"| {geometric_mean(row.predicted):.2e} | {geometric_mean(row.measured):.2e} "
            f"| {error.decades:+.2f} ({error.low:+.2f} to {error.high:+.2f}) "
            f"| {'holds' if error.stands else 'fails'} |"
        )
    return "\n".join(lines)


def report(rows: list[Row], flagged: int) -> str:
    """The table, and in words where a rule fails."""
    count = rows[0].error.count
    text = [
        f"Minima of the centred curve: geometric means over {count} seeds. Difference: of measured "
        "from predicted, with its 95 % interval over the seeds (Student, paired by seed). A "
        f"prediction fails if 0 is not in the interval. {flagged} of the minima carry a flag.",
        markdown(rows),
    ]
    for optimizer, budget in product(RULES, BUDGETS):
        here = [row for row in rows if (row.optimizer, row.budget) == (optimizer, budget)]
        worst = {
            rule: max((row for row in here if row.rule == rule), key=lambda r: abs(r.error.decades))
            for rule in RULES[optimizer]
        }
        said = [
            f"{rule} is off by up to {abs(row.error.decades):.2f}"
            for rule, row in sorted(worst.items(), key=lambda item: abs(item[1].error.decades))
        ]
        failed = [f"{row.rule} to {row.batch}" for row in here if not row.error.stands]
        text.append(
            f"{optimizer}, as many {budget}: {', '.join(said)} decades. "
            f"Fails: {', '.join(failed) or 'none'}."
        )
    return "\n\n".join(text) + "\n"


def draw(ax: Axes, rows: list[Row], base: tuple[float, ...]) -> None:
    """Minima of every seed against batch size, and each rule's prediction as a line."""
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    middle = geometric_mean(base)
    ax.plot([BASE] * len(base), base, "o", color="black", alpha=0.35, markersize=4, mew=0)
    ax.plot(BASE, middle, "o", color="black", markersize=7, zorder=4)
    rules = list(dict.fromkeys(row.rule for row in rows))
    for place, rule in enumerate(rules):
        shift = 2 ** (0.22 * (place - (len(rules) - 1) / 2))
        mine = sorted((row for row in rows if row.rule == rule), key=lambda row: row.batch)
        line = {row.batch: geometric_mean(row.predicted) for row in mine} | {BASE: middle}
        # Dashes that leave room for each other: two rules may predict the same.
        dashes = (4 * place, (4, 4 * (len(rules) - 1)))
        ax.plot(
            sorted(line), [line[batch] for batch in sorted(line)],
            color=COLORS[rule], linestyle=dashes,
        )  # fmt: skip
        for row in mine:
            at = row.batch * shift
            ax.plot(
                [at] * len(row.measured), row.measured, "o",
                color=COLORS[rule], alpha=0.35, markersize=4, mew=0,
            )  # fmt: skip
            ends = [geometric_mean(row.predicted) * 10**d for d in (row.error.low, row.error.high)]
            ax.plot([at, at], ends, color=COLORS[rule], linewidth=2, zorder=3)
            ax.plot(
                at, geometric_mean(row.measured), "o" if row.error.stands else "X",
                color=COLORS[rule], markersize=9, mec="white", zorder=4,
            )  # fmt: skip
    ax.set_xticks([*OTHERS, BASE], [str(batch) for batch in (*OTHERS, BASE)])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda lr, _: f"{lr:.0e}"))
    ax.yaxis.set_minor_locator(NullLocator())


def figure(rows: list[Row], bases: dict[str, tuple[float, ...]]) -> Figure:
    """One panel per optimizer and budget."""
    fig, axes = plt.subplots(
        len(RULES), len(BUDGETS), figsize=(9.5, 8), sharey="row", layout="constrained"
    )
    for (optimizer, budget), ax in zip(product(RULES, BUDGETS), axes.flat, strict=True):
        draw(ax, [r for r in rows if (r.optimizer, r.budget) == (optimizer, budget)],
             bases[optimizer])  # fmt: skip
        ax.set_title(f"{optimizer}, as many {budget} at every batch size", fontsize="medium")
        for rule in RULES[optimizer]:
            ax.plot([], [], "o--", color=COLORS[rule], label=rule)
        ax.plot([], [], "X", color="0.3", label="prediction fails")
        ax.legend(loc="lower right", fontsize="small")
    for ax in axes[-1]:
        ax.set_xlabel("batch size")
    for ax in axes[:, 0]:
        ax.set_ylabel("learning rate at the minimum")
    fig.suptitle(
        f"Minima measured under each rule (bars: 95 % interval of measured over predicted; pale: "
        f"seeds)\nand what the rule predicts from batch size {BASE} (dashed lines)",
        fontsize="medium",
    )
    return fig


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(".github/batch_size"))
    parser.add_argument("--model", choices=("mlp", "cnn"), default="mlp")
    parser.add_argument("--seeds", type=int, default=8)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    sweeps = Sweeps(asked.model, range(asked.seeds))
    rows = measure(sweeps)
    bases = {name: sweeps.minima(name, BASE, STEPS, sweeps.settings(name)) for name in RULES}
    asked.out.mkdir(parents=True, exist_ok=True)
    text = report(rows, sweeps.flagged)
    (asked.out / "batch_size.md").write_text(text)
    figure(rows, bases).savefig(asked.out / "batch_size.png", dpi=110)
    print(text)


if __name__ == "__main__":
    main()
