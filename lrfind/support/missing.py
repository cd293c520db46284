"""The error for an optional library that is not installed."""

from __future__ import annotations


def missing(library: str) -> ImportError:
    """The error that gives the line to install a library; its extra bears its name."""
    return ImportError(f'{library} is not installed: pip install "lrfind[{library}]"')
