"""`lrfind report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lrfind.analysis.defaults import BETA
from lrfind.cli.examples import Examples
from lrfind.cli.messages import messages
from lrfind.cli.opened import anything, opened_all
from lrfind.cli.options import kind_option, output_option, question_options, take_question


@click.command(
    cls=Examples,
    epilog="""
    lrfind report result.json -o page.html
    lrfind report sgd.json adam.json -o page.html
    lrfind report result.json --total-steps 5000 -o page.html
    """,
)
@click.argument(
    "files", metavar="FILE...", type=click.Path(path_type=Path), nargs=-1, required=True
)
@output_option("Page", (".html", ".htm"))
@kind_option
@question_options
def report(files: tuple[Path, ...], output: Path, kind: str | None, **options: Any) -> None:
    """Write an interactive page of one or several results.

    One HTML file that opens offline: a slider moves beta, and with it the curves, their minima and
    the rates one decade below. Each FILE is a result, or what --controls, --verify and the command
    repeat wrote; the page begins with the first result. The options choose what it shows first.
    """
    with messages():
        from lrfind.result.range_test_result import RangeTestResult
        from lrfind.support.heads import heads

        question, beta = take_question(options)
        loaded = opened_all(files, kind, anything)
        named = dict(zip(heads([*map(str, files)]), loaded, strict=True))
        sweeps = {name: each for name, each in named.items() if isinstance(each, RangeTestResult)}
        if not sweeps:
            raise click.ClickException("one FILE at least must be a result.")
        first = next(iter(sweeps.values()))
        first.report(
            output,
            *(each for each in loaded if each is not first),
            names=[*sweeps],
            beta=BETA if beta is None else beta,
            suggestion=first.suggest(**question),
        )
