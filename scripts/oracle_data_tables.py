"""Tables of the oracle's tasks: bundled with scikit-learn, or generated from a fixed seed."""

from __future__ import annotations

import math

import torch
from benchmark_tasks import Data
from torch import Tensor


def generator() -> torch.Generator:
    """The generator of every data set; data do not depend on the seed of a training."""
    return torch.Generator().manual_seed(21)


def standard(values: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1 in every column."""
    return (values - values.mean(0)) / values.std(0)


def iris() -> Data:
    """150 flowers, four measurements, three species (bundled with scikit-learn)."""
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    return standard(torch.tensor(x).float()), torch.tensor(y).long()


def petals() -> Data:
    """The width of a petal from the flower's other three measurements (bundled as `iris`)."""
    x, _ = iris()
    return x[:, :3], x[:, 3:]


def friedman(number: int, size: int, noise: float, *, shift: float = 0.0) -> Data:
    """Friedman's regression functions 1 to 3 (1991), standardised.

    Args:
        number: 1, 2 or 3.
        size: Samples.
        noise: Standard deviation, where that of the function is 1.
        shift: Added to the sine's argument of the first: a related function.
    """
    draw = generator()
    x = torch.rand(size, 10 if number == 1 else 4, generator=draw)
    if number == 1:
        y = 10 * torch.sin(torch.pi * x[:, 0] * x[:, 1] + shift) + 20 * (x[:, 2] - 0.5) ** 2
        y = y + 10 * x[:, 3] + 5 * x[:, 4]
    else:
        a, b, c, d = 100 * x[:, 0], torch.pi * (40 + 520 * x[:, 1]), x[:, 2], 1 + 10 * x[:, 3]
        inner = b * c - 1 / (b * d)
        y = torch.hypot(a, inner) if number == 2 else torch.atan(inner / (a + 1e-3))
    y = standard(y) + noise * torch.randn(size, generator=draw)
    return standard(x), y.unsqueeze(1)


def polynomial(size: int, noise: float) -> Data:
    """A random cubic of eight variables."""
    draw = generator()
    x = torch.randn(size, 8, generator=draw)
    linear, square, cubic = (torch.randn(8, 6, generator=draw) / 3 for _ in range(3))
    y = (x @ linear).sum(1) + (x @ square).square().sum(1) + (x @ cubic).pow(3).sum(1) / 3
    return x, (standard(y) + noise * torch.randn(size, generator=draw)).unsqueeze(1)


def classes(
    size: int, features: int, count: int, *, wrong: float = 0.0, first: float = 0.0
) -> Data:
    """Classes by the largest output of a random network with one hidden layer.

    Args:
        size: Samples.
        features: Inputs.
        count: Classes.
        wrong: Share of labels drawn anew.
        first: Added to the first output: how much more frequent its class is.
    """
    draw = generator()
    x = torch.randn(size, features, generator=draw)
    hidden = torch.tanh(2 * x @ torch.randn(features, 12, generator=draw) / math.sqrt(features))
    scores = hidden @ torch.randn(12, count, generator=draw)
    scores[:, 0] += first
    labels, drawn = scores.argmax(1), torch.randint(count, (size,), generator=draw)
    return x, torch.where(torch.rand(size, generator=draw) < wrong, drawn, labels)


def sparse(size: int, features: int, share: float) -> Data:
    """Two classes, a logistic function of features of which few are not 0, the first more often."""
    draw = generator()
    often = share * 2 * torch.linspace(1, 0.02, features)
    x = (torch.rand(size, features, generator=draw) < often).float()
    scores = 2 * x @ torch.randn(features, generator=draw)
    return x, (torch.rand(size, generator=draw) < torch.sigmoid(scores)).long()


def spirals(size: int, noise: float) -> Data:
    """Two spirals around each other."""
    draw = generator()
    labels = torch.randint(2, (size,), generator=draw)
    way = 0.3 + 2.7 * torch.rand(size, generator=draw).sqrt()
    angle = 2.5 * way + labels * torch.pi
    x = torch.stack([way * angle.cos(), way * angle.sin()], 1) / 2
    return x + noise * torch.randn(size, 2, generator=draw), labels


def ratings(people: int, things: int, share: float, noise: float) -> Data:
    """A share of all ratings, a sum of four hidden tastes, two means and noise."""
    draw = generator()
    tastes, traits = (torch.randn(n, 4, generator=draw) for n in (people, things))
    kind, good = (0.4 * torch.randn(n, generator=draw) for n in (people, things))
    pairs = torch.cartesian_prod(torch.arange(people), torch.arange(things))
    pairs = pairs[torch.rand(len(pairs), generator=draw) < share]
    scores = (tastes[pairs[:, 0]] * traits[pairs[:, 1]]).sum(1) / 2 + kind[pairs[:, 0]]
    return pairs, scores + good[pairs[:, 1]] + noise * torch.randn(len(pairs), generator=draw)


def clicks(people: int, things: int, share: float) -> Data:
    """Whether people click on things, drawn with a chance that is logistic in their rating."""
    pairs, scores = ratings(people, things, share, 0.0)
    drawn = torch.rand(len(pairs), generator=generator())
    return pairs, (drawn < torch.sigmoid(4 * scores)).float()


def quadratic(
    size: int, features: int, condition: float, noise: float, *, power_law: bool = False
) -> Data:
    """Linear regression whose Hessian has a known spectrum.

    Rows are x = diag(sqrt(h)) z with z standard normal, so that the Hessian of half the squared
    error has the eigenvalues h in expectation. All directions add as much to the initial loss.

    Args:
        size: Samples.
        features: Eigenvalues.
        condition: The largest eigenvalue, 1, over the smallest.
        noise: Standard deviation, where that of the noiseless target is 1.
        power_law: Eigenvalues fall as a power of their number, and not evenly in the logarithm.
    """
    draw = generator()
    if power_law:
        exponent = math.log(condition) / math.log(features)
        spectrum = torch.arange(1.0, features + 1) ** -exponent
    else:
        spectrum = torch.logspace(0, -math.log10(condition), features)
    x = torch.randn(size, features, generator=draw) * spectrum.sqrt()
    signs = torch.randn(features, generator=draw).sign()
    y = x @ (signs / (features * spectrum).sqrt())
    return x, (y + noise * torch.randn(size, generator=draw)).unsqueeze(1)


def teacher(size: int, features: int, hidden: int, noise: float) -> Data:
    """The output of a random network with one hidden layer of ReLU, standardised."""
    draw = generator()
    x = torch.randn(size, features, generator=draw)
    inner = torch.relu(x @ torch.randn(features, hidden, generator=draw) / math.sqrt(features))
    y = standard(inner @ torch.randn(hidden, generator=draw))
    return x, (y + noise * torch.randn(size, generator=draw)).unsqueeze(1)


def linear_teacher(size: int, inputs: int, outputs: int, rank: int, noise: float) -> Data:
    """A linear map of low rank with singular values 1, 1/2, 1/3 and so on."""
    draw = generator()
    x = torch.randn(size, inputs, generator=draw)
    left, right = (torch.linalg.qr(torch.randn(n, rank, generator=draw))[0]
                   for n in (inputs, outputs))  # fmt: skip
    y = x @ (left / torch.arange(1.0, rank + 1)) @ right.T * math.sqrt(outputs / rank)
    return x, y + noise * torch.randn(size, outputs, generator=draw)
