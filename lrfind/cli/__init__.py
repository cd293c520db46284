"""The command `lrfind`: parse, call, print.

Results go to standard output, messages to standard error. Everything heavy is imported inside the
commands, so that `--help` is instant and `show` and `plot` never import torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from traceback import extract_tb
from typing import Any

import click

from lrfind._version import __version__
from lrfind.cli.options import (
    betas_option,
    controls_option,
    layers_option,
    out_option,
    range_options,
    verify_options,
)
from lrfind.cli.repeat import parse_grid

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lrfind")
def main() -> None:
    """Run an LR range test, and see how far smoothing moved its minimum."""


@main.command()
@out_option("lrfind-demo")
@click.option("--model", type=click.Choice(["mlp", "cnn"]), default="mlp", show_default=True)
@click.option("--optimizer", type=click.Choice(["sgd", "adam"]), default="sgd", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@controls_option
@layers_option
@betas_option
@range_options
@verify_options
def demo(
    out: Path,
    model: str,
    optimizer: str,
    seed: int,
    betas: tuple[float, ...],
    **settings: Any,
) -> None:
    """Test a small network on bundled handwritten digits.

    Writes result.json, result.csv, range_test.png and beta.png to --out, replacing them; with
    --verify also verification.json and verification.png, with --budget these alone.
    """
    with _messages():
        from lrfind.cli.run import run_problem
        from lrfind.demo import digits_problem

        problem = digits_problem(model=model, optimizer=optimizer, seed=seed)
        run_problem(problem, out, betas, **settings)


@main.command()
@click.argument("target", metavar="FILE.py:FUNCTION")
@out_option("lrfind-out")
@click.option("--seed", type=int, default=0, show_default=True, help="Of Python, NumPy and torch.")
@click.option("--traceback", is_flag=True, help="Show the whole traceback of an error in FILE.py.")
@controls_option
@layers_option
@betas_option
@range_options
@verify_options
def run(
    target: str,
    out: Path,
    seed: int,
    traceback: bool,
    betas: tuple[float, ...],
    **settings: Any,
) -> None:
    """Test the problem that a function of yours returns.

    FUNCTION takes no arguments and returns (model, optimizer, loss_fn, train_loader) or an
    lrfind.Problem. Writes the same files as the demo to --out, replacing them.

    Under torchrun the process group stands when FUNCTION is called, and the first rank writes and
    prints: torchrun --nproc-per-node 2 -m lrfind run FILE.py:FUNCTION
    """
    file, function = _split(target)
    with nullcontext() if traceback else _messages(file):
        from lrfind.cli.run import run_problem
        from lrfind.problems.from_file import load_problem
        from lrfind.support.process_group import process_group

        with process_group():
            run_problem(load_problem(Path(file), function, seed), out, betas, **settings)


@main.command()
@click.argument("target", metavar="FILE.py:FUNCTION")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="lrfind-repeats",
    show_default=True,
    help="Folder for the runs, the table and the picture.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--jobs", type=int, default=-1, help="Runs at a time. Default: one on each core.")
@click.option(
    "--grid",
    multiple=True,
    metavar="NAME=V,V,...",
    callback=parse_grid,
    help="Values of an argument of FUNCTION, each to be tried; may be given several times.",
)
@click.option("--traceback", is_flag=True, help="Show the whole traceback of an error.")
@range_options
def repeat(
    target: str,
    out: Path,
    seeds: int,
    jobs: int,
    grid: dict[str, list[Any]],
    traceback: bool,
    **settings: Any,
) -> None:
    """Test the problem that a function of yours returns, with several seeds.

    FUNCTION returns what it does for `lrfind run`; it takes the names in --grid as arguments, and
    the seed if it has a parameter of that name. Each run is written to --out at once, and runs
    that are there are not done again. Writes repeats.csv and repeats.png beside them.
    """
    file, function = _split(target)
    with nullcontext() if traceback else _messages():
        from lrfind.cli.repeat import print_runs
        from lrfind.cli.run import given, save_figure
        from lrfind.problems.from_file import file_build
        from lrfind.repeats.figure import COLORS
        from lrfind.repeats.run import repeat as repeat_runs

        build = file_build(Path(file), function)
        runs = repeat_runs(build, seeds=seeds, grid=grid, n_jobs=jobs, out=out, **given(settings))
        runs.to_csv(out / "repeats.csv")
        drawn = len(runs.by_setting()) <= len(COLORS)
        if drawn:
            save_figure(runs.plot, out / "repeats.png")
        print_runs(runs, out, drawn=drawn)


@main.command()
@click.argument("result", type=click.Path(path_type=Path))
@betas_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--sensitivity", is_flag=True, help="Add the rate under every rule and sub-sweep.")
def show(result: Path, betas: tuple[float, ...], as_json: bool, sensitivity: bool) -> None:
    """Print the table of a saved result, for any betas."""
    with _messages():
        from lrfind.cli.run import as_dict, print_report
        from lrfind.result.range_test_result import load

        loaded = load(result)
        if as_json:
            more = {"sensitivity": loaded.sensitivity(betas).to_dict()} if sensitivity else {}
            click.echo(json.dumps(as_dict(loaded, betas) | more, indent=2))
        else:
            print_report(loaded, betas)
            if sensitivity:
                click.echo(f"\n{loaded.sensitivity(betas)}")


@main.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE")
@click.option("--beta", type=click.FloatRange(0, 1, max_open=True), default=0.98, show_default=True)
@click.option("--against-beta", is_flag=True, help="Draw the minimum against beta instead.")
@click.option("--layers", is_flag=True, help="Draw the update/weight ratio of every layer instead.")
def plot(result: Path, output: Path, beta: float, against_beta: bool, layers: bool) -> None:
    """Draw a saved result into FILE, a png, svg or pdf."""
    if against_beta and layers:
        raise click.UsageError("only one of --against-beta and --layers may be given.")
    if output.suffix.lower() not in FIGURE_SUFFIXES:
        raise click.BadParameter(
            f"{output.name!r} must end in {', '.join(FIGURE_SUFFIXES)}", param_hint="--output"
        )
    with _messages():
        from lrfind.cli.run import save_figure
        from lrfind.result.range_test_result import load

        loaded = load(result)
        draw = loaded.plot_betas if against_beta else lambda ax: loaded.plot(ax, beta=beta)
        save_figure(loaded.plot_layers if layers else draw, output)


def _split(target: str) -> tuple[str, str]:
    file, separator, function = target.rpartition(":")
    if not separator or not function.isidentifier():
        raise click.UsageError(f"{target!r} is not FILE.py:FUNCTION.")
    return file, function


@contextmanager
def _messages(user_file: str | None = None) -> Iterator[None]:
    """Turn a mistake of the user's into one line and exit code 1.

    With a `user_file` any error may come from what that file made, and its place there is told
    where it has one. Without, one that is not about an argument or a file is a bug of ours, and
    keeps its traceback.
    """
    from lrfind.support.errors import LrfindError

    try:
        yield
    except click.ClickException:
        raise
    except Exception as error:
        place = _place_in(user_file, error) if user_file else ""
        if not place and isinstance(error, LrfindError | OSError | ValueError | TypeError):
            raise click.ClickException(str(error)) from error
        if not user_file:
            raise
        message = f"{place}{type(error).__name__}: {error} (--traceback shows where)"
        raise click.ClickException(message) from error


def _place_in(file: str, error: Exception) -> str:
    """The last line of that file that an error passed through, or nothing."""
    frames = extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).resolve() == Path(file).resolve()]
    return f"{file}, line {own[-1].lineno}, in {own[-1].name}: " if own else ""
