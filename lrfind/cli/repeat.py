"""`lrfind repeat`."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrfind.cli.examples import Examples
from lrfind.cli.messages import messages, print_note, print_result
from lrfind.cli.options import (
    force_option,
    given,
    out_option,
    question_options,
    range_options,
    split_target,
    take_question,
    target_argument,
    traceback_option,
)
from lrfind.cli.writing import Writing, save_figure

if TYPE_CHECKING:
    from lrfind.repeats.repeat_set import RepeatSet
    from lrfind.repeats.run import Made


def parse_grid(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> dict[str, list[Any]]:
    """Parse `NAME=V,V,...`, which may be given several times, into a grid.

    Numbers, `true`, `false` and `null` are read as in JSON; anything else is a string.

    Raises:
        click.BadParameter: A value is not of that form, or a name is given twice.

    Example:
        >>> parse_grid(None, None, ("batch_size=16,64", "optimizer=sgd,adam"))
        {'batch_size': [16, 64], 'optimizer': ['sgd', 'adam']}
    """
    grid: dict[str, list[Any]] = {}
    for text in values:
        name, separator, listed = text.partition("=")
        if not separator or not name.isidentifier() or not listed:
            raise click.BadParameter(f"{text!r} is not NAME=V,V,...")
        if name in grid:
            raise click.BadParameter(f"{name!r} is given twice")
        grid[name] = [_value(word) for word in listed.split(",")]
    return grid


def parse_jobs(ctx: click.Context, param: click.Parameter, value: int) -> int:
    """A number of parallel runs; a negative one as in joblib, -1 for one per core."""
    if value == 0:
        raise click.BadParameter("0 runs at a time make none; -1 is one per core")
    return value


def _value(word: str) -> Any:
    try:
        value = json.loads(word)
    except ValueError:
        return word
    return value if value is None or isinstance(value, bool | int | float) else word


@click.command(
    cls=Examples,
    epilog="""
    lrfind repeat train.py:problem --seeds 3
    lrfind repeat train.py:build --grid size=16,64 --out sizes
    """,
)
@target_argument
@out_option("lrfind-repeats", "the runs, the table and the figure")
@click.option(
    "--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="How many, from 0 up."
)
@click.option(
    "--jobs",
    type=int,
    default=-1,
    callback=parse_jobs,
    help="Number of parallel runs. Default: one per core.",
)
@click.option(
    "--grid",
    multiple=True,
    metavar="NAME=V,V,...",
    callback=parse_grid,
    help="Values to try for an argument of FUNCTION; may be given several times.",
)
@force_option
@traceback_option
@range_options
@question_options
def repeat(
    target: str,
    out: Path,
    seeds: int,
    jobs: int,
    grid: dict[str, list[Any]],
    force: bool,
    traceback: bool,
    **options: Any,
) -> None:
    """Test the problem that your function returns, with several seeds.

    FUNCTION returns the same as for `lrfind run`; it takes the names in --grid as arguments, and
    the seed if it has a parameter of that name. Each run is written to --out as soon as it is
    finished, and runs already there are not repeated. Also writes repeats.csv and repeats.png.
    """
    file, function = split_target(target)
    with messages(traceback=traceback):
        from lrfind.problems.from_file import file_build
        from lrfind.repeats.run import make_runs

        question, _ = take_question(options, drawn=False)
        build = file_build(Path(file), function)
        writing = Writing(out, ("repeats.csv", "repeats.png"), force=force)
        made = make_runs(build, seeds, given(options), grid=grid, n_jobs=jobs, out=out)
        _hand_over(made, question, writing)


def _hand_over(made: Made, question: dict[str, Any], writing: Writing) -> None:
    """Print and write what is finished, and end with what is not."""
    if made.runs is not None:
        _print_and_write(made.runs, len(made.runs) - len(made.unwritten), question, writing)
    if made.error is not None:
        writing.note()
        raise made.error
    writing.failed = {**made.unwritten, **writing.failed}
    writing.end()


def _print_and_write(
    runs: RepeatSet, written: int, question: dict[str, Any], writing: Writing
) -> None:
    """Print the table, with one suggestion for each setting, and write it and the figure."""
    from lrfind.repeats.figure import COLORS

    table = runs.table(**question)
    print_result(table)
    if len(table) == 1 and table[0].answer:
        print_result(f"\n{table[0].answer}")
    print_note(f"Wrote {written} runs to {writing.out}/")
    files: dict[str, Callable[[Path], object]] = {"repeats.csv": partial(runs.to_csv, table=table)}
    if len(table) <= len(COLORS):
        files["repeats.png"] = partial(save_figure, partial(runs.plot, table=table))
    else:
        print_note("There are too many settings for a figure.")
    writing.write(files)
