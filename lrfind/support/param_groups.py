"""Parameter groups of any optimizer, without importing torch."""

from __future__ import annotations

from typing import Any, Protocol

Group = dict[str, Any]
"""A parameter group: its settings by name."""


class HasParamGroups(Protocol):
    """Any optimizer: something with parameter groups."""

    @property
    def param_groups(self) -> list[Group]:
        """The groups, each a dictionary of settings."""


def put(group: Group, name: str, rate: Any) -> None:
    """Set a learning rate of a group.

    One held as a tensor is filled in place, as a compiled step holds on to that tensor.
    """
    if hasattr(group.get(name), "fill_"):
        group[name].fill_(rate)
    else:
        group[name] = rate


def without_lr_scale(group: Group, rate: float) -> float:
    """The rate that timm multiplies by the `lr_scale` of a group to set this one."""
    return rate / float(group.get("lr_scale", 1.0) or 1.0)
