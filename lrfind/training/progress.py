"""The progress bar of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lrfind.training.sweep import Sweep


class Bar:
    """Shows each recorded step of a sweep on a tqdm bar."""

    def __init__(self, sweep: Sweep, bar: Any) -> None:
        self._sweep = sweep
        self._bar = bar

    def update(self, more: bool) -> bool:
        """Count one step, and hand `more` through."""
        self._bar.update()
        if not self._bar.disable:
            self._bar.set_postfix_str(f"lr={self._sweep.lr:.1e}", refresh=False)
        return more


@contextmanager
def progress_bar(sweep: Sweep, show: bool | None) -> Iterator[Bar]:
    """A bar for the steps of a sweep.

    Args:
        sweep: The sweep.
        show: True, False, or None for only in a terminal or notebook.

    Yields:
        The bar, closed on leaving.
    """
    from tqdm.auto import tqdm

    # tqdm reads None as "unless the stream is no terminal"; a notebook's stream is none.
    disable = None if show is None and "ipykernel" not in sys.modules else show is False
    with tqdm(total=sweep.settings.num_iter, desc="range test", disable=disable) as bar:
        yield Bar(sweep, bar)
