"""Adam and LAMB at two rates, with and without weight decay, layer by layer, on the digits.

What an article on large batches saw on MNIST: alike at 0.01; at 0.1 Adam does not learn, while
LAMB converges almost at once, and then a few layers' weights explode and it diverges; weight decay
0.01 stops that; the trust ratio starts well below 1 on every layer and mostly stays there. Here on
two small networks: that of the demo, whose batch norm makes the scale of its convolutions
immaterial and leaves their biases no gradient but rounding, so that those two start with large
ratios; and one without batch norm, as was the article's. LAMB is `pytorch_optimizer.Lamb` as
the article's: weight decay inside the trust ratio (`weight_decouple=False`) and no correction of
the rate for the start from zero (`adam_debias=True`; by default that library divides the rate by
1 - beta1**t outside of the trust ratio, which makes the first step ten times as long).

    python scripts/experiment_lamb.py [--steps 600] [--seeds 3] [--pictures FOLDER]
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from importlib.metadata import version
from itertools import cycle, islice, product
from pathlib import Path
from statistics import median

import numpy as np
import torch
from pytorch_optimizer import Lamb
from torch import nn

from lrfind.demo import digits_problem
from lrfind.layers.figures import plot_histograms
from lrfind.layers.layer_norms import Layers
from lrfind.layers.recorder import LayerRecorder

LEARNED = 0.5 * math.log(10)
"""A loss below it has come halfway down from that of guessing among ten digits."""
WINDOW = 20
"""Steps whose mean loss is looked at."""


@dataclass(frozen=True)
class Run:
    """One training: what it was, its losses, and what it did to each layer."""

    network: str
    optimizer: str
    lr: float
    weight_decay: float
    loss: np.ndarray
    layers: Layers

    @property
    def windows(self) -> np.ndarray:
        """The mean loss of consecutive windows; NaN where one was not finite or never came."""
        count = len(self.layers.lr) // WINDOW
        return self.loss[: count * WINDOW].reshape(count, WINDOW).mean(axis=1)

    @property
    def ratio(self) -> np.ndarray:
        """The trust ratio of every step and layer that trained: LAMB's own, of Adam what it was."""
        ratios = self.layers.applied if self.layers.applied.size else self.layers.lamb_ratio
        return np.where(self.layers.weight > 0, ratios, np.nan)

    @property
    def growth(self) -> tuple[float, str]:
        """How many times its starting norm the layer that grew most had at the most, and which."""
        started = self.layers.weight[0] > 0
        grown = np.nanmax(self.layers.weight[:, started], axis=0) / self.layers.weight[0, started]
        names = np.array(self.layers.names)[started]
        return float(grown.max()), str(names[grown.argmax()])

    @property
    def ending(self) -> str:
        """What became of it, by the losses alone."""
        windows = np.nan_to_num(self.windows, nan=np.inf)
        if windows[-1] < LEARNED:
            return "learned"
        return "diverged after learning" if windows.min() < LEARNED else "never learned"


def plain_cnn() -> nn.Module:
    """Two convolutions and two dense layers, without batch norm."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
        nn.Linear(32 * 16, 50), nn.ReLU(), nn.Dropout(0.25), nn.Linear(50, 10),
    )  # fmt: skip


def train(
    network: str,
    optimizer: str,
    lr: float,
    weight_decay: float,
    *,
    seed: int,
    steps: int,
    batch_size: int,
) -> Run:
    """Train at one rate."""
    problem = digits_problem(model="cnn", batch_size=batch_size, seed=seed)
    model = problem.model if network == "batch norm" else plain_cnn()
    settings = {"lr": lr, "weight_decay": weight_decay}
    if optimizer == "LAMB":
        stepper: torch.optim.Optimizer = Lamb(
            model.parameters(), weight_decouple=False, adam_debias=True, **settings
        )
    else:
        stepper = torch.optim.AdamW(model.parameters(), **settings)
    recorder = LayerRecorder(model, [stepper])
    losses: list[float] = []
    recorder.attach(steps, lambda: len(losses))
    try:
        for images, labels in islice(cycle_through(problem.train_loader), steps):
            stepper.zero_grad()
            loss = nn.functional.cross_entropy(model(images), labels)
            loss.backward()
            stepper.step()
            losses.append(loss.item())
    finally:
        recorder.detach()
    layers = recorder.layers(np.full(steps, lr), [1.0])
    return Run(network, optimizer, lr, weight_decay, np.array(losses), layers)


def cycle_through(loader):
    """The batches, shuffled anew in every epoch."""
    for _ in cycle([None]):
        yield from loader


def row(runs: list[Run]) -> list[str]:
    """The figures of one setting over its seeds: medians, and the ends of all."""
    first = runs[0]
    endings = [run.ending for run in runs]
    words = "; ".join(f"{endings.count(word)}x {word}" for word in sorted(set(endings)))
    start = [np.nanmax(np.nanmedian(run.ratio[:10], axis=0)) for run in runs]
    low = [float(np.mean(run.ratio[np.isfinite(run.ratio)] < 1)) for run in runs]
    high = [float(np.nanmax(run.ratio)) for run in runs]
    grown = max(run.growth for run in runs)
    return [
        first.network, first.optimizer, f"{first.lr:g}", f"{first.weight_decay:g}",
        f"{median(run.windows[0] for run in runs):.2f}",
        f"{median(np.nanmin(run.windows) for run in runs):.3f}",
        f"{median(run.windows[-1] for run in runs):.3g}",
        words, f"{median(start):.2f}", f"{100 * median(low):.0f} %", f"{median(high):.2g}",
        f"{grown[0]:.0f}x {grown[1]}",
    ]  # fmt: skip


def verdicts(found: dict[tuple[str, float, float], list[Run]]) -> list[str]:
    """What the article saw, claim by claim, and in how many runs of one network it held."""

    def endings(optimizer: str, lr: float, decay: float) -> list[str]:
        return [run.ending for run in found[optimizer, lr, decay]]

    both = endings("Adam", 0.01, 0.0) + endings("LAMB", 0.01, 0.0)
    lamb = [run for (name, *_), runs in found.items() for run in runs if name == "LAMB"]
    calm = [run for run in lamb if run.lr == 0.01]
    claims = {
        "Adam and LAMB both learn at 0.01": [each == "learned" for each in both],
        "Adam does not learn at 0.1": [
            each == "never learned" for each in endings("Adam", 0.1, 0.0)
        ],
        "LAMB at 0.1 learns, and then diverges": [
            each == "diverged after learning" for each in endings("LAMB", 0.1, 0.0)
        ],
        "weight decay 0.01 stops that": [each == "learned" for each in endings("LAMB", 0.1, 0.01)],
        "LAMB's trust ratio starts below 1 on every layer": [
            bool(np.nanmax(np.nanmedian(run.ratio[:10], axis=0)) < 1) for run in lamb
        ],
        "at 0.01, where LAMB trains, most ratios are below 1": [
            bool(np.mean(run.ratio[np.isfinite(run.ratio)] < 1) > 0.5) for run in calm
        ],
    }
    lines = [f"- {claim}: in {sum(held)} of {len(held)} runs" for claim, held in claims.items()]
    highest = max(float(np.nanmax(run.ratio)) for run in calm)
    return [*lines, f"- highest ratio at 0.01, where LAMB trains: {highest:.3g} (article: 4.5)"]


HEAD = [
    "network", "optimizer", "lr", "decay", f"loss, first {WINDOW}", "lowest", "last", "seeds",
    "largest layer's ratio, first 10 steps", "ratios below 1", "highest", "most grown layer",
]  # fmt: skip


def main() -> None:
    """Train everything, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--pictures", type=Path, help="folder for the ratios of LAMB as ridges")
    arguments = parser.parse_args()
    size = {"steps": arguments.steps, "batch_size": arguments.batch_size}
    torch.set_num_threads(1)
    networks = ("no batch norm", "batch norm")
    found: dict[str, dict[tuple[str, float, float], list[Run]]] = {each: {} for each in networks}
    lines = [HEAD, ["---"] * len(HEAD)]
    for network, optimizer, lr, decay in product(
        networks, ("Adam", "LAMB"), (0.01, 0.1), (0.0, 0.01)
    ):
        runs = [
            train(network, optimizer, lr, decay, seed=seed, **size)
            for seed in range(arguments.seeds)
        ]
        lines.append(row(runs))
        found[network][optimizer, lr, decay] = runs
        if arguments.pictures is not None and optimizer == "LAMB":
            name = f"{optimizer}-{network}-lr-{lr:g}-decay-{decay:g}.png".replace(" ", "-")
            plot_histograms(runs[0].layers, "applied", stretches=12).savefig(
                arguments.pictures / name
            )
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))
    for network, runs_of in found.items():
        print(f"\nWhat of the article held, {network}:\n" + "\n".join(verdicts(runs_of)))
    print(
        f"\n{arguments.steps} steps, {arguments.seeds} seeds, batches of {arguments.batch_size}; "
        f"losses are means over {WINDOW} steps, median over seeds; torch {torch.__version__}, "
        f"pytorch_optimizer {version('pytorch_optimizer')}."
    )


if __name__ == "__main__":
    main()
