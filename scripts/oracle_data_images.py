"""Images and curves of the oracle's tasks: the bundled digits, and generated ones."""

from __future__ import annotations

import torch
from benchmark_tasks import Data
from oracle_data_tables import generator
from torch import Tensor

from lrfind.demo import digits

SIDE = 12
"""Of generated images, in pixels."""


def digit_images() -> Data:
    """The bundled 8 x 8 digits with their labels."""
    return digits()


def few_digits(size: int, *, turned: bool = False, parity: bool = False) -> Data:
    """Some of the digits.

    Args:
        size: Samples.
        turned: By a quarter.
        parity: Whether a digit is odd, instead of its label.
    """
    images, labels = digits()
    chosen = torch.randperm(len(images), generator=generator())[:size]
    images, labels = images[chosen], labels[chosen]
    return (images.rot90(1, (2, 3)) if turned else images), (labels % 2 if parity else labels)


def digit_pixels() -> Data:
    """The digits as their own targets."""
    pixels = digits()[0].flatten(1)
    return pixels, pixels


def noisy_digits(noise: float) -> Data:
    """Digits with noise in every pixel, and the digits."""
    pixels = digits()[0].flatten(1)
    return pixels + noise * torch.randn(pixels.shape, generator=generator()), pixels


def covered_digits() -> Data:
    """Digits with a square of 4 x 4 pixels set to -1, and the digits."""
    images = digits()[0]
    corners = torch.randint(5, (len(images), 2, 1), generator=generator())
    inside = (torch.arange(8) >= corners) & (torch.arange(8) < corners + 4)
    square = inside[:, 0, :, None] & inside[:, 1, None, :]
    return images.masked_fill(square.unsqueeze(1), -1.0).flatten(1), images.flatten(1)


def stripes(size: int, noise: float) -> Data:
    """Noisy stripes; six directions are the classes."""
    draw = generator()
    labels = torch.randint(6, (size,), generator=draw)
    angles = labels * torch.pi / 6 + 0.1 * torch.randn(size, generator=draw)
    phases = 6.28 * torch.rand(size, generator=draw)
    grid = torch.arange(float(SIDE))
    rows = angles.cos()[:, None, None] * grid[:, None]
    waves = rows + angles.sin()[:, None, None] * grid
    images = torch.sin(1.3 * waves + phases[:, None, None])
    return (images + noise * torch.randn(images.shape, generator=draw)).unsqueeze(1), labels


def _distances(size: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """How far every pixel is from a random centre, down and across."""
    centres = 3 + (SIDE - 7) * torch.rand(size, 2, generator=draw)
    grid = torch.arange(float(SIDE))
    down = (grid - centres[:, :1]).unsqueeze(2).expand(-1, -1, SIDE)
    across = (grid - centres[:, 1:]).unsqueeze(1).expand(-1, SIDE, -1)
    return down, across


def _drawn_shapes(size: int, draw: torch.Generator) -> Data:
    labels = torch.randint(4, (size,), generator=draw)
    down, across = _distances(size, draw)
    square = torch.maximum(down.abs(), across.abs())
    distance = torch.stack(
        [
            (torch.hypot(down, across) - 2.6).abs(),
            (square - 2.3).abs(),
            torch.minimum(down.abs(), across.abs()).maximum(square - 3),
            ((down.abs() - across.abs()).abs() / 1.4).maximum(square - 2.5),
        ],
        1,
    )
    chosen = distance[torch.arange(size), labels]
    return torch.exp(-(chosen**2)).unsqueeze(1), labels


def shapes(size: int, noise: float) -> Data:
    """A ring, a square, a cross or a saltire, somewhere in a noisy image."""
    draw = generator()
    images, labels = _drawn_shapes(size, draw)
    return images + noise * torch.randn(images.shape, generator=draw), labels


def shape_pixels(size: int) -> Data:
    """Shapes as their own targets."""
    pixels = _drawn_shapes(size, generator())[0].flatten(1)
    return pixels, pixels


def noisy_shapes(size: int, noise: float) -> Data:
    """Shapes with noise, and the shapes."""
    draw = generator()
    images = _drawn_shapes(size, draw)[0]
    return images + noise * torch.randn(images.shape, generator=draw), images


def blobs(size: int, noise: float) -> Data:
    """One to five blobs in a noisy image; their number is the class."""
    draw = generator()
    labels = torch.randint(5, (size,), generator=draw)
    images = torch.zeros(size, SIDE, SIDE)
    for number in range(5):
        down, across = _distances(size, draw)
        blob = torch.exp(-(down**2 + across**2) / 1.5)
        images += blob * (number <= labels)[:, None, None]
    return (images + noise * torch.randn(images.shape, generator=draw)).unsqueeze(1), labels


def _drawn_waves(size: int, draw: torch.Generator, length: int = 32) -> Tensor:
    """Sums of three sines of random frequency, phase and height."""
    height, frequency, phase = torch.rand(3, size, 3, 1, generator=draw)
    time = torch.linspace(0, 1, length)
    return ((0.3 + height) * torch.sin(6.28 * (4 * frequency * time + phase))).sum(1) / 1.5


def waves(size: int) -> Data:
    """Curves as their own targets."""
    curves = _drawn_waves(size, generator())
    return curves, curves


def noisy_waves(size: int, noise: float) -> Data:
    """Curves with noise, and the curves."""
    draw = generator()
    curves = _drawn_waves(size, draw)
    return curves + noise * torch.randn(curves.shape, generator=draw), curves


def views(samples: Tensor, noise: float) -> Data:
    """Two noisy views of each sample, shape (samples, 2, ...); the targets mean nothing."""
    both = samples.unsqueeze(1).repeat(1, 2, *[1] * (samples.dim() - 1))
    noises = noise * torch.randn(both.shape, generator=generator())
    return both + noises, torch.zeros(len(samples))


def digit_views(noise: float) -> Data:
    """Two noisy views of each digit."""
    return views(digits()[0].flatten(1), noise)


def shape_views(size: int, noise: float) -> Data:
    """Two noisy views of each shape."""
    return views(_drawn_shapes(size, generator())[0], noise)


def wave_views(size: int, noise: float) -> Data:
    """Two noisy views of each curve."""
    return views(_drawn_waves(size, generator()), noise)
