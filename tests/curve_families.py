"""Made-up loss curves of which the minimum is known, with noise of every kind.

Each family is one noise-free curve over the log10 of the learning rate, a kind of noise, and what
is true of it. They are no model of training: they show what the analysis says of a shape.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lrfind.analysis.divergence import DivergenceRule

START, END = -6.0, 1.0
"""Log10 of the first and the last learning rate."""

LEVEL, DEPTH = 2.3, 2.0
"""Initial level, and the fall of a curve of full depth."""

NOISE = (0.003, 0.01, 0.03, 0.1)
"""Standard deviations of the noise, as shares of the curve's fall."""

SEEDS = 50

Curve = Callable[[np.ndarray], np.ndarray]
Noise = Callable[[np.random.Generator, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Family:
    """One shape with one kind of noise.

    Attributes:
        curve: The noise-free loss; takes log10 of the rates, shape `(n,)`.
        has_minimum: Whether its lowest point is a minimum to be found.
        deserves: Whether `clear` is the right verdict.
        mistaken: Share of its sweeps that may be `clear` although they have no minimum.
        noise: Draws noise of standard deviation 1; takes a generator and the noise-free loss.
        fall: What the noise is a share of.
        steps: Number of steps.
        stops: Whether the sweep stops where the loss diverges.
    """

    curve: Curve
    has_minimum: bool = True
    deserves: bool = True
    mistaken: float = 0.02
    noise: Noise = lambda rng, loss: rng.normal(size=loss.size)
    fall: float = DEPTH
    steps: int = 300
    stops: bool = True

    def sweep(self, scale: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Rates and losses with noise of `scale`, shape `(m,)` each."""
        rng = np.random.default_rng([seed, int(1e6 * scale)])
        rates = np.linspace(START, END, self.steps)
        clean = self.curve(rates)
        loss = clean + scale * self.fall * self.noise(rng, clean)
        end = loss.size
        if self.stops:
            rule = DivergenceRule(4.0, self.steps)
            end = next((k + 1 for k, each in enumerate(loss) if rule.diverged(each)), end)
        return 10 ** rates[:end], loss[:end]

    @property
    def truth(self) -> float:
        """Log10 of the rate at the lowest point of the noise-free curve."""
        rates = np.linspace(START, END, 300)
        return float(rates[np.argmin(self.curve(rates))])


def fall(u: np.ndarray, at: float, steepness: float, depth: float = DEPTH) -> np.ndarray:
    """From 0 to `-depth`, half-way at `at`; 90 % of it within `6 / steepness` decades."""
    return -depth / (1 + np.exp(-(u - at) * steepness))


def wall(u: np.ndarray, at: float, steepness: float) -> np.ndarray:
    """From 0 to 55, 1 at `at`: where the loss diverges."""
    return np.exp(np.minimum((u - at) * steepness, 4))


def valley(u: np.ndarray) -> np.ndarray:
    """What most sweeps look like."""
    return LEVEL + fall(u, -2.2, 3) + wall(u, 0.0, 5)


def dip(u: np.ndarray, at: float, depth: float, width: float = 0.5) -> np.ndarray:
    """A well of its own, a Gaussian."""
    return -depth * np.exp(-(((u - at) / width) ** 2) / 2)


def vee(u: np.ndarray) -> np.ndarray:
    return LEVEL - DEPTH + np.minimum(0.9 * np.abs(u + 1.4), DEPTH)


def parabola(u: np.ndarray) -> np.ndarray:
    return LEVEL - DEPTH + np.minimum(0.5 * (u + 1.4) ** 2, DEPTH)


def flat_well(left: float, right: float) -> Curve:
    return lambda u: LEVEL + fall(u, left, 12) + wall(u, right, 12)


def noisy_quadratic(u: np.ndarray) -> np.ndarray:
    """Expected loss of SGD with a growing rate on 20 modes with gradient noise, exact."""
    curvature = np.arange(1, 21.0) ** -1.2 * 8
    squared, losses = np.ones(20), []
    for rate in 10**u:
        losses.append(LEVEL * float(curvature @ squared) / curvature.sum())
        step = rate * curvature
        squared = np.minimum((1 - step) ** 2 * squared + (0.3 * step) ** 2, 1e6)
    return np.minimum(np.array(losses), 100 * LEVEL)


def autoregressive(correlation: float) -> Noise:
    def draw(rng: np.random.Generator, loss: np.ndarray) -> np.ndarray:
        noise = rng.normal(size=loss.size)
        for k in range(1, loss.size):
            noise[k] = correlation * noise[k - 1] + np.sqrt(1 - correlation**2) * noise[k]
        return noise

    return draw


def spikes(rng: np.random.Generator, loss: np.ndarray) -> np.ndarray:
    return rng.normal(size=loss.size) + 30 * (rng.random(loss.size) < 0.03)


def heavy_tails(rng: np.random.Generator, loss: np.ndarray) -> np.ndarray:
    return rng.standard_t(2, size=loss.size)


def growing(rng: np.random.Generator, loss: np.ndarray) -> np.ndarray:
    return rng.normal(size=loss.size) * np.linspace(0.3, 3, loss.size)


def with_the_loss(rng: np.random.Generator, loss: np.ndarray) -> np.ndarray:
    return rng.normal(size=loss.size) * np.clip(loss / LEVEL, 0, 3)


def walk(rng: np.random.Generator, loss: np.ndarray) -> np.ndarray:
    return np.cumsum(rng.normal(size=loss.size)) / np.sqrt(loss.size)


def constant(u: np.ndarray) -> np.ndarray:
    return np.full(u.size, LEVEL)


def two_wells(left: float, right: float) -> Curve:
    return lambda u: LEVEL + dip(u, -3.4, left) + dip(u, -0.9, right) + wall(u, 0.2, 6)


def slope_and_wall(u: np.ndarray) -> np.ndarray:
    """A fall over four decades, and a wall."""
    return LEVEL - DEPTH * np.clip((u + 5) / 4, 0, 1) + wall(u, -0.5, 8)


def logarithmic(u: np.ndarray) -> np.ndarray:
    """A fall like that of the log of the steps times the rate, and a wall."""
    return LEVEL - DEPTH * np.log1p(10 ** (u + 3)) / np.log1p(1e3) + wall(u, 0, 6)


def hump(u: np.ndarray, at: float, height: float, width: float) -> np.ndarray:
    """A rise of its own, a Gaussian."""
    return -dip(u, at, height, width)


def without_minimum(curve: Curve, **about: Any) -> Family:
    return Family(curve, has_minimum=False, deserves=False, **about)


def unclear(curve: Curve, **about: Any) -> Family:
    return Family(curve, deserves=False, **about)


FAMILIES = {
    "valley": Family(valley),
    "V": Family(vee),
    "V over the whole range": Family(lambda u: 1 + 0.4 * np.abs(u + 2)),
    "parabola": Family(parabola),
    "steep wall": Family(lambda u: LEVEL + fall(u, -2.2, 3) + wall(u, -0.3, 15)),
    "slope and wall": Family(slope_and_wall),
    "logarithmic": Family(logarithmic),
    "cliff": unclear(lambda u: LEVEL + fall(u, -1.6, 1.5) + 60 * np.maximum(u + 0.2, 0)),
    "slow rise": Family(lambda u: LEVEL + fall(u, -3, 4) + 0.5 * np.maximum(u + 2, 0)),
    "narrow well": Family(lambda u: LEVEL + dip(u, -1.5, DEPTH, 0.25)),
    "wide well": Family(lambda u: LEVEL + dip(u, -2, DEPTH, 0.9)),
    "late descent": Family(lambda u: LEVEL + fall(u, -0.4, 10) + wall(u, 0.6, 14)),
    "early descent": Family(lambda u: LEVEL + fall(u, -5.2, 4) + wall(u, -3.5, 5)),
    "shallow": Family(lambda u: LEVEL + 0.05 * (valley(u) - LEVEL), fall=0.1),
    "two falls": unclear(lambda u: LEVEL + fall(u, -4, 6, 1) + fall(u, -1, 6, 1) + wall(u, 0, 10)),
    "right well deeper": Family(two_wells(1.0, DEPTH)),
    "right well slightly deeper": unclear(two_wells(1.95, DEPTH)),
    "left well deeper": unclear(two_wells(DEPTH, 1.6)),
    "left well slightly deeper": unclear(two_wells(DEPTH, 1.95)),
    "wells alike": without_minimum(two_wells(DEPTH, DEPTH)),
    "catapult": Family(lambda u: valley(u) + hump(u, -3, 1.5, 0.3), stops=False),
    "hump before": unclear(
        lambda u: 1 + hump(u, -3.5, 2, 0.6) + dip(u, -1.2, 0.6) + wall(u, 0.2, 6),
        fall=0.6, stops=False,
    ),
    "staircase": Family(
        lambda u: LEVEL + sum(fall(u, at, 25, DEPTH / 3) for at in (-3, -2, -1)) + wall(u, 0, 10)
    ),
    "oscillating": Family(lambda u: valley(u) + 0.3 * np.sin(20 * u) * (u > -1.5)),
    "spikes": Family(valley, noise=spikes),
    "heavy tails": Family(valley, noise=heavy_tails),
    "AR 0.3": Family(valley, noise=autoregressive(0.3)),
    "AR 0.6": Family(valley, noise=autoregressive(0.6)),
    "AR 0.9": unclear(valley, noise=autoregressive(0.9)),
    "AR 0.97": unclear(valley, noise=autoregressive(0.97)),
    "noise grows": Family(valley, noise=growing),
    "noise with the loss": Family(valley, noise=with_the_loss),
    "noisy quadratic": Family(noisy_quadratic),
    "huge": Family(lambda u: 1e12 * valley(u), fall=1e12 * DEPTH),
    "tiny": Family(lambda u: 1e-12 * valley(u), fall=1e-12 * DEPTH),
    "negative": Family(lambda u: valley(u) - 40),
    "100 steps": Family(valley, steps=100),
    "50 steps": unclear(valley, steps=50),
    "20 steps": unclear(valley, steps=20),
    "10 steps": unclear(valley, steps=10),
    "flat well, 1.7 decades": without_minimum(flat_well(-3.1, -1.1)),
    "flat well, 2 decades": without_minimum(flat_well(-3.2, -0.9)),
    "flat well, 3 decades": without_minimum(flat_well(-3.5, 0)),
    "rising": without_minimum(lambda u: LEVEL * (1 + 0.05 * (u - START)), fall=LEVEL),
    "rising fast": without_minimum(lambda u: LEVEL - DEPTH + 0.5 * (u - START)),
    "minimum at the start": without_minimum(lambda u: LEVEL - DEPTH + wall(u, -3, 2)),
    "plateau and cliff": without_minimum(lambda u: LEVEL + wall(u, 0, 8)),
    "still falling": without_minimum(lambda u: LEVEL + fall(u, 0.6, 2)),
    "drift": without_minimum(lambda u: LEVEL - DEPTH * (u - START) / 8),
    "drift that settles": without_minimum(
        lambda u: LEVEL - DEPTH * (1 - np.exp(-(u - START) / 1.5))
    ),
    "drift and cliff": unclear(lambda u: LEVEL - DEPTH * (u - START) / 8 + wall(u, 0, 8)),
    "white noise": without_minimum(constant),
    # It is as smooth as a descent: about one in twenty passes for one.
    "random walk": without_minimum(constant, noise=walk, mistaken=0.1),
    "sorted data": without_minimum(
        lambda u: LEVEL + 0.3 * np.sin(2 * np.pi * (u - START) / 1.7)
    ),
}  # fmt: skip
