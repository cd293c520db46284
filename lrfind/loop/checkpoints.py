"""Checkpoints of a sweep, and how a killed one goes on from the last of them.

A checkpoint holds what the sweep has recorded, all training state that has changed since the sweep
began, the random state, and the place in the loader. The process that goes on builds model,
optimizer and loader anew; where they are not the same as at the beginning there, it stops.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from lrfind.loop.checkpoint_file import (
    is_checkpoint,
    read_checkpoint,
    taken_from,
    write_checkpoint,
)
from lrfind.loop.position import Place, Position
from lrfind.result.settings import StopReason
from lrfind.state.digest import digest
from lrfind.state.encoding import PLAIN, Decoder, Encoder
from lrfind.state.known import Known
from lrfind.state.portable import Portable
from lrfind.state.random_state import global_state, set_global_state
from lrfind.support.arguments import require_count
from lrfind.support.errors import NotPortableError
from lrfind.support.heads import cut
from lrfind.support.process_group import rank_count
from lrfind.support.reading import refused
from lrfind.sweep.sweep import Sweep

SUFFIX = ".ckpt"
"""The end of the file's name, in place of that of the journal."""
NOTHING_THERE = (
    "`resume`: there is no {path}: the sweep has ended, or was begun without `checkpoint_every`, "
    "or was killed before the first checkpoint."
)
NOT_KEPT = (
    "no checkpoint can be written: {error} The sweep goes on without: if it is killed, an earlier "
    "one is all that it can be resumed from."
)


class Checkpoints:
    """Writes a checkpoint every few steps, and goes on from the last one.

    Args:
        sweep: The sweep.
        journal: The journal of the sweep; the checkpoint lies beside it.
        every: Steps between two checkpoints; None to keep to those of the sweep that goes on.
        resume: Whether to go on from a checkpoint.
        settings: What is not the same in another sweep, by name.

    Attributes:
        path: The file.
        calls: How many calls of the step were recorded before the sweep goes on.

    Raises:
        OSError: There is nothing to go on from, or the file is something else than a checkpoint.
        ResultFileError: It is damaged.
        TypeError, ValueError: An argument is out of range, or the checkpoint is of another sweep.
    """

    calls = 0

    def __init__(
        self,
        sweep: Sweep,
        journal: str | os.PathLike[str] | None,
        every: int | None,
        *,
        resume: bool,
        settings: Mapping[str, Any],
    ) -> None:
        name = "resume" if resume else "checkpoint_every"
        if journal is None:
            raise ValueError(f"`{name}` needs a `journal`: checkpoints lie beside it.")
        if rank_count() > 1:
            raise ValueError(f"`{name}` is for one process, and there are {rank_count()} ranks.")
        self._sweep, self._last = sweep, 0
        self.path = Path(journal).with_suffix(SUFFIX)
        self._settings = {key: _shown(value) for key, value in settings.items()}
        self._content = self._read() if resume else None
        if self._content is not None and every is None:
            every = self._content.get("every")
        self._every = require_count("checkpoint_every", every, least=1)
        if self.path.exists() and not is_checkpoint(self.path):
            raise FileExistsError(f"{self.path} exists and is no checkpoint: name another journal.")

    def _read(self) -> dict[str, Any]:
        if not self.path.exists():
            raise FileNotFoundError(NOTHING_THERE.format(path=self.path))
        content = read_checkpoint(self.path)
        there = content.get("settings")
        if not isinstance(there, dict):
            raise refused(self.path, "holds something else than a checkpoint")
        for name, here in self._settings.items():
            found = there.get(name)
            if type(found) not in PLAIN or found != here:
                raise ValueError(
                    f"`resume`: {self.path} is of another range test: there {name} is "
                    f"{cut(str(found), 50)}, and here {here}."
                )
        return content

    def begin(
        self, objects: Sequence[Any], loader: Iterable[Any], parts: Sequence[Any]
    ) -> Position:
        """Note the state before the sweep is entered, and go on from the checkpoint if asked to.

        Args:
            objects: All that has state.
            loader: The loader.
            parts: What of the loader has state.

        Returns:
            The loader, to take the batches from.

        Raises:
            NotPortableError: The state has parts that another process would not know again.
            ResultFileError: The checkpoint is damaged.
            ValueError: Model, optimizer or data are other ones than there.
        """
        self._state, self._position = Portable(objects), Position(loader, parts)
        if self._content is not None:
            self._go_on(self._content)
            self._content = None  # its memory is needed
        self._note_next()
        return self._position

    def _go_on(self, content: dict[str, Any]) -> None:
        with taken_from(self.path):
            other = self._state.difference(content["fingerprint"])
        if other:
            raise ValueError(
                f"`resume`: {self.path} was made from another beginning: {other} differs. Model, "
                "optimizer and data must be built as they were, from the same seed."
            )
        with taken_from(self.path):
            place, drawn, recorded, self.calls = Decoder(Known([]))(content["run"])
            place = Place(*place)
        self._position.go_to(place, self.path)
        with taken_from(self.path):
            self._state.load(content["state"])
            self._sweep.resume(recorded)
            self._last = len(recorded["losses"])
            set_global_state(drawn)

    def after_step(self, calls: int) -> bool:
        """Write a checkpoint if one is due.

        Args:
            calls: How many calls of the step were recorded.

        Returns:
            Whether the sweep goes on: a loss that was on its way from a device may have ended it.
        """
        steps = self._sweep.steps
        if steps % self._every == 0 and steps > self._last:
            self._last = steps
            try:
                self._write(calls)
            except (OSError, NotPortableError) as error:
                warnings.warn(NOT_KEPT.format(error=error), stacklevel=6)
                self._every = sys.maxsize
        self._note_next()
        return self._sweep.stop_reason is StopReason.UNFINISHED

    def _write(self, calls: int) -> None:
        recorded = self._sweep.state()
        if self._sweep.stop_reason is not StopReason.UNFINISHED:
            return
        run = (tuple(self._position.place), global_state(), recorded, calls)
        content = {
            "settings": self._settings,
            "every": self._every,
            "fingerprint": self._state.fingerprint,
            "run": Encoder(Known([]))(run),
            "state": self._state.state(),
        }
        self._sweep.journal.flush()  # it is never behind
        write_checkpoint(self.path, content)

    def _note_next(self) -> None:
        steps = max(self._last, self._sweep.steps)
        self._position.noting = (steps + 1) % self._every == 0

    def remove(self) -> None:
        """Remove the file, when the sweep has ended."""
        with suppress(OSError):
            self.path.unlink()


def checkpoints_of(
    sweep: Sweep,
    model: torch.nn.Module,
    settings: Mapping[str, Any],
    journal: str | os.PathLike[str] | None,
    every: int | None,
    *,
    resume: bool,
) -> Checkpoints | None:
    """The checkpoints of a sweep; None if none are asked for.

    Args:
        sweep: The sweep.
        model: The model.
        settings: The options of the loop, `loss_fn` and `layers`.
        journal: As in `range_test`.
        every: As `checkpoint_every` there.
        resume: As there.

    Raises:
        OSError, TypeError, ValueError: As of `Checkpoints`; or there are `layers`.
    """
    if every is None and not resume:
        return None
    if settings["layers"]:
        raise ValueError("`layers` cannot be combined with `checkpoint_every` or `resume`.")
    code = [*map(type, model.modules()), *(each for each in settings.values() if callable(each))]
    names = sorted({str(getattr(each, "__module__", None)) for each in code})
    matters = {
        "torch": str(torch.__version__),
        **vars(sweep.settings),
        **{name: value for name, value in settings.items() if name not in ("progress", "store")},
        **{f"the code of {name}": _source(sys.modules.get(name)) for name in names},
    }
    return Checkpoints(sweep, journal, every, resume=resume, settings=matters)


def _source(module: Any) -> str:
    """A digest of the file of a module."""
    try:
        return digest(Path(module.__file__).read_bytes())[:8]
    except (AttributeError, OSError, TypeError):
        return "in no file"


def _shown(value: Any) -> Any:
    """A value that can be compared in another process."""
    return value if type(value) in PLAIN else f"{type(value).__name__} {digest(value)[:8]}"
