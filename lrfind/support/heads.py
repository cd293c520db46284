"""Names of files and the like as the heads of columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

LONGEST = 32
"""Characters of the longest head."""


def heads(names: Sequence[str]) -> tuple[str, ...]:
    r"""Short and different heads, one for each name.

    Args:
        names: Paths or other names; what cannot be printed, such as a terminal escape, is written
            as in Python's strings.

    Returns:
        The last parts of the paths, as many as tell them apart; cut in the middle where they are
        longer than `LONGEST`, and numbered where they are the same.

    Example:
        >>> heads(["adam/lr 1/result.json", "sgd/lr 1/result.json", "sgd/lr 1/result.json"])
        ('adam/lr 1/result.json', 'sgd/lr 1/result.json', 'sgd/lr 1/result.json (2)')
        >>> heads(["runs/a\x1b[31m.json", "runs/b.json"])
        ('a\\x1b[31m.json', 'b.json')
    """
    paths = [PurePath(name) for name in names]
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(set(paths)):
        depth += 1
    shown: list[str] = []
    for path in paths:
        head = cut(printable("/".join(path.parts[-depth:]) or "."), LONGEST)
        number, numbered = 1, head
        while numbered in shown:
            number += 1
            numbered = f"{head} ({number})"
        shown.append(numbered)
    return tuple(shown)


def printable(text: str) -> str:
    """A text with what cannot be printed as in Python's strings."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def whole(text: str) -> str:
    """A text with half a surrogate pair, which has no UTF-8, as in Python's strings."""
    return text.encode(errors="backslashreplace").decode()


def cut(text: str, longest: int) -> str:
    """A text, cut in the middle where it is longer than so many characters."""
    if len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return f"{text[:half]}...{text[-half:]}"
