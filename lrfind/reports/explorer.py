"""The page inside a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

HEIGHT = 900
"""Of the page in a notebook, in pixels: the answer, the choices and the first figure."""


@dataclass(frozen=True)
class Explorer:
    """What `RangeTestResult.explore` returns; a notebook shows it.

    Attributes:
        page: The page, an HTML document.
    """

    page: str

    def __repr__(self) -> str:
        return "<Explorer: a notebook shows it; `result.report(path)` writes it to a file>"

    def _repr_html_(self) -> str:
        # A frame of its own, which can reach nothing of the notebook around it.
        return (
            f'<iframe srcdoc="{escape(self.page)}" title="Learning rate range test" '
            f'sandbox="allow-scripts allow-downloads" '
            f'style="width: 100%; height: {HEIGHT}px; border: 0;"></iframe>'
        )
