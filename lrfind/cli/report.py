"""`lrfind report`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lrfind.analysis.defaults import BETA
from lrfind.cli.messages import messages
from lrfind.cli.names import NameOf, kinds
from lrfind.cli.opened import anything
from lrfind.cli.options import question_options, take_question


@click.command()
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
@click.option(
    "--kind", type=NameOf(kinds), help="LR finder that recorded each FILE, if it is its history."
)
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

        question, beta = take_question(options)
        loaded = [anything(path, kind) for path in files]
        sweeps = [each for each in loaded if isinstance(each, RangeTestResult)]
        if not sweeps:
            raise click.ClickException("the first FILE must be a result.")
        names = [
            name
            for name, each in zip(short_names(files), loaded, strict=True)
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


def short_names(files: tuple[Path, ...]) -> list[str]:
    """The names of files, with as many of their folders as tells them apart."""
    for parts in range(1, max(len(each.parts) for each in files) + 1):
        names = ["/".join(each.parts[-parts:]) for each in files]
        if len(set(names)) == len(names):
            return names
    return [f"{each} ({number + 1})" for number, each in enumerate(files)]
