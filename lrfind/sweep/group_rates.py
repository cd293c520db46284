"""One learning rate for all parameter groups, which keep their ratios."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.optim import Optimizer


class GroupRates:
    """Scales the learning rates of all parameter groups together, keeping their ratios.

    The ratios are those of the current learning rates to the largest of them. If all are 0, as in
    the first step of a warm-up, the `initial_lr` that an LR scheduler stores is used instead; if
    those are 0 or missing too, all groups get the same learning rate.

    Args:
        optimizers: The optimizers whose `param_groups` hold the learning rates.

    Attributes:
        scale: Learning rate of each group as a multiple of the largest; 0 for a group that is not
            trained.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        self._optimizers = optimizers
        self._before = [
            rate.clone() if isinstance(rate := group["lr"], torch.Tensor) else rate
            for group in self._groups()
        ]
        rates = check_rates(optimizers)
        if not any(rates):
            rates = [float(group.get("initial_lr", 0.0)) for group in self._groups()]
        largest = max(rates)
        self.scale = tuple(rate / largest if largest else 1.0 for rate in rates)

    def set(self, lr: float) -> None:
        """Set each group to its multiple of `lr`; a tensor `lr` rounds it to its own dtype."""
        groups = self._groups()
        if len(groups) != len(self.scale):
            raise RuntimeError(
                f"`optimizer` had {len(self.scale)} parameter groups when the sweep began and now "
                f"has {len(groups)}: add parameter groups before the sweep."
            )
        for group, scale in zip(groups, self.scale):  # noqa: B905 - checked above
            if type(group["lr"]) is float:
                group["lr"] = lr * scale
            else:
                _set_rate(group, lr * scale)

    def restore(self) -> None:
        """Restore the learning rate that each group had when this object was made."""
        for group, rate in zip(self._groups(), self._before, strict=False):
            _set_rate(group, rate)

    def _groups(self) -> list[dict[str, Any]]:
        # Looked up every time: `load_state_dict` replaces the groups.
        if len(self._optimizers) == 1:
            return self._optimizers[0].param_groups
        return [group for optimizer in self._optimizers for group in optimizer.param_groups]


def check_rates(optimizers: Sequence[Optimizer]) -> list[float]:
    """The learning rates of all parameter groups.

    Raises:
        ValueError: One of them is missing, negative or not finite.
    """
    rates = []
    for optimizer in optimizers:
        for number, group in enumerate(optimizer.param_groups):
            rate = group.get("lr")
            if rate is None or not (math.isfinite(rate) and rate >= 0):
                raise ValueError(f"`optimizer` has lr={rate!r} in its parameter group {number}.")
            rates.append(float(rate))
    return rates


def as_optimizers(optimizer: Optimizer | Sequence[Optimizer]) -> tuple[Optimizer, ...]:
    """One optimizer or several, as a tuple.

    Raises:
        TypeError: Something else.
    """
    optimizers = tuple(optimizer) if isinstance(optimizer, list | tuple) else (optimizer,)
    for each in optimizers:
        if not hasattr(each, "param_groups"):
            raise TypeError(f"`optimizer` must be a torch optimizer, got {type(each).__name__}.")
    if not optimizers:
        raise ValueError("`optimizer` is an empty list.")
    return optimizers


def _set_rate(group: dict[str, Any], rate: float | torch.Tensor) -> None:
    if isinstance(group["lr"], torch.Tensor):
        # In place: a compiled optimizer step keeps a reference to this tensor.
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate
