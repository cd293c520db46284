"""One learning rate for all parameter groups of an optimizer, at their own ratios."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim import Optimizer


class GroupRates:
    """Sets the rates of all parameter groups to a common multiple of their ratios.

    The ratios are those of the rates that the groups have now, relative to the largest. Where all
    of them are 0, as in the first step of a warm-up, a scheduler's `initial_lr` stands in; groups
    with no rate at all count as equal.

    Args:
        optimizer: The optimizer whose `param_groups` hold the rates.

    Attributes:
        scale: Rate of each group as a multiple of the largest; 0 for a group that stands still.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._groups: list[dict[str, Any]] = optimizer.param_groups
        self._before = [float(group["lr"]) for group in self._groups]
        rates = self._before
        if not any(rates):
            rates = [float(group.get("initial_lr", 0.0)) for group in self._groups]
        largest = max(rates)
        self.scale = tuple(rate / largest if largest else 1.0 for rate in rates)

    def set(self, lr: float) -> None:
        """Give each group its multiple of `lr`."""
        for group, scale in zip(self._groups, self.scale, strict=True):
            _set_rate(group, lr * scale)

    def restore(self) -> None:
        """Give each group the rate it had when this object was made."""
        for group, rate in zip(self._groups, self._before, strict=True):
            _set_rate(group, rate)


def _set_rate(group: dict[str, Any], rate: float) -> None:
    if isinstance(group["lr"], torch.Tensor):
        # In place: a compiled optimizer step holds on to this very tensor.
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate
