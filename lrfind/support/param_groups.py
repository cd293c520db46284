"""Parameter groups of any optimizer, without importing torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol


class HasParamGroups(Protocol):
    """Any optimizer: something with parameter groups."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups, each a dictionary of settings."""


def set_group_rates(
    optimizer: HasParamGroups | Sequence[HasParamGroups], rates: Sequence[float]
) -> None:
    """Set the learning rate of every parameter group.

    Args:
        optimizer: One optimizer or several.
        rates: One learning rate for each group, in order. A rate held as a tensor is filled in
            place, as a compiled step holds on to that tensor.

    Raises:
        ValueError: The number of groups is another; nothing is changed.
    """
    optimizers = optimizer if isinstance(optimizer, Sequence) else [optimizer]
    groups = [group for each in optimizers for group in each.param_groups]
    if len(groups) != len(rates):
        raise ValueError(
            f"`optimizer` has {len(groups)} parameter groups, but there are {len(rates)} learning "
            "rates: pass the optimizer of the range test, or all of them in the same order."
        )
    for group, rate in zip(groups, rates, strict=True):
        if hasattr(group["lr"], "fill_"):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate
