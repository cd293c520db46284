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

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lrfind.analysis.verification import Verification
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
        help="Folder for the files.",
    )


def verify_options(command: Callable[..., None]) -> Callable[..., None]:
    """What follows a sweep, or takes its place."""
    options = [
        click.option("--verify", is_flag=True, help="Then try rates around the suggested one."),
        click.option(
            "--budget",
            type=click.IntRange(min=80),
            help="Find one rate within so many steps instead: half a sweep, half trials.",
        ),
        click.option(
            "--schedule",
            type=click.Choice(["constant", "one-cycle"]),
            callback=lambda ctx, param, value: value and value.replace("-", "_"),
            help="Of the training to come.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


betas_option = click.option(
    "--betas",
    callback=_parse_betas,
    default="0.9,0.98",
    show_default=True,
    metavar="B,B,...",
    help="Betas of the averages; a figure shows the last.",
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
@betas_option
@range_options
@verify_options
def demo(
    out: Path, model: str, optimizer: str, seed: int, betas: tuple[float, ...], **settings: Any
) -> None:
    """Test a small network on bundled handwritten digits.

    Writes result.json, result.csv, range_test.png and beta.png to --out, replacing them; with
    --verify also verification.json and verification.png, with --budget these alone.
    """
    with _messages():
        from lrfind.demo import digits_problem

        problem = digits_problem(model=model, optimizer=optimizer, seed=seed)
        _run(problem, out, betas, settings)


@main.command()
@click.argument("target", metavar="FILE.py:FUNCTION")
@out_option("lrfind-out")
@click.option("--seed", type=int, default=0, show_default=True, help="Of Python, NumPy and torch.")
@click.option("--traceback", is_flag=True, help="Show the whole traceback of an error in FILE.py.")
@betas_option
@range_options
@verify_options
def run(
    target: str, out: Path, seed: int, traceback: bool, betas: tuple[float, ...], **settings: Any
) -> None:
    """Test the problem that a function of yours returns.

    FUNCTION takes no arguments and returns (model, optimizer, loss_fn, train_loader) or an
    lrfind.Problem. Writes the same files as the demo to --out, replacing them.

    Under torchrun the process group stands when FUNCTION is called, and the first rank writes and
    prints: torchrun --nproc-per-node 2 -m lrfind run FILE.py:FUNCTION
    """
    file, separator, function = target.rpartition(":")
    if not separator or not function.isidentifier():
        raise click.UsageError(f"{target!r} is not FILE.py:FUNCTION.")
    with nullcontext() if traceback else _messages(file):
        from lrfind.problem_file import load_problem
        from lrfind.training.ranks import process_group

        with process_group():
            _run(load_problem(Path(file), function, seed), out, betas, settings)


@main.command()
@click.argument("result", type=click.Path(path_type=Path))
@betas_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def show(result: Path, betas: tuple[float, ...], as_json: bool) -> None:
    """Print the table of a saved result, for any betas."""
    with _messages():
        from lrfind.storage import load

        loaded = load(result)
        if as_json:
            click.echo(json.dumps(_as_dict(loaded, betas), indent=2))
        else:
            _print_report(loaded, betas)


@main.command()
@click.argument("result", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="FILE")
@click.option("--beta", type=click.FloatRange(0, 1, max_open=True), default=0.98, show_default=True)
@click.option("--against-beta", is_flag=True, help="Draw the minimum against beta instead.")
def plot(result: Path, output: Path, beta: float, against_beta: bool) -> None:
    """Draw a saved result into FILE, a png, svg or pdf."""
    if output.suffix.lower() not in FIGURE_SUFFIXES:
        raise click.BadParameter(
            f"{output.name!r} must end in {', '.join(FIGURE_SUFFIXES)}", param_hint="--output"
        )
    with _messages():
        from lrfind.storage import load

        loaded = load(result)
        draw = loaded.plot_betas if against_beta else lambda ax: loaded.plot(ax, beta=beta)
        _save_figure(draw, output)


def _run(problem: Problem, out: Path, betas: tuple[float, ...], settings: dict[str, Any]) -> None:
    from lrfind.training.ranks import is_first_rank

    verify, budget, schedule = (settings.pop(each) for each in ("verify", "budget", "schedule"))
    given = {name: value for name, value in settings.items() if value is not None}
    if given.get("diverge_th") == 0:
        given["diverge_th"] = None
    if budget and (verify or given.keys() & {"num_iter", "step_mode"}):
        raise click.UsageError("--budget goes without --verify, --num-iter and --step-mode.")
    if is_first_rank():
        out.mkdir(parents=True, exist_ok=True)
    if budget:
        answer = problem.find_lr(budget=budget, schedule=schedule, **given)
    else:
        result = problem.range_test(**given)
        if is_first_rank():
            _hand_over(result, out, betas, schedule)
        if not verify:
            return
        answer = problem.verify(result, schedule=schedule)
    if is_first_rank():
        _hand_over_verification(answer, out)


def _hand_over(
    result: RangeTestResult, out: Path, betas: tuple[float, ...], schedule: str | None
) -> None:
    result.save(out / "result.json")
    result.to_csv(out / "result.csv", beta=betas[-1])
    _save_figure(lambda ax: result.plot(ax, beta=betas[-1]), out / "range_test.png")
    _save_figure(result.plot_betas, out / "beta.png")
    click.echo(f"Wrote result.json, result.csv, range_test.png and beta.png to {out}/", err=True)
    _print_report(result, betas, schedule)


def _hand_over_verification(answer: Verification, out: Path) -> None:
    answer.save(out / "verification.json")
    _save_figure(answer.plot, out / "verification.png")
    click.echo(f"Wrote verification.json and verification.png to {out}/", err=True)
    click.echo(f"\n{answer}")


def _print_report(
    result: RangeTestResult, betas: tuple[float, ...], schedule: str | None = None
) -> None:
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
    console.print(advice(result, schedule))


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
