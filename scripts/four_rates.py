"""What the examples on real models share: trainings at four rates, their table and their picture.

The rates are the suggested one, a tenth and three times of it, and the usual default. All trainings
start from the same weights and see the same batches.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.sweep_analysis import Answer
from lrfind.support.text import rate

SUGGESTED, DEFAULT = "suggested", "usual default"


class Point(NamedTuple):
    """How good a model is at a step of its training."""

    step: int
    """Optimizer steps before it."""
    loss: float
    """Mean held-out loss."""
    accuracy: float
    """Share of the held-out samples that it tells right, in [0, 1]."""


class Training(NamedTuple):
    """One training and how it went."""

    name: str
    lr: float
    curve: list[Point]
    """From before the first step to after the last."""


def options(description: str | None) -> argparse.ArgumentParser:
    """The options that each example has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, default=0, help="of weights and batches (default 0)")
    parser.add_argument("--out", type=Path, default=Path("lrfind-out"), help="folder of the files")
    return parser


def four_rates(suggested: float, default: float) -> dict[str, float]:
    """The rates to train at, by name."""
    return {
        "a tenth": suggested / 10,
        SUGGESTED: suggested,
        "three times": 3 * suggested,
        DEFAULT: default,
    }


def train_at_four(
    suggested: float, default: float, train: Callable[[float], list[Point]]
) -> list[Training]:
    """Train at the four rates.

    Args:
        suggested: The suggested rate.
        default: The rate of somebody who asks no range test.
        train: Trains from the same start at a given rate, and gives the curve.
    """
    rates = four_rates(suggested, default).items()
    return [Training(name, lr, train(lr)) for name, lr in rates]


def table(trainings: list[Training]) -> str:
    """Rate, last held-out loss and accuracy of every training."""
    lines = [f"{'':15}{'rate':>10}{'held-out loss':>16}{'accuracy':>11}"]
    for name, lr, curve in trainings:
        lines.append(f"{name:15}{rate(lr):>10}{curve[-1].loss:>16.3f}{curve[-1].accuracy:>11.1%}")
    return "\n".join(lines)


def conclusion(trainings: list[Training]) -> str:
    """How far the suggestion was right, by the last held-out loss."""
    losses = {name: curve[-1].loss for name, _, curve in trainings}
    best, own = min(losses, key=losses.__getitem__), losses[SUGGESTED]
    gain = losses[DEFAULT] - own
    place = (
        "It is the best of the four."
        if best == SUGGESTED
        else f"The best of the four is `{best}`, {own - losses[best]:.3f} lower."
    )
    return (
        f"The suggested rate ends {abs(gain):.3f} {'below' if gain > 0 else 'above'} the usual "
        f"default in held-out loss.\n{place}"
    )


def draw(trainings: list[Training], path: Path) -> None:
    """Save the picture of all curves: held-out loss on the left, accuracy on the right."""
    import matplotlib.pyplot as plt

    from lrfind.support.axes import BLACK, BLUE, GREEN, RED

    figure, axes = plt.subplots(1, 2, figsize=(8, 3.3), layout="constrained")
    for (name, lr, curve), color, line in zip(
        trainings, (BLUE, GREEN, RED, BLACK), ("--", "-", "-.", ":"), strict=True
    ):
        steps, losses, accuracies = zip(*curve, strict=True)
        for ax, values in zip(axes, (losses, accuracies), strict=True):
            ax.plot(steps, values, line, color=color, marker=".", label=f"{name}: {rate(lr)}")
    losses = [point.loss for training in trainings for point in training.curve]
    spread = max(losses) > 10 * min(losses)
    axes[0].set(xlabel="step", ylabel="held-out loss")
    axes[0].set(**({"yscale": "log"} if spread else {"ylim": (0, 1.25 * losses[0])}))
    axes[1].set(xlabel="step", ylabel="held-out accuracy")
    axes[1].legend(fontsize="small")
    figure.savefig(path, dpi=90)
    plt.close(figure)


def tell(
    result: RangeTestResult,
    answer: Answer,
    default: float,
    train: Callable[[float], list[Point]],
    path: Path,
) -> None:
    """Print the range test; train at the four rates, print how they end, and save the picture.

    Args:
        result: The range test.
        answer: What it suggests for the training to come; without a rate, nothing is trained.
        default: See `train_at_four`.
        train: See `train_at_four`.
        path: The file of the picture.
    """
    print(result.summary(suggestion=answer), flush=True)
    if not answer:
        return
    trainings = train_at_four(answer.lr, default, train)
    print("", table(trainings), "", conclusion(trainings), sep="\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(trainings, path)
