"""The answer of `suggest` when there is none to train with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from lrfind.analysis.flags import Flag
from lrfind.analysis.verdict import Verdict
from lrfind.support.errors import CannotTellError
from lrfind.support.html import record_html
from lrfind.support.records import flag_names
from lrfind.support.text import list_table, rate, sentence


@dataclass(frozen=True)
class CannotTell:
    """The answer when a sweep supports no suggestion. It is falsy, and reading its `lr` raises.

    Attributes:
        reason: Why there is no suggestion, and the remedy.
        rule: Name of the rule that was used.
        flags: The flags behind the reason.
        verdict: The verdict on the sweep; None if the reason lies elsewhere, such as losses that
            were not recorded.
        guess: What the point of divergence points to, where the loss never fell or falls elsewhere;
            None otherwise. Not to train with before trials of it, such as those of `find_lr`.
    """

    reason: str
    rule: str
    flags: tuple[Flag, ...] = ()
    verdict: Verdict | None = None
    guess: float | None = None

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return f"No learning rate can be suggested: {self.reason}."

    def _repr_html_(self) -> str:
        why, _, remedy = self.reason.partition(": ")
        said = {
            "No rate.": sentence(why),
            "Next": remedy,
            "A guess": self.guess and f"{rate(self.guess)}, not to train with before trials of it",
        }
        return record_html(list_table((about, text) for about, text in said.items() if text))

    @property
    def lr(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    @property
    def group_lr(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    @property
    def interval(self) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    def apply(self, optimizer: object, scheduler: object = None) -> NoReturn:
        """Raises `CannotTellError` with the reason; nothing is changed."""
        self._refuse()

    def one_cycle(self, groups: slice = slice(None)) -> NoReturn:
        """Raises `CannotTellError` with the reason."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise CannotTellError(f"no learning rate can be suggested: {self.reason}.")

    def to_dict(self) -> dict[str, object]:
        """The answer as plain strings, ready for JSON; it has no `lr`."""
        return {
            "cannot_tell": self.reason,
            "verdict": self.verdict and self.verdict.name.lower(),
            "rule": self.rule,
            "flags": flag_names(self.flags),
            "guess": self.guess,
        }
