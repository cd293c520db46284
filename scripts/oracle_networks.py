"""Networks of the oracle's tasks for tables and images: linear to deep, plain and normalised.

None of them draws at random in a forward pass, so that many of them can be trained side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

Norm = str | None
"""None, "batch", "layer" or "group"."""


def normalisation(
    kind: Norm, width: int, *, images: bool = False, affine: bool = True
) -> nn.Module:
    """A layer that normalises `width` features or channels."""
    if kind == "batch":
        batch = nn.BatchNorm2d if images else nn.BatchNorm1d
        return batch(width, affine=affine)
    if kind == "layer":
        return nn.LayerNorm(width, elementwise_affine=affine)
    if kind == "group":
        return nn.GroupNorm(4, width, affine=affine)
    return nn.Identity()


def dense(
    *widths: int, norm: Norm = None, activation: type[nn.Module] = nn.ReLU, bias: bool = True
) -> nn.Sequential:
    """A fully connected network.

    Args:
        widths: Of the inputs, the hidden layers and the outputs.
        norm: After every hidden layer.
        activation: After that.
        bias: Without, all parameters are matrices, as Muon needs them.
    """
    layers: list[nn.Module] = [nn.Flatten()]
    for number, (before, after) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(before, after, bias=bias))
        if number < len(widths) - 2:
            layers += [normalisation(norm, after, affine=bias), activation()]
    return nn.Sequential(*layers)


def deep(
    inputs: int, width: int, outputs: int, *, activation: type[nn.Module] = nn.ReLU
) -> nn.Sequential:
    """Eight layers of one width, without normalisation."""
    return dense(inputs, *[width] * 7, outputs, activation=activation)


def deep_linear(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Three layers with nothing between them."""
    return dense(inputs, width, width, outputs, activation=nn.Identity)


def convolutional(
    side: int, outputs: int, *, channels: tuple[int, int] = (8, 16), norm: Norm = None
) -> nn.Sequential:
    """Two convolutions, pooling after the first, and a linear head, for square grey images."""
    first, second = channels
    return nn.Sequential(
        nn.Conv2d(1, first, 3, padding=1),
        normalisation(norm, first, images=True),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(first, second, 3, padding=1),
        normalisation(norm, second, images=True),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * (side // 2) ** 2, outputs),
    )


def deep_convolutional(side: int, outputs: int, *, channels: int = 8) -> nn.Sequential:
    """Seven convolutions of one width, pooling after the first, and a head; no normalisation."""
    layers: list[nn.Module] = [nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    for _ in range(6):
        layers += [nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * (side // 2) ** 2, outputs))


class FilterStack(nn.Module):
    """Three convolutions that keep the size of an image; adds what they find to it."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 1, 3, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images, shape (batch, 1, side, side), of the same shape."""
        return images + self.layers(images)


class Residual(nn.Module):
    """A fully connected residual network, each block with a norm, if any, before its two layers."""

    def __init__(
        self, inputs: int, width: int, outputs: int, *, blocks: int, norm: Norm = None
    ) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Flatten(), nn.Linear(inputs, width))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                normalisation(norm, width),
                nn.Linear(width, width),
                nn.ReLU(),
                nn.Linear(width, width),
            )
            for _ in range(blocks)
        )
        self.head = nn.Sequential(normalisation(norm, width), nn.Linear(width, outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """One row of outputs a sample."""
        hidden = self.first(inputs)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.head(hidden)


class ConvolutionalResidual(nn.Module):
    """A pooled convolution, two residual blocks of convolutions, and the mean over places."""

    def __init__(self, outputs: int, *, channels: int = 8, norm: Norm = None) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.blocks = nn.ModuleList(
            nn.Sequential(
                normalisation(norm, channels, images=True),
                nn.ReLU(),
                nn.Conv2d(channels, channels, 3, padding=1),
            )
            for _ in range(2)
        )
        self.head = nn.Linear(channels, outputs)

    def forward(self, images: Tensor) -> Tensor:
        """One row of outputs an image."""
        hidden = self.first(images)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.head(hidden.mean((-2, -1)))


class Factors(nn.Module):
    """Matrix factorisation: the inner product of two embeddings, and biases if wanted."""

    def __init__(self, people: int, things: int, width: int, *, biases: bool = False) -> None:
        super().__init__()
        self.people, self.things = nn.Embedding(people, width), nn.Embedding(things, width)
        for table in (self.people, self.things):
            nn.init.normal_(table.weight, std=0.3)
        self.biases = nn.Embedding(people + things, 1) if biases else None
        self.first_thing = people

    def forward(self, pairs: Tensor) -> Tensor:
        """One score a pair."""
        people, things = pairs[:, 0], pairs[:, 1]
        scores = (self.people(people) * self.things(things)).sum(1)
        if self.biases is not None:
            scores = scores + (self.biases(people) + self.biases(things + self.first_thing))[:, 0]
        return scores


class NeuralFactors(nn.Module):
    """Two embeddings side by side, read by a fully connected network."""

    def __init__(self, people: int, things: int, width: int) -> None:
        super().__init__()
        self.people, self.things = nn.Embedding(people, width), nn.Embedding(things, width)
        self.read = dense(2 * width, 32, 1)

    def forward(self, pairs: Tensor) -> Tensor:
        """One score a pair."""
        both = torch.cat([self.people(pairs[:, 0]), self.things(pairs[:, 1])], 1)
        return self.read(both)[:, 0]


class TwoViews(nn.Module):
    """One encoder for both views of a sample; its outputs have length one."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, views: Tensor) -> Tensor:
        """Views, shape (batch, 2, ...), to codes, shape (batch, 2, width)."""
        codes = self.encoder(views.flatten(0, 1)).unflatten(0, (-1, 2))
        return nn.functional.normalize(codes, dim=-1)


def two_views(network: Callable[..., nn.Module], *sizes: int, **options: Any) -> TwoViews:
    """One encoder for both views of a sample."""
    return TwoViews(network(*sizes, **options))


class InfoNCE(nn.Module):
    """Which second view belongs to a first one, among those of a batch (van den Oord et al. 2018).

    Args:
        group: Samples to tell apart. More samples than that are split into groups, so that a
            validation loss means what a training loss means.
        temperature: Divides cosines.
    """

    def __init__(self, group: int, temperature: float = 0.2) -> None:
        super().__init__()
        self.group, self.temperature = group, temperature

    def forward(self, codes: Tensor, _: Tensor) -> Tensor:
        """The mean cross-entropy over first views."""
        whole = len(codes) // self.group * self.group
        groups = codes[:whole].unflatten(0, (-1, self.group))
        cosines = groups[:, :, 0] @ groups[:, :, 1].mT / self.temperature
        own = torch.diagonal(cosines, dim1=-2, dim2=-1)
        return (cosines.logsumexp(-1) - own).mean()
