"""Where a run is in its loader, so that another process can go on there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lrfind.loop.checkpoint_file import taken_from
from lrfind.state.digest import digest
from lrfind.state.portable import Portable
from lrfind.state.random_state import global_state, set_global_state

ANOTHER_ORDER = (
    "`resume`: `train_loader` gives another batch where {} was made, so that the sweep would not "
    "be the same. Its order may depend on its own state and the random state at the start of an "
    "epoch, but not on time, threads, what is drawn between its batches, or what workers that "
    "persist drew in earlier epochs."
)


class Place(NamedTuple):
    """A place right after a batch.

    Attributes:
        running: Whether the loader had workers from an earlier epoch at the start of this one.
        loader: State of the loader's parts at the start of the epoch.
        random: Global random state there.
        taken: How many batches of the epoch were taken, at least 1.
        before: Global random state before the last of them.
        batch: Digest of the last of them.
    """

    running: bool
    loader: list[Any]
    random: tuple[Any, ...]
    taken: int
    before: tuple[Any, ...]
    batch: str


class Position:
    """A loader that knows where it is.

    Args:
        loader: Any iterable of batches.
        parts: What of it has state.

    Attributes:
        noting: Whether `place` will be asked for after the next batch.
    """

    noting = False

    def __init__(self, loader: Iterable[Any], parts: Sequence[Any]) -> None:
        self._loader, self._parts = loader, Portable(parts)
        self._ahead: Iterator[Any] | None = None

    @property
    def sampler(self) -> Any:
        """The sampler of the loader, which is told each epoch."""
        return getattr(self._loader, "sampler", None)

    @property
    def place(self) -> Place:
        """The place after the last batch, before which `noting` was set."""
        return Place(*self._epoch, self._taken, *self._last)

    def go_to(self, place: Place, path: Path) -> None:
        """Have the next iteration go on at a place of another process, and not at the start.

        The batches up to there are taken and dropped.

        Args:
            place: The place.
            path: The file that it is from, for the error messages.

        Raises:
            ResultFileError: The file is damaged.
            ValueError: The last of them is another one than it was there.
        """
        if place.running:
            iter(self._loader)
        with taken_from(path):
            self._parts.load(place.loader)
            set_global_state(place.random)
            skipped = range(place.taken - 1)
        batches = iter(self)
        for _ in zip(skipped, batches, strict=False):
            pass
        with taken_from(path):
            set_global_state(place.before)
        self.noting = True
        if next(batches, None) is None or self._last[1] != place.batch:
            raise ValueError(ANOTHER_ORDER.format(path))
        self._ahead = batches

    def __iter__(self) -> Iterator[Any]:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            return ahead
        # Workers that persist are not started again, and no seed is drawn for them.
        running = getattr(self._loader, "_iterator", None) is not None
        self._epoch, self._taken = (running, self._parts.state(), global_state()), 0
        # Not in the generator, which would begin at its first batch.
        return self._noted(iter(self._loader))

    def _noted(self, batches: Iterator[Any]) -> Iterator[Any]:
        while True:
            noting, before = self.noting, global_state() if self.noting else ()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self._taken += 1
            if noting:
                self._last = before, digest(batch)
            yield batch
