"""The interactive page of a sweep, as methods that import its library only when called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lrfind.analysis.defaults import BETA
from lrfind.result.pictures import SweepPictures
from lrfind.result.record import TRAIN
from lrfind.result.sweep_analysis import Answer
from lrfind.support.arguments import require_beta
from lrfind.support.errors import CannotTellError
from lrfind.support.heads import printable

if TYPE_CHECKING:
    from lrfind.reports.explorer import Explorer
    from lrfind.reports.page import Card


class SweepPages(SweepPictures):
    """The record with its page."""

    def report(
        self,
        path: str | Path,
        *more: Any,
        names: Sequence[str] = (),
        beta: float = BETA,
        suggestion: Answer | None = None,
    ) -> None:
        """Write an interactive page: one HTML file, which needs neither network nor Python.

        It shows the losses and their averages, the minima, the shift and the suggested rate. A
        slider moves beta from 0 to 0.999, and with it all of these but lrfind's own rate; others
        choose factor, schedule, rule and curve. Every number is that of the library.

        Args:
            path: The file to write; replaced atomically.
            more: Further sweeps to lay beside this one, and controls, verifications or repeats to
                show below.
            names: What to call the sweeps, this one first; numbered without.
            beta: Where the slider starts, in [0, 1).
            suggestion: The answer of `suggest` to show first; None calls it with its defaults.

        Raises:
            ImportError: Bokeh is not installed: `pip install "lrfind[report]"`.
            OSError: The file cannot be written.
            TypeError: One of `more` is nothing that a page shows, or `suggestion` no answer.
            ValueError: `beta` outside [0, 1), or fewer or more names than sweeps.

        Example:
            >>> from lrfind.demo import digits_problem
            >>> result = digits_problem(model="mlp", optimizer="sgd").range_test(num_iter=60)
            >>> result.report("report.html")  # doctest: +SKIP
        """
        from lrfind.support.files import write_whole

        page = self._page(more, names, require_beta(beta), suggestion)
        write_whole(path, page.encode())

    def explore(
        self,
        *more: Any,
        names: Sequence[str] = (),
        beta: float = BETA,
        suggestion: Answer | None = None,
    ) -> Explorer:
        """The page of `report` inside a notebook: the last line of a cell shows it.

        Args:
            more: As for `report`, as all that follow.
            names: Likewise.
            beta: Likewise.
            suggestion: Likewise.

        Returns:
            What shows itself in Jupyter, VS Code and Colab. A saved notebook keeps it: 1.8 MB with
            300 steps, most of it the library that draws.

        Raises:
            ImportError: Bokeh is not installed: `pip install "lrfind[report]"`.
            TypeError, ValueError: As for `report`.
        """
        from lrfind.reports.explorer import Explorer

        return Explorer(self._page(more, names, require_beta(beta), suggestion))

    def _page(
        self, more: Sequence[Any], names: Sequence[str], beta: float, suggestion: Answer | None
    ) -> str:
        from lrfind.reports.page import page_html, require_bokeh
        from lrfind.result.page_answers import SHOWN_BETAS, choices
        from lrfind.result.page_data import flag_texts, page_data, rule_choices

        require_bokeh()  # before the answers, which take a second
        answer = None if suggestion is None else self._answer(suggestion, TRAIN)
        sweeps: list[SweepPages] = [self, *(each for each in more if isinstance(each, SweepPages))]
        named = _names(names, len(sweeps))
        offered = choices(beta, answer)
        asked = [answer, *[None] * (len(sweeps) - 1)]
        data = {
            "results": [
                page_data(sweep, name, offered, question)
                for sweep, name, question in zip(sweeps, named, asked, strict=True)
            ],
            "betas": offered.betas,
            "lengths": offered.lengths,
            "beta": beta,
            "rules": rule_choices(),
            "flags": flag_texts(),
        }
        cards = [
            card
            for sweep, name in zip(sweeps, named, strict=True)
            for card in sweep._cards(name if len(sweeps) > 1 else "")
        ]
        cards += [_card(each) for each in more if not isinstance(each, SweepPages)]
        return page_html("Learning rate range test", data, cards, SHOWN_BETAS)

    def _cards(self, name: str) -> list[Card]:
        """The sections that no slider changes: tasks, layers and sensitivity."""
        from lrfind.reports.page import Card
        from lrfind.support.html import record_html

        of = f" of {name}" if name else ""
        cards = []
        if self.tasks:
            table = self.task_disagreement()._repr_html_()
            picture = record_html(draw=self.plot_tasks, alt="The curve of each task")
            cards.append(Card(f"Tasks{of}", table + picture))
        if self.layers is not None:
            layers = record_html(draw=self.plot_layers, alt="Update/weight ratio of each layer")
            cards.append(Card(f"Layers{of}", layers))
        try:
            rows = self.sensitivity()
        except CannotTellError:
            return cards
        title = f"Every rule, and parts of the sweep{of}"
        return [*cards, Card(title, record_html(rows), folded=True)]


def _names(names: Sequence[str], count: int) -> list[str]:
    if not names:
        return ["sweep"] if count == 1 else [f"sweep {number + 1}" for number in range(count)]
    if len(names) != count:
        raise ValueError(f"`names` must hold one name for each sweep, {count}, got {len(names)}.")
    return list(map(printable, names))


def _card(record: Any) -> Card:
    from lrfind.reports.page import Card

    if not hasattr(record, "_repr_html_"):
        raise TypeError(
            "`more` must hold results, controls, verifications or repeats, got "
            f"{type(record).__name__}."
        )
    title = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(record).__name__).capitalize()
    return Card(title, record._repr_html_())
