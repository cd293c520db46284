"""What a range test costs beside the training steps it makes.

Run with `.venv/bin/pip install -e ".[bench]"` and `.venv/bin/python scripts/benchmark_overhead.py`.
Every contender makes the same number of steps on the same model and data; the bare loop does only
that. The rounds are interleaved in one process, so that a busy machine hits all alike, and each
time is divided by that of the bare loop in its round. Saving and restoring the state is part of
each finder's time. A finder that is not installed is left out.

    python scripts/benchmark_overhead.py [--device cuda] [--rounds 15] [--steps 200] [--markdown]

With `--journal` it says what keeping a journal costs while a sweep runs, writing to the disk
included: the time of all its calls divided by the rest of the same sweep's.

With `--plot` it says instead what the curve costs that a notebook shows while a sweep runs, in a
Jupyter kernel: the time of all drawings divided by the rest of the same sweep's. (The time of a
sweep with it and of one without differ by less than two such sweeps do.)
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import math
import platform
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

import lrfind
from lrfind.sweep import progress, sweep
from lrfind.sweep.journal import Journal
from lrfind.sweep.live_curve import LiveCurve

Size = tuple[int, int, int]
"""Width, hidden layers and batch size of a multilayer perceptron."""

SIZES: tuple[Size, ...] = ((64, 2, 32), (184, 2, 32), (384, 3, 128))
"""Those whose step takes about half a millisecond, one and five on a CPU."""

SWEEP = {"start_lr": 1e-7, "end_lr": 1e-4}
"""Low rates: nothing diverges, so that everyone makes all steps."""

HEAD = ("bare step, ms", "finder", "min", "median", "max")
"""Of the table: the time of a run divided by that of the bare loop of its round."""


class Setting:
    """A model, its optimizer, and a loader that costs next to nothing."""

    def __init__(self, size: Size, device: str, steps: int) -> None:
        width, depth, batch = size
        torch.manual_seed(0)
        layers = [nn.Linear(64, width), nn.ReLU()]
        for _ in range(depth):
            layers += [nn.Linear(width, width), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Linear(width, 10)).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-7)
        x = torch.randn(8, batch, 64, device=device)
        y = torch.randint(0, 10, (8, batch), device=device)
        batches = [(x[k % 8], y[k % 8]) for k in range(steps)]
        self.loader = DataLoader(batches, batch_size=None)
        self.loss_fn = nn.CrossEntropyLoss()
        self.steps = steps
        self.device = device

    def train_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        """One training step."""
        self.optimizer.zero_grad()
        loss: torch.Tensor = self.loss_fn(self.model(batch[0]), batch[1])
        loss.backward()
        self.optimizer.step()
        return loss


def bare(setting: Setting) -> None:
    """The training steps alone."""
    for batch in setting.loader:
        setting.train_step(batch)


def range_test(setting: Setting, **options: Any) -> None:
    """`lrfind.range_test`."""
    lrfind.range_test(
        setting.model,
        setting.optimizer,
        setting.loss_fn,
        setting.loader,
        num_iter=setting.steps,
        diverge_th=1e9,
        **SWEEP,
        **options,
    )


def layers(setting: Setting) -> None:
    """`lrfind.range_test(layers=True)`."""
    range_test(setting, layers=True)


def own_loop(setting: Setting, **options: Any) -> None:
    """`lrfind.Sweep` in a loop of the user's, without restoration."""
    options |= {"num_iter": setting.steps, "diverge_th": 1e9, **SWEEP}
    with lrfind.Sweep(setting.optimizer, **options) as running:
        for batch in setting.loader:
            if not running.record(setting.train_step(batch)):
                break
    assert running.result().lr.size == setting.steps


def torch_lr_finder(setting: Setting) -> None:
    """`torch-lr-finder`."""
    from torch_lr_finder import LRFinder

    finder = LRFinder(setting.model, setting.optimizer, setting.loss_fn, device=setting.device)
    finder.range_test(setting.loader, num_iter=setting.steps, diverge_th=1e9, **SWEEP)
    finder.reset()
    assert len(finder.history["loss"]) == setting.steps


def ignite(setting: Setting) -> None:
    """`pytorch-ignite`."""
    from ignite.engine import create_supervised_trainer
    from ignite.handlers import FastaiLRFinder

    trainer = create_supervised_trainer(
        setting.model, setting.optimizer, setting.loss_fn, device=setting.device
    )
    finder = FastaiLRFinder()
    saved = {"model": setting.model, "optimizer": setting.optimizer}
    with finder.attach(trainer, saved, num_iter=setting.steps, diverge_th=1e9, **SWEEP) as engine:
        engine.run(setting.loader)
    assert len(finder.get_results()["lr"]) >= setting.steps


def lightning(setting: Setting) -> None:
    """`lightning`."""
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.tuner import Tuner

    class Module(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.lr = setting.model, 1e-7

        def training_step(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return setting.loss_fn(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=self.lr)

    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            max_epochs=2,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
            accelerator="gpu" if setting.device == "cuda" else "cpu",
            devices=1,
        )
        found = Tuner(trainer).lr_find(
            Module(),
            setting.loader,
            min_lr=SWEEP["start_lr"],
            max_lr=SWEEP["end_lr"],
            num_training=setting.steps,
            early_stop_threshold=None,
            update_attr=False,
        )
    assert len(found.results["lr"]) >= setting.steps - 1


Contender = Callable[[Setting], None]

CONTENDERS: dict[str, tuple[str, Contender]] = {
    "lrfind.Sweep": ("lrfind", own_loop),
    "lrfind.range_test": ("lrfind", range_test),
    "lrfind.range_test, layers=True": ("lrfind", layers),
    "torch-lr-finder": ("torch_lr_finder", torch_lr_finder),
    "pytorch-ignite": ("ignite", ignite),
    "lightning": ("lightning", lightning),
}
"""The package that each needs, and its function."""


def installed() -> dict[str, Contender]:
    """The contenders whose package is there."""
    return {name: each for name, (package, each) in CONTENDERS.items() if find_spec(package)}


def seconds(contender: Contender, size: Size, device: str, steps: int) -> float:
    """Wall time of one contender on a fresh setting."""
    setting = Setting(size, device, steps)
    if device == "cuda":
        torch.cuda.synchronize()
    start = perf_counter()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        contender(setting)
    if device == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - start


def measure(
    size: Size, device: str, rounds: int, steps: int, *, until: float = math.inf
) -> tuple[float, dict[str, list[float]]]:
    """Milliseconds of a bare step, and every contender's ratios to the bare loop.

    Args:
        size: The model.
        device: Where it is.
        rounds: How often everyone runs.
        steps: Training steps of a run.
        until: By `perf_counter`, the time after which no further round is begun.
    """
    everyone = {"bare": bare} | installed()
    for contender in everyone.values():
        seconds(contender, size, device, 20)
    times: dict[str, list[float]] = {name: [] for name in everyone}
    for number in range(rounds):
        if number and perf_counter() > until:
            break
        for name, contender in everyone.items():
            times[name].append(seconds(contender, size, device, steps))
    base = times.pop("bare")
    ratios = {name: [t / b for t, b in zip(own, base, strict=True)] for name, own in times.items()}
    return 1e3 * median(base) / steps, ratios


class TimedJournal(Journal):
    """A journal, with the seconds that its steps took so far."""

    spent = 0.0

    def update(self) -> None:
        """As `Journal.update`."""
        start = perf_counter()
        super().update()
        TimedJournal.spent += perf_counter() - start


def journal_cost(size: Size, device: str, rounds: int, steps: int) -> str:
    """What a journal costs, in words."""
    sweep.Journal = TimedJournal  # type: ignore[misc]
    ratios, spans = [], []
    with tempfile.TemporaryDirectory() as folder:
        keeping = partial(own_loop, journal=Path(folder) / "journal.jsonl")
        for _ in range(rounds):
            TimedJournal.spent = 0.0
            spans.append(seconds(keeping, size, device, steps))
            ratios.append(TimedJournal.spent / (spans[-1] - TimedJournal.spent))
    return (
        f"journal / the rest of the sweep: {median(ratios):.4f} ({min(ratios):.4f} to "
        f"{max(ratios):.4f}), steps of {1e3 * median(spans) / steps:.2f} ms, {rounds} sweeps"
    )


class TimedCurve(LiveCurve):
    """The curve of a sweep, with the seconds that it took so far."""

    spent = 0.0

    def __init__(self, *arguments: Any) -> None:
        with self.timed():
            super().__init__(*arguments)

    def draw(self, *arguments: Any) -> None:
        """As `LiveCurve.draw`."""
        with self.timed():
            super().draw(*arguments)

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Add the time that something takes."""
        start = perf_counter()
        yield
        TimedCurve.spent += perf_counter() - start


def plot_cost(rounds: int, steps: int) -> str:
    """What `progress="plot"` costs sweeps of the largest model, in words; for a kernel."""
    progress.LiveCurve = TimedCurve  # type: ignore[misc]
    ratios, spans = [], []
    for _ in range(rounds):
        setting = Setting(SIZES[-1], "cpu", steps)
        TimedCurve.spent, start = 0.0, perf_counter()
        range_test(setting, progress="plot")
        spans.append(perf_counter() - start)
        ratios.append(TimedCurve.spent / (spans[-1] - TimedCurve.spent))
    return (
        f"drawing / the rest of the sweep: {median(ratios):.4f} ({min(ratios):.4f} to "
        f"{max(ratios):.4f}) in {rounds} sweeps of {median(spans):.1f} s"
    )


def in_kernel(rounds: int, steps: int) -> str:
    """What `plot_cost` says in a Jupyter kernel."""
    import nbformat
    from nbclient import NotebookClient

    code = (
        f"import sys, torch\nsys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import benchmark_overhead\ntorch.set_num_threads(1)\n"
        "benchmark_overhead.plot_cost(1, 50)\n"
        f"print(benchmark_overhead.plot_cost({rounds}, {steps}))"
    )
    cell = nbformat.v4.new_code_cell(code)
    NotebookClient(nbformat.v4.new_notebook(cells=[cell]), kernel_name="python3").execute()
    return "".join(each.text for each in cell.outputs if each.get("name") == "stdout").strip()


def device_name(device: str) -> str:
    """What the figures were measured on."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.get_num_threads()} thread(s)"


def rows_of(step: float, ratios: dict[str, list[float]]) -> list[tuple[str, ...]]:
    """The cells below `HEAD` of what was measured."""
    return [
        (f"{step:.2f}", name, f"{min(own):.3f}", f"{median(own):.3f}", f"{max(own):.3f}")
        for name, own in ratios.items()
    ]


def markdown(rows: Sequence[tuple[str, ...]]) -> str:
    """The rows as a table."""
    lines = [HEAD, ("---",) * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def quieten() -> None:
    """Silence what the contenders warn of and log."""
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "lightning.fabric", "ignite"):
        logging.getLogger(name).setLevel(logging.ERROR)


def versions() -> str:
    """The versions of the contenders, of torch and of Python."""
    packages = ["lrfind", "torch", *(name for name in CONTENDERS if name in installed())]
    found = [f"Python {platform.python_version()}"]
    for name in packages:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--plot", action="store_true")
    parser.add_argument("--journal", action="store_true")
    arguments = parser.parse_args()
    if arguments.plot:
        print(in_kernel(arguments.rounds, arguments.steps))
        return
    quieten()
    torch.set_num_threads(arguments.threads)
    if arguments.journal:
        print(journal_cost(SIZES[1], arguments.device, arguments.rounds, arguments.steps))
        return
    rows = []
    for size in SIZES:
        step, ratios = measure(size, arguments.device, arguments.rounds, arguments.steps)
        rows += rows_of(step, ratios)
    if arguments.markdown:
        print(markdown(rows))
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table(*HEAD, box=None)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
    print(
        f"\n{device_name(arguments.device)}; {versions()}; "
        f"{arguments.rounds} interleaved rounds of {arguments.steps} steps."
    )


if __name__ == "__main__":
    main()
