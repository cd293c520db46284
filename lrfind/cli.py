"""The command `lrfind`: parse, call, print.

Results go to standard output, messages to standard error. Everything heavy is imported inside the
commands, so that `--help` is instant and `show` and `plot` never import torch.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

import click

from lrfind._version import __version__
from lrfind.cli_repeat import parse_grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lrfind.result import RangeTestResult
    from lrfind.training.problem import Problem

FIGURE_SUFFIXES = (".png", ".svg", ".pdf")


def _parse_betas(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    try:
        betas = tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of numbers such as 0.9,0.98") from None
    if not all(0 <= beta < 1 for beta in betas):
        raise click.BadParameter(f"every beta must be in [0, 1), got {value!r}")
    return betas


def range_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a sweep, by the names of `range_test`'s arguments; None if not given."""
    positive = click.FloatRange(min=0, min_open=True)
    options = [
        click.option("--start-lr", type=positive, help="Default: 1e-6."),
        click.option("--end-lr", type=positive, help="Default: 10."),
        click.option("--num-iter", type=click.IntRange(min=2), help="Steps. Default: 300."),
        click.option("--step-mode", type=click.Choice(["exp", "linear"]), help="Default: exp."),
        click.option(
            "--diverge-th",
            type=click.FloatRange(min=0),
            help="Stop when the loss has risen by this many times its descent; 0 never stops. "
            "Default: 4.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def out_option(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The folder that a command writes to."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=default,
        show_default=True,
        help="Folder for the four files.",
    )


layers_option = click.option(
    "--layers", is_flag=True, help="Record every layer, and write layers.png too."
)

betas_option = click.option(
    "--betas",
    callback=_parse_betas,
    default="0.9,0.98",
    show_default=True,
    metavar="B,B,...",
    help="Betas of the averages; a figure shows the last.",
)

controls_option = click.option(
    "--controls",
    is_flag=True,
    help="Run the controls too: what of the fall is time, what of the wiggle the data. "
    "Writes controls.json and controls.png.",
)


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
def demo(
    out: Path,
    model: str,
    optimizer: str,
    seed: int,
    controls: bool,
    betas: tuple[float, ...],
    **settings: Any,
) -> None:
    """Test a small network on bundled handwritten digits.

    Writes result.json, result.csv, range_test.png and beta.png to --out, replacing them.
    """
    with _messages():
        from lrfind.demo import digits_problem

        problem = digits_problem(model=model, optimizer=optimizer, seed=seed)
        result = _run(problem, out, betas, settings)
        if controls:
            _run_controls(problem, result, out)


@main.command()
@click.argument("target", metavar="FILE.py:FUNCTION")
@out_option("lrfind-out")
@click.option("--seed", type=int, default=0, show_default=True, help="Of Python, NumPy and torch.")
@click.option("--traceback", is_flag=True, help="Show the whole traceback of an error in FILE.py.")
@controls_option
@layers_option
@betas_option
@range_options
def run(
    target: str,
    out: Path,
    seed: int,
    traceback: bool,
    controls: bool,
    betas: tuple[float, ...],
    **settings: Any,
) -> None:
    """Test the problem that a function of yours returns.

    FUNCTION takes no arguments and returns (model, optimizer, loss_fn, train_loader) or an
    lrfind.Problem. Writes the same four files as the demo to --out, replacing them.

    Under torchrun the process group stands when FUNCTION is called, and the first rank writes and
    prints: torchrun --nproc-per-node 2 -m lrfind run FILE.py:FUNCTION
    """
    file, function = _split(target)
    with nullcontext() if traceback else _messages(file):
        from lrfind.problem_file import load_problem
        from lrfind.training.ranks import process_group

        with process_group():
            problem = load_problem(Path(file), function, seed)
            result = _run(problem, out, betas, settings)
            if controls:
                _run_controls(problem, result, out)


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
        from lrfind.cli_repeat import print_runs
        from lrfind.display.repeat_figure import COLORS
        from lrfind.problem_file import file_build
        from lrfind.training.repeat import repeat as repeat_runs

        build = file_build(Path(file), function)
        runs = repeat_runs(build, seeds=seeds, grid=grid, n_jobs=jobs, out=out, **_given(settings))
        runs.to_csv(out / "repeats.csv")
        drawn = len(runs.by_setting()) <= len(COLORS)
        if drawn:
            _save_figure(runs.plot, out / "repeats.png")
        print_runs(runs, out, drawn=drawn)


@main.command()
@click.argument("result", type=click.Path(path_type=Path))
@betas_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--sensitivity", is_flag=True, help="Add the rate under every rule and sub-sweep.")
def show(result: Path, betas: tuple[float, ...], as_json: bool, sensitivity: bool) -> None:
    """Print the table of a saved result, for any betas."""
    with _messages():
        from lrfind.storage import load

        loaded = load(result)
        if as_json:
            more = {"sensitivity": loaded.sensitivity(betas).to_dict()} if sensitivity else {}
            click.echo(json.dumps(_as_dict(loaded, betas) | more, indent=2))
        else:
            _print_report(loaded, betas)
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
        from lrfind.storage import load

        loaded = load(result)
        draw = loaded.plot_betas if against_beta else lambda ax: loaded.plot(ax, beta=beta)
        _save_figure(loaded.plot_layers if layers else draw, output)


def _split(target: str) -> tuple[str, str]:
    file, separator, function = target.rpartition(":")
    if not separator or not function.isidentifier():
        raise click.UsageError(f"{target!r} is not FILE.py:FUNCTION.")
    return file, function


def _given(settings: dict[str, Any]) -> dict[str, Any]:
    """The range options that were given, as arguments of `range_test`."""
    given = {name: value for name, value in settings.items() if value is not None}
    if given.get("layers") is False:
        del given["layers"]  # not asked for: a problem's own options decide
    if given.get("diverge_th") == 0:
        given["diverge_th"] = None
    return given


def _run(
    problem: Problem, out: Path, betas: tuple[float, ...], settings: dict[str, Any]
) -> RangeTestResult:
    from lrfind.training.ranks import is_first_rank

    given = _given(settings)
    if is_first_rank():
        out.mkdir(parents=True, exist_ok=True)
    result = problem.range_test(**given)
    if not is_first_rank():
        return result
    result.save(out / "result.json")
    result.to_csv(out / "result.csv", beta=betas[-1])
    _save_figure(lambda ax: result.plot(ax, beta=betas[-1]), out / "range_test.png")
    _save_figure(result.plot_betas, out / "beta.png")
    click.echo(f"Wrote result.json, result.csv, range_test.png and beta.png to {out}/", err=True)
    _print_report(result, betas)
    if result.layers is not None:
        from lrfind.display.layers import blow_up_sentence

        _save_figure(result.plot_layers, out / "layers.png")
        click.echo(f"Wrote layers.png to {out}/", err=True)
        click.echo(blow_up_sentence(result.layers.blow_ups()))
    return result


def _run_controls(problem: Problem, result: RangeTestResult, out: Path) -> None:
    from lrfind.training.ranks import is_first_rank

    controls = problem.controls(result)
    if is_first_rank():
        controls.save(out / "controls.json")
        _save_figure(controls.plot, out / "controls.png")
        click.echo(f"Wrote controls.json and controls.png to {out}/", err=True)
        click.echo(f"\n{controls}")


def _print_report(result: RangeTestResult, betas: tuple[float, ...]) -> None:
    from rich.console import Console

    from lrfind._errors import CannotTellError
    from lrfind.display.sentences import advice, ending, shift_sentence
    from lrfind.display.table import TEXT_WIDTH, print_comparison

    try:
        comparison = result.compare(betas)
    except CannotTellError as error:
        raise click.ClickException(f"{ending(result)} Cannot tell: {error}.") from error
    console = Console(highlight=False, markup=False)
    console.width = max(console.width, TEXT_WIDTH)
    console.print(ending(result), "", sep="\n")
    print_comparison(comparison, console)
    console.print()
    console.print(shift_sentence(comparison.row("debiased", betas[-1])))
    console.print(advice(result))
    if result.tasks:
        console.print(str(result.task_disagreement()))


def _as_dict(result: RangeTestResult, betas: tuple[float, ...]) -> dict[str, Any]:
    import numpy as np

    suggestion = result.suggest()
    # Without a suggestion there may be too few losses for a table.
    table = result.compare(betas).to_dict() if np.isfinite(result.loss[:2]).sum() == 2 else {}
    return {
        "stop_reason": result.stop_reason.name.lower(),
        "steps": result.lr.size,
        "suggestion": suggestion.to_dict(),
        **table,
    }


def _save_figure(draw: Callable[[Axes], object], path: Path) -> None:
    from matplotlib.figure import Figure

    from lrfind.storage import write_whole

    figure = Figure(figsize=(8, 5), layout="constrained", dpi=130)
    draw(figure.subplots())
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:].lower())
    write_whole(path, data.getvalue())


@contextmanager
def _messages(user_file: str | None = None) -> Iterator[None]:
    """Turn a mistake of the user's into one line and exit code 1.

    With a `user_file` any error may come from what that file made, and its place there is told
    where it has one. Without, one that is not about an argument or a file is a bug of ours, and
    keeps its traceback.
    """
    from lrfind._errors import LrfindError

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
