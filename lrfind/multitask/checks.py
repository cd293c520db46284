"""Checks of task names, task weights and task losses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from lrfind.support.arguments import require_number


def check_task_loss(name: str, loss: object) -> None:
    """Reject a task loss that is not a scalar tensor.

    Raises:
        TypeError: `loss` is not a tensor.
        ValueError: `loss` does not hold exactly one number.
    """
    if not isinstance(loss, torch.Tensor):
        raise TypeError(f"the loss of task {name!r} must be a tensor, got {type(loss).__name__}.")
    if loss.numel() != 1:
        raise ValueError(f"the loss of task {name!r} must be a scalar, got {tuple(loss.shape)}.")


def checked_names(task_names: Sequence[str]) -> tuple[str, ...]:
    """The task names, as a tuple.

    Raises:
        TypeError: They are not a list of strings.
        ValueError: There are none, or two are equal.
    """
    if isinstance(task_names, str) or not all(isinstance(name, str) for name in task_names):
        raise TypeError(f"`task_names` must be a list of names, got {task_names!r}.")
    names = tuple(task_names)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"`task_names` must hold at least one name, all different, got {names}.")
    return names


def checked_weights(
    weights: Mapping[str, float] | Sequence[float] | None, names: tuple[str, ...]
) -> tuple[float, ...]:
    """The task weights in the order of the names; None gives equal weights that sum to 1.

    Raises:
        TypeError: A weight is not a number.
        ValueError: There is not one for each task, or they are not finite, below 0 or all 0.
    """
    if weights is None:
        return (1 / len(names),) * len(names)
    if isinstance(weights, Mapping):
        if set(weights) != set(names):
            raise ValueError(f"`weights` must name {names}, got {tuple(weights)}.")
        weights = [weights[name] for name in names]
    if len(weights) != len(names):
        raise ValueError(f"`weights` must hold {len(names)}, one per task, got {weights!r}.")
    numbers = tuple(require_number("weights", weight) for weight in weights)
    if not all(math.isfinite(number) and number >= 0 for number in numbers) or not any(numbers):
        raise ValueError(f"`weights` must be finite, at least 0 and not all 0, got {weights!r}.")
    return numbers
