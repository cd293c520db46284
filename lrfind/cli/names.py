"""The names that options of the command take, imported when needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

USUAL_SCHEDULES = ("constant", "one-cycle", "cosine", "linear", "step")
"""The LR schedules that the help names; others are taken too."""


def beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    """The names that begin so, for a shell."""
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class NameOf(click.ParamType):  # type: ignore[type-arg]  # no parameter before click 8.4
    """One of the names in a table, which is imported when needed.

    On the command line, underscores are written as hyphens.
    """

    name = "name"

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        self._names = names

    def known(self) -> list[str]:
        """The names as typed on the command line."""
        return [name.replace("_", "-") for name in self._names()]

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The placeholder in the help."""
        return f"[{'|'.join(self.known())}]"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The names that begin so."""
        return beginning(incomplete, self.known())

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as used in the library."""
        typed = value.replace("_", "-")
        if typed not in self.known():
            self.fail(f"{value!r} is not one of {', '.join(self.known())}.", param, ctx)
        return dict(zip(self.known(), self._names(), strict=True))[typed]


class ScheduleName(click.ParamType):  # type: ignore[type-arg]  # likewise
    """Any name of an LR schedule."""

    name = "name"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The placeholder in the help."""
        return f"[{'|'.join(USUAL_SCHEDULES)}|...]"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The usual names that begin so."""
        return beginning(incomplete, USUAL_SCHEDULES)

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name as it was typed, so that the answer can say what it was taken for."""
        from lrfind.analysis.schedules import schedule_of

        try:
            schedule_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return value


def rules() -> Iterable[str]:
    """Names of the rules."""
    from lrfind.analysis.rules import RULES

    return RULES


def curves() -> Iterable[str]:
    """Names of the curves."""
    from lrfind.analysis.curves import CURVES

    return CURVES


def kinds() -> Iterable[str]:
    """Names of the LR finders whose records are read."""
    from lrfind.histories.kinds import KINDS

    return KINDS
