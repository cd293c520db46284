"""`lrfind show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrfind.cli.examples import Examples
from lrfind.cli.messages import messages, print_drawing, print_result, print_text
from lrfind.cli.opened import opened
from lrfind.cli.options import (
    betas_of,
    json_option,
    question_options,
    result_argument,
    table_options,
    take_question,
)

if TYPE_CHECKING:
    from lrfind.cli.answered import Answered
    from lrfind.result.range_test_result import RangeTestResult


@click.command(
    cls=Examples,
    epilog="""
    lrfind show result.json
    lrfind show result.json --plot
    lrfind show result.json --detail --betas 0.9,0.98
    lrfind show history.csv --kind raw --rule steepest
    """,
)
@result_argument
@table_options
@json_option
@click.option(
    "--sensitivity", is_flag=True, help="Also print the suggestion of every rule and sub-sweep."
)
@click.option("--plot", is_flag=True, help="Also draw the curve, as text; needs plotext.")
@question_options
def show(
    result: Path,
    kind: str | None,
    betas: tuple[float, ...] | None,
    detail: bool,
    as_json: bool,
    sensitivity: bool,
    plot: bool,
    **options: Any,
) -> None:
    """Print the minima of a saved result, for any betas, and its suggestion.

    FILE may also be what another LR finder recorded: CSV or JSON with "lr" and "loss".
    """
    if plot and as_json:
        raise click.UsageError("only one of --plot and --json may be given.")
    with messages():
        from lrfind.cli.answered import answer, report_of

        question, beta = take_question(options)
        loaded = opened(result, kind)
        every = betas_of(betas, True)
        shown = betas_of(betas, detail or as_json)
        answered = answer(loaded, question, shown, beta, detail=detail)
        if as_json:
            more = {"sensitivity": loaded.sensitivity(every).to_dict()} if sensitivity else {}
            document = loaded.to_dict(answered.betas, suggestion=answered.suggestion)
            print_text(json.dumps(document | more, indent=2))
            return
        report = report_of(loaded, answered)
        if plot:
            _draw(loaded, answered)
        print_result(report)
        if sensitivity:
            print_text(f"\n{loaded.sensitivity(every)}")


def _draw(result: RangeTestResult, answered: Answered) -> None:
    """The curve as text, and an empty line.

    Raises:
        click.ClickException: plotext is not installed.
    """
    from lrfind.result.text_figure import TextFigure

    try:
        print_drawing(TextFigure(result.curves(), answered.suggestion, answered.betas[-1]))
    except ImportError as error:
        raise click.ClickException(str(error)) from error
    print_text()
