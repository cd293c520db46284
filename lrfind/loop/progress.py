"""The progress bar of a run."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import TqdmWarning

from lrfind.support.process_group import is_first_rank
from lrfind.support.text import rate
from lrfind.sweep.recorder import Recorder
from lrfind.sweep.sweep import Sweep

with warnings.catch_warnings():
    # In a notebook without ipywidgets this warns and falls back to the terminal bar, which is fine.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix} [{remaining}]"
"""tqdm's bar; where the terminal is narrow, tqdm cuts off its end."""


@contextmanager
def progress_bar(
    recorder: Recorder | Sweep, show: bool | None
) -> Iterator[Callable[[], None] | None]:
    """A progress bar for the steps of a run, labelled with its name.

    Args:
        recorder: The recorder of the run.
        show: As in `bar`.

    Yields:
        A function that updates the bar; None if there is no bar.
    """
    with bar(show, total=recorder.num_iter, desc=recorder.name, bar_format=BAR) as shown:

        def update() -> None:
            # Of the losses that have arrived: the bar must not wait for a device.
            loss = f", loss={recorder.losses[-1]:.3g}" if recorder.losses else ""
            shown.set_postfix_str(f"lr={rate(recorder.lr)}{loss}", refresh=False)
            shown.update(recorder.steps - shown.n)

        yield None if shown.disable else update


def bar(show: bool | None, **settings: Any) -> Any:
    """A tqdm progress bar.

    Args:
        show: True, False, or None to show it only in a terminal or notebook. Under
            `torch.distributed` only the first rank shows one.
        settings: Further arguments of tqdm.
    """
    if not is_first_rank():
        show = False
    elif show is None and "ipykernel" in sys.modules:
        show = True  # a notebook's output stream does not count as a terminal
    # tqdm reads None as "only in a terminal".
    return tqdm(disable=None if show is None else not show, **settings)
