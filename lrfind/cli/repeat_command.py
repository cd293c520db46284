"""`lrfind repeat`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from lrfind.cli.messages import messages
from lrfind.cli.options import (
    given,
    out_option,
    question_options,
    range_options,
    split_target,
    take_question,
    target_argument,
    traceback_option,
)
from lrfind.cli.repeat import parse_grid


@click.command()
@target_argument
@out_option("lrfind-repeats", "the runs, the table and the picture")
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--jobs", type=int, default=-1, help="Runs at a time. Default: one on each core.")
@click.option(
    "--grid",
    multiple=True,
    metavar="NAME=V,V,...",
    callback=parse_grid,
    help="Values of an argument of FUNCTION, each to be tried; may be given several times.",
)
@traceback_option
@range_options
@question_options
def repeat(
    target: str,
    out: Path,
    seeds: int,
    jobs: int,
    grid: dict[str, list[Any]],
    traceback: bool,
    **options: Any,
) -> None:
    """Test the problem that a function of yours returns, with several seeds.

    FUNCTION returns what it does for `lrfind run`; it takes the names in --grid as arguments, and
    the seed if it has a parameter of that name. Each run is written to --out at once, and runs
    that are there are not done again. Writes repeats.csv and repeats.png beside them.
    """
    file, function = split_target(target)
    with nullcontext() if traceback else messages():
        from lrfind.cli.hand_over import hand_over_repeats
        from lrfind.problems.from_file import file_build
        from lrfind.repeats.run import repeat as repeat_runs

        question = take_question(options)
        build = file_build(Path(file), function)
        runs = repeat_runs(build, seeds=seeds, grid=grid, n_jobs=jobs, out=out, **given(options))
        hand_over_repeats(runs, question, out)
