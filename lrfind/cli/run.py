"""What the commands do with a problem and its result: run, write, print."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lrfind.checks.controls.record import Controls
    from lrfind.checks.verification.record import Verification
    from lrfind.problems.problem import Problem
    from lrfind.result.range_test_result import RangeTestResult


def run_problem(
    problem: Problem,
    out: Path,
    betas: tuple[float, ...],
    *,
    verify: bool,
    budget: int | None,
    schedule: str | None,
    controls: bool,
    **settings: Any,
) -> None:
    """Run what the options ask for; the first rank writes to `out` and prints.

    Args:
        problem: The problem.
        out: The folder, made if it is not there.
        betas: Betas of the table; the last is that of the figure.
        verify: Whether short trainings follow the sweep.
        budget: Steps of `find_lr`, which takes the place of the sweep; None for a sweep.
        schedule: The schedule of the training to come.
        controls: Whether the controls follow the sweep.
        settings: Arguments of `range_test`, None where not given.

    Raises:
        click.UsageError: Options that exclude each other.
    """
    from lrfind.support.process_group import is_first_rank

    asked = given(settings)
    if budget and (verify or controls or asked.keys() & {"num_iter", "step_mode", "layers"}):
        raise click.UsageError(
            "--budget goes without --verify, --controls, --layers, --num-iter and --step-mode."
        )
    first = is_first_rank()
    if first:
        out.mkdir(parents=True, exist_ok=True)
    if budget:
        answer = problem.find_lr(budget=budget, schedule=schedule, **asked)
        if first:
            _hand_over_verification(answer, out)
        return
    result = problem.range_test(**asked)
    if first:
        _hand_over(result, out, betas, schedule)
    if controls:
        found = problem.controls(result)
        if first:
            _hand_over_controls(found, out)
    if verify:
        answer = problem.verify(result, schedule=schedule)
        if first:
            _hand_over_verification(answer, out)


def given(settings: dict[str, Any]) -> dict[str, Any]:
    """The range options that were given, as arguments of `range_test`."""
    asked = {name: value for name, value in settings.items() if value is not None}
    if asked.get("layers") is False:
        del asked["layers"]  # not asked for: a problem's own options decide
    if asked.get("diverge_th") == 0:
        asked["diverge_th"] = None
    return asked


def _hand_over(
    result: RangeTestResult, out: Path, betas: tuple[float, ...], schedule: str | None
) -> None:
    result.save(out / "result.json")
    result.to_csv(out / "result.csv", beta=betas[-1])
    save_figure(lambda ax: result.plot(ax, beta=betas[-1]), out / "range_test.png")
    save_figure(result.plot_betas, out / "beta.png")
    click.echo(f"Wrote result.json, result.csv, range_test.png and beta.png to {out}/", err=True)
    print_report(result, betas, schedule)
    if result.layers is not None:
        from lrfind.layers.figures import blow_up_sentence

        save_figure(result.plot_layers, out / "layers.png")
        click.echo(f"Wrote layers.png to {out}/", err=True)
        click.echo(blow_up_sentence(result.layers.blow_ups()))


def _hand_over_controls(controls: Controls, out: Path) -> None:
    controls.save(out / "controls.json")
    save_figure(controls.plot, out / "controls.png")
    click.echo(f"Wrote controls.json and controls.png to {out}/", err=True)
    click.echo(f"\n{controls}")


def _hand_over_verification(answer: Verification, out: Path) -> None:
    answer.save(out / "verification.json")
    save_figure(answer.plot, out / "verification.png")
    click.echo(f"Wrote verification.json and verification.png to {out}/", err=True)
    click.echo(f"\n{answer}")


def print_report(
    result: RangeTestResult, betas: tuple[float, ...], schedule: str | None = None
) -> None:
    """Print how the sweep ended, its table, and what to do."""
    from rich.console import Console

    from lrfind.analysis.comparison_table import print_comparison
    from lrfind.result.report import advice, ending, shift_sentence
    from lrfind.support.errors import CannotTellError
    from lrfind.support.text import TEXT_WIDTH

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
    if result.tasks:
        console.print(str(result.task_disagreement()))


def as_dict(result: RangeTestResult, betas: tuple[float, ...]) -> dict[str, Any]:
    """The table and the suggestion, ready for JSON."""
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


def save_figure(draw: Callable[[Axes], object], path: Path) -> None:
    """Draw on a new figure and write it whole."""
    from matplotlib.figure import Figure

    from lrfind.support.files import write_whole

    figure = Figure(figsize=(8, 5), layout="constrained", dpi=130)
    draw(figure.subplots())
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:].lower())
    write_whole(path, data.getvalue())
