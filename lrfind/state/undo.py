"""Undoing changes to the end, whatever interrupts it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

TRIES = 3
"""How often a function is called that raises each time."""


class Undo:
    """Calls functions from the last one noted to the first, each to its end.

    An exception may come from outside, in the middle of any of them: from the handler of a signal,
    or set in a thread. So a function that raises is called again, and must give the same when it
    starts over. Signals whose handlers are written in Python wait until all is done.

    Example:
        >>> undo = Undo()
        >>> undo.note(print, "last")
        >>> undo.note(print, "first")
        >>> undo.finish()
        first
        last
    """

    def __init__(self) -> None:
        self._signals = HeldSignals()
        self._pieces: list[tuple[Any, ...]] = [(self._signals.replay,), (self._signals.put_back,)]
        self._first = len(self._pieces)
        self._tries = 0
        self._errors: list[BaseException] = []

    @property
    def pieces(self) -> list[tuple[Any, ...]]:
        """What was noted, in the order in which it is not called; each with its arguments."""
        return self._pieces[self._first :]

    def note(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call this before all that was noted so far."""
        self._pieces.append((function, *arguments))

    def note_last(self, function: Callable[..., object], *arguments: Any) -> None:
        """Call this after all that was noted so far."""
        self._pieces.insert(self._first, (function, *arguments))

    def finish(self) -> None:
        """Call everything, even if some of it fails; a second call goes on where one was ended.

        Raises:
            BaseException: The first that was met, or what a signal's handler raises in the end.
        """
        if self._pieces:
            self._pieces.append((self._signals.hold,))
        while self._pieces:
            try:
                self._call_all()
            except BaseException as error:
                self._errors.append(error)
        errors, self._errors = self._errors, []
        if errors:
            raise errors[0]

    def _call_all(self) -> None:
        while self._pieces:
            function, *arguments = self._pieces[-1]
            self._tries += 1
            if self._tries <= TRIES:
                function(*arguments)
            self._pieces.pop()
            self._tries = 0


class HeldSignals:
    """Holds signals back that have a handler in Python, so that none interrupts what is done.

    Only the main thread runs such handlers and may set them; in another there is nothing to hold.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Any] = {}
        self._held: list[int] = []

    def hold(self) -> None:
        """Only note signals from now on."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in signal.valid_signals():
            handler = signal.getsignal(number)
            if callable(handler) and handler != self._note:
                self._handlers[number] = handler
                signal.signal(number, self._note)

    def put_back(self) -> None:
        """Set the handlers again."""
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == self._note:
                signal.signal(number, handler)

    def replay(self) -> None:
        """Call the handlers of the signals that came, each once, also if one raises."""
        try:
            if self._held:
                signal.raise_signal(self._held.pop(0))
        finally:
            if self._held:
                self.replay()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._held.append(number)
