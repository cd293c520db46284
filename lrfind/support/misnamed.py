"""What is meant by a name that does not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The nearest of some names, as the end of an error message; empty if none is near.

    Example:
        >>> did_you_mean("num_itre", ["start_lr", "num_iter"])
        ': did you mean `num_iter`?'
    """
    near = get_close_matches(name, list(known), n=1)
    return f": did you mean `{near[0]}`?" if near else ""
