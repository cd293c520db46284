"""The progress bar of a run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from lrfind.support.process_group import is_first_rank
from lrfind.sweep.recorder import Recorder


@contextmanager
def progress_bar(recorder: Recorder, show: bool | None) -> Iterator[Callable[[], None] | None]:
    """A bar for the steps of a run, under its name.

    Args:
        recorder: What records the run.
        show: True, False, or None for only in a terminal or notebook. Under `torch.distributed`
            only the first rank shows one.

    Yields:
        What brings the bar up to date with the run; None if there is no bar.
    """
    desc, disable = recorder.name, hidden(show)
    with bar_class()(total=recorder.settings.num_iter, desc=desc, disable=disable) as bar:

        def update() -> None:
            bar.set_postfix_str(f"lr={recorder.lr:.1e}", refresh=False)
            bar.update(recorder.steps - bar.n)

        yield None if bar.disable else update


def bar_class() -> Any:
    """The bar of tqdm that fits: that of a notebook needs `ipywidgets`, or warns on import."""
    if find_spec("ipywidgets"):
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm


def hidden(show: bool | None) -> bool | None:
    """The argument `disable` of tqdm, which reads None as "unless the stream is no terminal"."""
    if not is_first_rank():
        return True
    # The stream of a notebook is no terminal.
    if show is None:
        return False if "ipykernel" in sys.modules else None
    return not show
