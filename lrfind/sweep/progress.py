"""The progress of a run: a bar, or in a notebook the curve of a sweep."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal

from tqdm import TqdmWarning

from lrfind.result.settings import SweepSettings
from lrfind.support.process_group import is_first_rank
from lrfind.support.text import rate
from lrfind.sweep.live_curve import LiveCurve
from lrfind.sweep.recorder import Recorder

with warnings.catch_warnings():
    # In a notebook without ipywidgets this warns and falls back to the terminal bar, which is fine.
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt}{postfix} [{remaining}]"
"""tqdm's bar; where the terminal is narrow, tqdm cuts off its end."""
Progress = bool | Literal["plot"] | None
"""Whether to show a bar; None where a person can see it; "plot" for a curve in a notebook."""


def require_progress(value: Any) -> Progress:
    """Return `value`, or raise if it is no `Progress`."""
    if value not in (True, False, None, "plot"):
        raise ValueError(f'`progress` must be True, False, None or "plot", got {value!r}.')
    return value  # type: ignore[no-any-return]


@contextmanager
def sweep_progress(
    recorder: Recorder, progress: Progress, settings: SweepSettings
) -> Iterator[Callable[[], None]]:
    """The progress of a sweep: its curve, with "plot" in a notebook, or else a bar.

    The curve shows losses that have been read back, and waits for none. After an exception it stays
    as it was drawn last.

    Args:
        recorder: The recorder of the sweep.
        progress: As in `bar`.
        settings: Those of the sweep.

    Yields:
        A function to call after every step.
    """
    if not (progress == "plot" and _in_notebook() and is_first_rank()):
        with progress_bar(recorder, progress) as update:
            yield update
        return
    curve = LiveCurve((settings.start_lr, settings.end_lr), _published())

    def draw() -> None:
        title = f"{recorder.name}: step {recorder.steps} of {recorder.num_iter}"
        curve.draw(*recorder.known, title)

    yield lambda: draw() if curve.is_due else None
    draw()


@contextmanager
def progress_bar(recorder: object, progress: Progress) -> Iterator[Callable[[], None]]:
    """A progress bar for the steps of a run, labelled with its name.

    Args:
        recorder: The recorder of the run. A `Sweep` shows its progress itself, and none here.
        progress: As in `bar`.

    Yields:
        A function to call after every step.
    """
    # Without a bar no tqdm: an exception of a signal can leave its lock, which all bars share.
    if progress is False or not isinstance(recorder, Recorder):
        yield _nothing
        return
    with bar(progress, total=recorder.num_iter, desc=recorder.name, bar_format=BAR) as shown:

        def update() -> None:
            # Of the losses that have arrived: the bar must not wait for a device.
            _, losses = recorder.known
            loss = f", loss={losses[-1]:.3g}" if losses else ""
            shown.set_postfix_str(f"lr={rate(recorder.lr)}{loss}", refresh=False)
            shown.update(recorder.steps - shown.n)

        yield _nothing if shown.disable else update


def bar(progress: Progress, **settings: Any) -> Any:
    """A tqdm progress bar.

    Args:
        progress: True, False, or None to show it only in a terminal or notebook, as does "plot".
            Under `torch.distributed` only the first rank shows one.
        settings: Further arguments of tqdm.
    """
    show = None if progress == "plot" else progress
    if not is_first_rank():
        show = False
    elif show is None and "ipykernel" in sys.modules:
        show = True  # a notebook's output stream does not count as a terminal
    # tqdm reads None as "only in a terminal".
    disable = None if show is None else not show
    return tqdm(disable=disable, file=LossyStream(sys.stderr), **settings)


class LossyStream:
    """A stream that loses what it cannot write, so that a full disk does not end a run.

    It equals the stream: tqdm fits a bar to the terminal if its file is one of the standard ones.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write some text, if that can be done."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Write what is buffered, if that can be done."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __eq__(self, other: object) -> bool:
        return bool(self._stream == getattr(other, "_stream", other))

    def __hash__(self) -> int:
        return hash(self._stream)


def _nothing() -> None:
    """Shows nothing."""


def _in_notebook() -> bool:
    """Whether this is a Jupyter kernel, whose cells can show a picture."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def _published() -> Callable[[bytes], object]:
    """Shows a picture in the cell that runs, in place of the one before."""
    from IPython import display

    handles: list[Any] = []

    def publish(png: bytes) -> None:
        image = display.Image(data=png, format="png")
        if handles:
            handles[0].update(image)
        else:
            handles.append(display.display(image, display_id=True))

    return publish
