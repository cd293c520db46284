"""Enums that may be compared with plain names."""

from __future__ import annotations

import enum


class NamedEnum(enum.Enum):
    """An enum whose members equal their names in lower case, as they stand in files.

    Example:
        >>> class Fruit(NamedEnum):
        ...     APPLE = "grows on a tree"
        >>> Fruit.APPLE == "apple", Fruit.APPLE in {"apple"}, Fruit.APPLE == "grows on a tree"
        (True, True, False)
    """

    def __eq__(self, other: object) -> bool:
        return self.name.lower() == other if isinstance(other, str) else self is other

    def __hash__(self) -> int:
        return hash(self.name.lower())
