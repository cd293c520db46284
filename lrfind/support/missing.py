"""The error for an optional library that is not installed."""

from __future__ import annotations


def missing(library: str, extra: str | None = None) -> ImportError:
    """The error that gives the line to install a library; its extra bears its name if not told."""
    return ImportError(f'{library} is not installed: pip install "lrfind[{extra or library}]"')
