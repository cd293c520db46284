"""The progress bar of a sweep."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lrfind.training.ranks import is_first_rank
from lrfind.training.recorder import Recorder


@contextmanager
def progress_bar(sweep: Recorder, show: bool | None) -> Iterator[Callable[[], None] | None]:
    """A bar for the steps of a sweep.

    Args:
        sweep: The sweep.
        show: True, False, or None for only in a terminal or notebook. Under `torch.distributed`
            only the first rank shows one.

    Yields:
        What brings the bar up to date with the sweep; None if there is no bar.
    """
    from tqdm.auto import tqdm

    with tqdm(total=sweep.settings.num_iter, desc="range test", disable=hidden(show)) as bar:

        def update() -> None:
            bar.set_postfix_str(f"lr={sweep.lr:.1e}", refresh=False)
            bar.update(sweep.steps - bar.n)

        yield None if bar.disable else update


def hidden(show: bool | None) -> bool | None:
    """The argument `disable` of tqdm, which reads None as "unless the stream is no terminal"."""
    if not is_first_rank():
        return True
    # The stream of a notebook is no terminal.
    if show is None:
        return False if "ipykernel" in sys.modules else None
    return not show
