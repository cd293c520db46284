"""The error for a framework that is not installed."""

from __future__ import annotations


def missing(framework: str) -> ImportError:
    """The error that gives the line to install a framework; its extra bears its name."""
    return ImportError(f'{framework} is not installed: pip install "lrfind[{framework}]"')
