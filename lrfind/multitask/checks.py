"""What is refused as the names, the weights or a loss of tasks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from lrfind.support.arguments import require_number


def check_task_loss(name: str, loss: object) -> None:
    """Refuse what is no loss of a task.

    Raises:
        TypeError: `loss` is no tensor.
        ValueError: `loss` does not hold one number.
    """
    if not isinstance(loss, torch.Tensor):
        raise TypeError(f"the loss of task {name!r} must be a tensor, got {type(loss).__name__}.")
    if loss.numel() != 1:
        raise ValueError(f"the loss of task {name!r} must be a scalar, got {tuple(loss.shape)}.")


def checked_names(task_names: Sequence[str]) -> tuple[str, ...]:
    """The names of tasks, as a tuple.

    Raises:
        TypeError: They are no list of strings.
        ValueError: There are none, or two are equal.
    """
    if isinstance(task_names, str) or not all(isinstance(name, str) for name in task_names):
        raise TypeError(f"`task_names` must be a list of names, got {task_names!r}.")
    names = tuple(task_names)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"`task_names` must be at least one, and differ, got {names}.")
    return names


def checked_weights(
    weights: Mapping[str, float] | Sequence[float] | None, names: tuple[str, ...]
) -> tuple[float, ...]:
    """The weights of tasks in the order of their names; equal ones that sum to 1 if None.

    Raises:
        TypeError: A weight is no number.
        ValueError: They are not one for each task, not finite, below 0 or all 0.
    """
    if weights is None:
        return (1 / len(names),) * len(names)
    if isinstance(weights, Mapping):
        if set(weights) != set(names):
            raise ValueError(f"`weights` must name {names}, got {tuple(weights)}.")
        weights = [weights[name] for name in names]
    if len(weights) != len(names):
        raise ValueError(f"`weights` must be {len(names)}, one for each task, got {weights!r}.")
    numbers = tuple(require_number("weights", weight) for weight in weights)
    if not all(math.isfinite(number) and number >= 0 for number in numbers) or not any(numbers):
        raise ValueError(f"`weights` must be finite, at least 0 and not all 0, got {weights!r}.")
    return numbers
