"""The interactive page: one HTML file that needs nothing else.

Nothing that a user named reaches the page as markup. Their names are in its data, which the script
shows as text, or were escaped where a card was made. Should one slip through all the same, the
browser runs no script without the page's own number, and loads nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from typing import Any, NamedTuple

from lrfind._version import __version__
from lrfind.support.missing import missing

SCRIPTS = ("numbers", "sweeps", "tables", "figures", "choices")
"""Those of the page, in the order in which they need each other."""
SAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""What may not stand in a script element, as JSON writes it otherwise."""


class Card(NamedTuple):
    """A section that the script does not change."""

    title: str
    html: str
    """With everything that a user named escaped."""
    folded: bool = False
    """Whether it is closed until it is asked for."""


def page_html(
    title: str, data: Mapping[str, Any], cards: Sequence[Card], ticks: Sequence[float]
) -> str:
    """The page as one HTML document.

    Args:
        title: Its heading.
        data: What the script reads: "results", and what can be chosen.
        cards: Further sections.
        ticks: The betas that the axis of the second figure names.

    Returns:
        The document.

    Raises:
        ImportError: As for `require_bokeh`.
    """
    require_bokeh()
    from bokeh.util.paths import bokehjs_path
    from jinja2 import Environment

    ours = files("lrfind") / "reports"
    written = as_json({**data, "figures": _figures(tuple(ticks))})
    library = (bokehjs_path() / "js" / "bokeh.min.js").read_text(encoding="utf-8")
    template = Environment(autoescape=True).from_string(_text(ours, "page.html"))
    return template.render(
        title=title,
        nonce=hashlib.sha256(written.encode()).hexdigest()[:32],
        style=_text(ours, "page.css"),
        data=written,
        cards=cards,
        several=len(data["results"]) > 1,
        scripts=[library, *(_text(ours, f"{name}.js") for name in SCRIPTS)],
        version=__version__,
    )


def require_bokeh() -> None:
    """Raise if what draws on the page is not installed.

    Raises:
        ImportError: It gives the line that installs it.
    """
    if find_spec("bokeh") is None:
        raise missing("bokeh", "report")


def as_json(data: object) -> str:
    """JSON that may stand in a script element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for character, escaped in SAFE.items():
        text = text.replace(character, escaped)
    return text


@lru_cache(maxsize=1)
def _figures(ticks: tuple[float, ...]) -> dict[str, Any]:
    """The figures as the library's own JSON; empty, so that they are the same on every page."""
    from bokeh.embed import json_item
    from bokeh.layouts import column

    from lrfind.reports.plots import beta_figure, label_betas, loss_figures

    losses = loss_figures()
    losses["log"].visible = False
    betas = beta_figure()
    label_betas(betas, ticks)
    both = column(*losses.values(), sizing_mode="stretch_width")
    return {
        "curves": json_item(both),
        "betas": json_item(betas),
        "ids": {scale: each.id for scale, each in losses.items()} | {"betas": betas.id},
    }


def _text(folder: Any, name: str) -> str:
    return str((folder / name).read_text(encoding="utf-8"))
