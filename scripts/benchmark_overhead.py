"""What a range test costs beside the training steps it makes.

Run with `.venv/bin/pip install -e ".[bench]"` and `.venv/bin/python scripts/benchmark_overhead.py`.
Every contender makes the same number of steps on the same model and data; the bare loop does only
that. The rounds are interleaved in one process, so that a busy machine hits all alike, and each
time is divided by that of the bare loop in its round. Saving and restoring the state is part of
each finder's time.

    python scripts/benchmark_overhead.py [--device cuda] [--rounds 15] [--steps 200] [--markdown]
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import platform
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from time import perf_counter

import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.utils.data import DataLoader

import lrfind

SIZES = {"half a millisecond": (64, 2, 32), "one": (184, 2, 32), "five": (384, 3, 128)}
"""Width, hidden layers and batch size of a multilayer perceptron."""

SWEEP = {"start_lr": 1e-7, "end_lr": 1e-4}
"""Low rates: nothing diverges, so that everyone makes all steps."""


class Setting:
    """A model, its optimizer, and a loader that costs next to nothing."""

    def __init__(self, size: str, device: str, steps: int) -> None:
        width, depth, batch = SIZES[size]
        torch.manual_seed(0)
        layers = [nn.Linear(64, width), nn.ReLU()]
        for _ in range(depth):
            layers += [nn.Linear(width, width), nn.ReLU()]
        self.model = nn.Sequential(*layers, nn.Linear(width, 10)).to(device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-7)
        x = torch.randn(32, batch, 64, device=device)
        y = torch.randint(0, 10, (32, batch), device=device)
        batches = [(x[k % 32], y[k % 32]) for k in range(steps)]
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


def range_test(setting: Setting) -> None:
    """`lrfind.range_test`."""
    lrfind.range_test(
        setting.model,
        setting.optimizer,
        setting.loss_fn,
        setting.loader,
        num_iter=setting.steps,
        diverge_th=1e9,
        **SWEEP,
    )


def own_loop(setting: Setting) -> None:
    """`lrfind.Sweep` in a loop of the user's, without restoration."""
    with lrfind.Sweep(setting.optimizer, num_iter=setting.steps, diverge_th=1e9, **SWEEP) as sweep:
        for batch in setting.loader:
            if not sweep.record(setting.train_step(batch)):
                break
    assert sweep.result().lr.size == setting.steps


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


CONTENDERS: dict[str, Callable[[Setting], None]] = {
    "lrfind.range_test": range_test,
    "lrfind.Sweep": own_loop,
    "torch-lr-finder": torch_lr_finder,
    "pytorch-ignite": ignite,
    "lightning": lightning,
}


def seconds(contender: Callable[[Setting], None], size: str, device: str, steps: int) -> float:
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
    size: str, device: str, rounds: int, steps: int
) -> tuple[float, dict[str, list[float]]]:
    """Milliseconds of a bare step, and every contender's ratios to the bare loop."""
    everyone = {"bare": bare} | CONTENDERS
    for contender in everyone.values():
        seconds(contender, size, device, 20)
    times: dict[str, list[float]] = {name: [] for name in everyone}
    for _ in range(rounds):
        for name, contender in everyone.items():
            times[name].append(seconds(contender, size, device, steps))
    base = times.pop("bare")
    ratios = {name: [t / b for t, b in zip(own, base, strict=True)] for name, own in times.items()}
    return 1e3 * median(base) / steps, ratios


def device_name(device: str) -> str:
    """What the figures were measured on."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{platform.machine()} CPU, {torch.get_num_threads()} thread(s)"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "lightning.fabric", "ignite"):
        logging.getLogger(name).setLevel(logging.ERROR)
    torch.set_num_threads(arguments.threads)
    rows = []
    for size in SIZES:
        step, ratios = measure(size, arguments.device, arguments.rounds, arguments.steps)
        for name, own in ratios.items():
            rows.append(
                (f"{step:.2f}", name, f"{min(own):.3f}", f"{median(own):.3f}", f"{max(own):.3f}")
            )
    head = ("bare step, ms", "finder", "min", "median", "max")
    if arguments.markdown:
        lines = [head, ["---"] * len(head), *rows]
        print("\n".join(f"| {' | '.join(line)} |" for line in lines))
    else:
        table = Table(*head, box=None)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
    packages = ("lrfind", "torch", "torch-lr-finder", "pytorch-ignite", "lightning")
    print(
        f"\n{device_name(arguments.device)}; Python {platform.python_version()}; "
        + ", ".join(f"{name} {version(name)}" for name in packages)
        + f"; {arguments.rounds} interleaved rounds of {arguments.steps} steps."
    )


if __name__ == "__main__":
    main()
