"""`lrfind plot`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from lrfind.analysis.defaults import BETA
from lrfind.cli.examples import Examples
from lrfind.cli.messages import messages
from lrfind.cli.opened import opened
from lrfind.cli.options import (
    given,
    output_option,
    question_options,
    result_argument,
    take_question,
)


@click.command(
    cls=Examples,
    epilog="""
    lrfind plot result.json -o range_test.png
    lrfind plot result.json --against-beta -o beta.svg
    """,
)
@result_argument
@output_option("Picture", (".png", ".svg", ".pdf"))
@click.option("--against-beta", is_flag=True, help="Plot the minimum against beta instead.")
@click.option("--layers", is_flag=True, help="Plot the update/weight ratio of every layer instead.")
@click.option("--detail", is_flag=True, help="Also draw the centred curve and its minimum.")
@click.option("--skip-start", type=click.IntRange(min=0), help="Losses at the start not to draw.")
@click.option("--skip-end", type=click.IntRange(min=0), help="Losses at the end not to draw.")
@question_options
def plot(
    result: Path,
    kind: str | None,
    output: Path,
    against_beta: bool,
    layers: bool,
    detail: bool,
    skip_start: int | None,
    skip_end: int | None,
    **options: Any,
) -> None:
    """Plot a saved result to PICTURE, a png, svg or pdf.

    FILE may also be what another LR finder recorded: CSV or JSON with "lr" and "loss".
    """
    skips = given({"skip_start": skip_start, "skip_end": skip_end})
    if (skips or detail) and (against_beta or layers):
        raise click.UsageError(
            "--detail, --skip-start and --skip-end are for the plot of the losses alone."
        )
    if against_beta and layers:
        raise click.UsageError("only one of --against-beta and --layers may be given.")
    with messages():
        from lrfind.cli.writing import save_figure

        question, beta = take_question(options)
        loaded = opened(result, kind)
        draw = partial(loaded.plot, beta=BETA if beta is None else beta, **skips, detail=detail)
        if against_beta or layers:
            draw = partial(loaded.plot_betas if against_beta else loaded.plot_layers)
        save_figure(partial(draw, suggestion=loaded.suggest(**question)), output)
