"""Training tasks on bundled or generated data, to judge suggested learning rates by.

Each task builds a model, its optimizer and its data from a seed: initial weights, order of batches
and dropout masks follow from it, the data do not. None of them downloads anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise

import torch
from pytorch_optimizer import Lamb
from torch import nn
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from torch.utils.data import DataLoader, TensorDataset

from lrfind import Problem
from lrfind.demo import digits

Data = tuple[torch.Tensor, torch.Tensor]
BuildOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]


@dataclass(frozen=True)
class Task:
    """One training task.

    Attributes:
        data: Makes all samples, inputs and targets, training and validation.
        network: Makes the model.
        optimizer: Makes the optimizer at its documented default rate.
        loss_fn: The loss.
        batch_size: Samples per mini-batch.
    """

    data: Callable[[], Data]
    network: Callable[[], nn.Module]
    optimizer: BuildOptimizer
    loss_fn: nn.Module
    batch_size: int = 32

    def build(self, seed: int) -> Problem:
        """The problem, with weights and batches from that seed."""
        torch.manual_seed(seed)
        (inputs, targets), _ = self.split()
        model = self.network()
        generator = torch.Generator().manual_seed(seed)
        loader = DataLoader(
            TensorDataset(inputs, targets),
            self.batch_size,
            shuffle=True,
            drop_last=True,
            generator=generator,
        )
        return Problem(model, self.optimizer(model.parameters()), self.loss_fn, loader)

    def split(self) -> tuple[Data, Data]:
        """Three quarters of the samples for training, the rest for validation."""
        inputs, targets = _made(self.data)
        order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
        cut = len(order) * 3 // 4
        train, rest = order[:cut], order[cut:]
        return (inputs[train], targets[train]), (inputs[rest], targets[rest])


@cache
def _made(data: Callable[[], Data]) -> Data:
    return data()


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(20)


def digit_images() -> Data:
    """The bundled digits as images."""
    return digits()


def digit_pixels() -> Data:
    """The bundled digits as their own targets."""
    images = digits()[0].flatten(1)
    return images, images


def noisy_table() -> Data:
    """Two classes in 20 features, one label in five wrong."""
    generator = _generator()
    inputs = torch.randn(2000, 20, generator=generator)
    hidden = torch.tanh(inputs @ torch.randn(20, 8, generator=generator) / 2)
    classes = (hidden @ torch.randn(8, generator=generator) > 0).long()
    wrong = torch.rand(2000, generator=generator) < 0.2
    return inputs, torch.where(wrong, 1 - classes, classes)


def friedman() -> Data:
    """Friedman's first regression function (1991) with noise, standardised."""
    generator = _generator()
    x = torch.rand(1500, 10, generator=generator)
    y = 10 * torch.sin(torch.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2
    y = y + 10 * x[:, 3] + 5 * x[:, 4] + torch.randn(1500, generator=generator)
    return x, ((y - y.mean()) / y.std()).unsqueeze(1)


def diabetes() -> Data:
    """442 patients, 10 measurements, progression after a year (bundled with scikit-learn)."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    inputs, targets = torch.tensor(x).float(), torch.tensor(y).float()
    standard = (targets - targets.mean()) / targets.std()
    return inputs / inputs.std(0), standard.unsqueeze(1)


def markov_text() -> Data:
    """Sequences of 12 symbols from 12, each drawn by the two before it; the next is the target."""
    generator = _generator()
    logits = 2.5 * torch.randn(12, 12, 12, generator=generator)
    text = torch.randint(12, (2000, 2), generator=generator)
    for _ in range(11):
        chances = logits[text[:, -2], text[:, -1]].softmax(-1)
        text = torch.cat([text, torch.multinomial(chances, 1, generator=generator)], 1)
    return text[:, :-1], text[:, 1:]


def marked_sums() -> Data:
    """The adding problem (Hochreiter & Schmidhuber 1997): sum of the two marked of 12 numbers."""
    generator = _generator()
    values = torch.rand(2000, 12, generator=generator)
    marks = torch.zeros(2000, 12)
    chosen = torch.rand(2000, 12, generator=generator).topk(2).indices
    marks.scatter_(1, chosen, 1.0)
    sums = (values * marks).sum(1, keepdim=True)
    return torch.stack([values, marks], 2), (sums - 1) * 2.4


def textures() -> Data:
    """Noisy stripes, 12 x 12: eight directions are the classes."""
    generator = _generator()
    labels = torch.randint(8, (1600,), generator=generator)
    angles = labels * torch.pi / 8 + 0.1 * torch.randn(1600, generator=generator)
    phases = 6.28 * torch.rand(1600, generator=generator)
    grid = torch.arange(12.0)
    rows = torch.cos(angles)[:, None, None] * grid[:, None]
    waves = rows + torch.sin(angles)[:, None, None] * grid[None, :]
    images = torch.sin(1.2 * waves + phases[:, None, None])
    return (images + torch.randn(1600, 12, 12, generator=generator)).unsqueeze(1), labels


def ratings() -> Data:
    """Ratings of 60 things by 80 people, a sum of four hidden tastes and noise."""
    generator = _generator()
    people, things = (torch.randn(n, 4, generator=generator) for n in (80, 60))
    pairs = torch.cartesian_prod(torch.arange(80), torch.arange(60))
    scores = (people[pairs[:, 0]] * things[pairs[:, 1]]).sum(1) / 2
    return pairs, scores + 0.3 * torch.randn(len(pairs), generator=generator)


def dense(*widths: int, dropout: float = 0.0, norm: bool = False) -> nn.Module:
    """A fully connected network with ReLU between the layers."""
    layers: list[nn.Module] = [nn.Flatten()]
    for number, (before, after) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(before, after))
        if number < len(widths) - 2:
            layers += [nn.BatchNorm1d(after)] * norm + [nn.ReLU()]
            layers += [nn.Dropout(dropout)] * (dropout > 0)
    return nn.Sequential(*layers)


def convolutional(size: int, classes: int, *, norm: bool) -> nn.Module:
    """Two convolutions with pooling and a linear head, for images of `size` pixels a side."""
    layers: list[nn.Module] = [nn.Conv2d(1, 12, 3, padding=1)]
    layers += [nn.BatchNorm2d(12)] * norm + [nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(12, 24, 3, padding=1)]
    layers += [nn.BatchNorm2d(24)] * norm + [nn.ReLU(), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(24 * (size // 2) ** 2, classes))


class Transformer(nn.Module):
    """A small causal transformer over 12 symbols; gives logits in the shape of cross-entropy."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.symbols = nn.Embedding(12, width)
        self.places = nn.Parameter(0.02 * torch.randn(12, width))
        layer = nn.TransformerEncoderLayer(
            width, 4, 64, dropout=0.1, batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(width, 12)

    def forward(self, text: torch.Tensor) -> torch.Tensor:
        """Logits, shape (batch, 12, length)."""
        mask = nn.Transformer.generate_square_subsequent_mask(text.shape[1])
        hidden = self.layers(self.symbols(text) + self.places, mask=mask, is_causal=True)
        return self.head(hidden).transpose(1, 2)


class Recurrent(nn.Module):
    """A GRU whose last state is read out."""

    def __init__(self, width: int = 24) -> None:
        super().__init__()
        self.recurrent = nn.GRU(2, width, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        """One number a sequence."""
        return self.head(self.recurrent(sequence)[0][:, -1])


class Factors(nn.Module):
    """Matrix factorisation: the inner product of two embeddings."""

    def __init__(self, width: int = 6) -> None:
        super().__init__()
        self.people, self.things = nn.Embedding(80, width), nn.Embedding(60, width)
        for table in (self.people, self.things):
            nn.init.normal_(table.weight, std=0.3)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """One rating a pair."""
        return (self.people(pairs[:, 0]) * self.things(pairs[:, 1])).sum(1)


CLASSES, SQUARES = nn.CrossEntropyLoss(), nn.MSELoss()
momentum = partial(SGD, momentum=0.9)
nesterov = partial(SGD, momentum=0.9, nesterov=True, weight_decay=5e-4)

TASKS: dict[str, Task] = {
    "digits mlp, momentum": Task(
        digit_images, partial(dense, 64, 64, 32, 10, dropout=0.2), momentum, CLASSES
    ),
    "digits cnn, Adam": Task(
        digit_images, partial(convolutional, 8, 10, norm=False), Adam, CLASSES
    ),
    "digits softmax, SGD": Task(digit_images, partial(dense, 64, 10), SGD, CLASSES),
    "digits autoencoder, AdamW": Task(
        digit_pixels, partial(dense, 64, 32, 8, 32, 64), AdamW, SQUARES
    ),
    "digits mlp, LAMB": Task(
        digit_images, partial(dense, 64, 64, 32, 10, norm=True), Lamb, CLASSES, 64
    ),
    "noisy table mlp, SGD": Task(noisy_table, partial(dense, 20, 64, 32, 2), SGD, CLASSES, 16),
    "friedman mlp, Nesterov": Task(friedman, partial(dense, 10, 64, 32, 1), nesterov, SQUARES),
    "diabetes mlp, Adam": Task(diabetes, partial(dense, 10, 32, 16, 1), Adam, SQUARES, 16),
    "text transformer, AdamW": Task(markov_text, Transformer, AdamW, CLASSES),
    "adding gru, RMSprop": Task(marked_sums, Recurrent, RMSprop, SQUARES, 64),
    "textures cnn, Nesterov": Task(
        textures, partial(convolutional, 12, 8, norm=True), nesterov, CLASSES
    ),
    "ratings factors, Adagrad": Task(ratings, Factors, Adagrad, SQUARES, 64),
}
