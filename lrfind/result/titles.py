"""Figure titles: the rate to train with and whether to trust it, on one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfind.analysis.answers import CannotTell, Suggestion
from lrfind.result.origin import Origin
from lrfind.result.trust import TRUST
from lrfind.support.axes import no_formula, title
from lrfind.support.text import rate, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def title_answer(ax: Axes, answer: Suggestion | CannotTell) -> None:
    """Put the rate, the verdict and what else speaks against it in the title; or why there is none.

    As much of it as fits on one line: the rate, the verdict and the name of the first caution at
    least. Of a sweep without a rate the reason is wrapped instead.
    """
    if isinstance(answer, CannotTell):
        cause = _cause(answer.reason)
        title(ax, f"No rate: {cause}", f"No rate: {cause.partition(', ')[0]}")
        return
    name, meaning = words(answer.verdict.name), TRUST[answer.verdict].short
    trust = (f"{name}: {meaning}", name) if meaning else (name,)
    against = answer.cautions[:1]
    but = [f", but {_cause(flag.value).partition(', ')[0]}" for flag in against]
    but += [f", but {words(flag.name)}" for flag in against] or [""]
    said = [f"{each}{caution}" for each in trust for caution in but]
    title(ax, *(f"Train at {rate(answer.lr)} ({each})" for each in said))


def title_origin(ax: Axes, origin: Origin | None) -> Axes:
    """Add to the title where the losses come from, if another tool recorded them."""
    if origin is not None:
        ax.set_title(
            f"{ax.get_title()}\n{no_formula(str(origin))}", fontsize=ax.title.get_fontsize()
        )
    return ax


def _cause(sentence: str) -> str:
    """The reason without the remedy after its colon."""
    return sentence.partition(": ")[0]
