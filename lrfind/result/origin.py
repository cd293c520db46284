"""Where the losses of a record come from that another tool made."""

from __future__ import annotations

from dataclasses import dataclass

from lrfind.support.heads import printable


@dataclass(frozen=True)
class Origin:
    """What another tool kept of the losses; `str()` says it on one line.

    Attributes:
        tool: Name of the tool; empty for a plain record of losses.
        beta: Weight of the old value in the EMA that it kept; 0 for raw losses.
        obstacle: Why the raw losses could not be recovered from that EMA, in a few words; empty if
            they could. Then the losses of the record are the smoothed ones.

    Example:
        >>> print(Origin("torch-lr-finder", 0.95))
        Raw losses recovered from the EMA of torch-lr-finder (beta 0.95).
    """

    tool: str
    beta: float = 0.0
    obstacle: str = ""

    @property
    def smoothed(self) -> bool:
        """Whether the losses of the record are smoothed."""
        return bool(self.obstacle)

    def __str__(self) -> str:
        tool = printable(self.tool)
        if self.smoothed:
            return f"Smoothed losses of {tool}, used as they are: {printable(self.obstacle)}."
        if self.beta:
            return f"Raw losses recovered from the EMA of {tool} (beta {self.beta:.3g})."
        return f"Losses of {tool or 'a record'}, taken as raw."
