"""`lrfind report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lrfind.analysis.defaults import BETA
from lrfind.cli.examples import Examples
from lrfind.cli.messages import messages
from lrfind.cli.opened import anything
from lrfind.cli.options import kind_option, question_options, take_question


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
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PAGE",
    help="Page to write, replacing it.",
)
@kind_option
@question_options
def report(files: tuple[Path, ...], output: Path, kind: str | None, **options: Any) -> None:
    """Write an interactive page of one or several results.

    One HTML file that opens offline: a slider moves beta, and with it the curves, their minima and
    the rates one decade below. The first FILE is a result; the others are results too, or what
    --controls, --verify and the command repeat wrote. The options choose what the page shows first.
    """
    if output.suffix.lower() not in (".html", ".htm"):
        raise click.BadParameter(f"{output.name!r} must end in .html", param_hint="--output")
    with messages():
        from lrfind.result.range_test_result import RangeTestResult
        from lrfind.support.heads import heads

        question, beta = take_question(options)
        loaded = [anything(path, kind) for path in files]
        sweeps = [each for each in loaded if isinstance(each, RangeTestResult)]
        if not sweeps:
            raise click.ClickException("the first FILE must be a result.")
        names = [
            name
            for name, each in zip(heads([*map(str, files)]), loaded, strict=True)
            if isinstance(each, RangeTestResult)
        ]
        first = sweeps[0]
        first.report(
            output,
            *(each for each in loaded if each is not first),
            names=names,
            beta=BETA if beta is None else beta,
            suggestion=first.suggest(**question),
        )
