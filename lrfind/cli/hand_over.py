"""What the commands do with a problem: run it, write its results and print them."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lrfind.cli.messages import print_note, print_result, print_text
from lrfind.cli.options import betas_of, given, take_question
from lrfind.support.axes import without_tex

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lrfind.checks.controls.record import Controls
    from lrfind.checks.verification.record import Verification
    from lrfind.multitask.disagreement import TaskDisagreement
    from lrfind.problems.problem import Problem
    from lrfind.result.range_test_result import RangeTestResult
    from lrfind.result.report import Summary
    from lrfind.result.sweep_analysis import Answer

NOT_WITH_A_BUDGET = ("verify", "controls", "layers", "num_iter", "step_mode")
"""Options that cannot be combined with `--budget`; nor can question options except schedule
and length."""


def run_problem(
    problem: Problem, out: Path, betas: tuple[float, ...] | None, detail: bool, **options: Any
) -> None:
    """Run what the options ask for; the first rank writes to `out` and prints.

    Args:
        problem: The problem.
        out: The folder, created if needed.
        betas: Betas of the table; the figure uses the last. None if not given.
        detail: Whether to print every curve, shift and interval.
        options: Those of `sweep_options`, None if not given.

    Raises:
        click.UsageError: Options that cannot be combined.
    """
    from lrfind.support.process_group import is_first_rank

    question, beta = take_question(options)
    verify, controls, budget = (options.pop(name) for name in ("verify", "controls", "budget"))
    asked = given(options)
    if budget:
        _check_budget(asked | {"verify": verify, "controls": controls}, question)
    first = is_first_rank()
    if first:
        out.mkdir(parents=True, exist_ok=True)
    if budget:
        found = problem.find_lr(budget=budget, **asked, **question)
        return _hand_over_verification(found, out) if first else None
    asked["confirm"] = _to_confirm(problem, question, asked.get("confirm"))
    result = problem.range_test(**asked)
    if first:
        result.save(out / "result.json")
    told = problem.controls(result) if controls else None
    answered = answer(result, question, betas_of(betas, detail), beta, told, detail=detail)
    more: list[Any] = [] if told is None else [told]
    if first:
        _hand_over(result, out, answered)
        if told is not None:
            _hand_over_controls(told, out)
        _hand_over_page(result, more, out, answered)
    if verify:
        found = problem.verify(answered.suggestion, result=result)
        if first:
            _hand_over_verification(found, out)
            _hand_over_page(result, [*more, found], out, answered)
    return None


def _to_confirm(
    problem: Problem, question: dict[str, Any], confirm: bool | None
) -> Mapping[str, Any] | bool:
    """The training for which the suggestion is tried from the start; False to try nothing.

    Args:
        problem: The problem. Its options say whether to try; else it is done where the loader can
            be restarted.
        question: Arguments of `suggest`. No other rate than lrfind's own is tried.
        confirm: `--confirm` or `--no-confirm`; None if not given.

    Raises:
        click.UsageError: `--confirm`, but another rate is asked for.
    """
    from lrfind.analysis.rules import DEFAULT

    told = {name: value for name, value in question.items() if name in ("schedule", "total_steps")}
    others = [name for name in question if name not in told and question[name] != DEFAULT]
    if others:
        if confirm:
            listed = ", ".join(f"--{name}" for name in others)
            raise click.UsageError(f"--confirm cannot be combined with {listed}.")
        return False
    wanted = problem.options.get("confirm") if confirm is None else confirm
    if wanted is None:
        wanted = not hasattr(problem.train_loader, "__next__")
    return (told or wanted) if wanted else False


def _check_budget(asked: dict[str, Any], question: dict[str, Any]) -> None:
    """Reject options that the budget determines."""
    names = [name for name in NOT_WITH_A_BUDGET if asked.get(name)]
    names += ["confirm"] * ("confirm" in asked)
    names += [name for name in question if name not in ("schedule", "total_steps")]
    if names:
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        raise click.UsageError(f"--budget cannot be combined with {listed}.")


class Answered(NamedTuple):
    """The answers of one command, used for everything that it prints, draws or writes."""

    suggestion: Answer
    tasks: TaskDisagreement | None
    betas: tuple[float, ...]
    """Betas of the table; the last one is used for the answer and the figure."""
    detail: bool
    """Whether to print every curve, shift and interval."""


def answer(
    result: RangeTestResult,
    question: dict[str, Any],
    betas: tuple[float, ...],
    beta: float | None,
    controls: Controls | None = None,
    *,
    detail: bool = False,
) -> Answered:
    """Compute the answers of a result, once for all outputs.

    Args:
        result: The sweep.
        question: Arguments of `suggest`.
        betas: Betas of the table.
        beta: Beta of the figure and of the curve asked for; None for the last of `betas`.
        controls: The controls of the sweep, to take into account in the verdict.
        detail: Whether to print every curve, shift and interval.
    """
    from lrfind.analysis.smoothing import SMOOTHERS

    beta = betas[-1] if beta is None else beta
    asked = question | ({"beta": beta} if question.get("curve") in SMOOTHERS else {})
    return Answered(
        (result if controls is None else controls).suggest(**asked),
        result.task_disagreement(**asked) if result.tasks else None,
        (*(each for each in betas if each != beta), beta),
        detail,
    )


def report_of(result: RangeTestResult, answered: Answered) -> Summary:
    """The summary of a sweep.

    Raises:
        click.ClickException: The sweep has too few losses for a table.
    """
    from lrfind.result.report import ending
    from lrfind.support.errors import CannotTellError

    try:
        return result.summary(
            answered.betas,
            detail=answered.detail,
            suggestion=answered.suggestion,
            tasks=answered.tasks,
        )
    except CannotTellError as error:
        raise click.ClickException(f"{ending(result)} No analysis: {error}.") from error


def _hand_over(result: RangeTestResult, out: Path, answered: Answered) -> None:
    beta, suggestion = answered.betas[-1], answered.suggestion
    result.to_csv(out / "result.csv", beta=beta)
    curves = partial(result.plot, beta=beta, suggestion=suggestion)
    save_figure(curves, out / "range_test.png")
    save_figure(partial(result.plot_betas, suggestion=suggestion), out / "beta.png")
    print_note(f"Wrote result.json, result.csv, range_test.png and beta.png to {out}/")
    print_result(report_of(result, answered))
    if result.layers is not None:
        from lrfind.layers.figures import blow_up_sentence

        save_figure(partial(result.plot_layers, suggestion=suggestion), out / "layers.png")
        print_note(f"Wrote layers.png to {out}/")
        print_text(blow_up_sentence(result.layers.blow_ups()))


def _hand_over_controls(controls: Controls, out: Path) -> None:
    controls.save(out / "controls.json")
    save_figure(controls.plot, out / "controls.png")
    print_note(f"Wrote controls.json and controls.png to {out}/")
    print_text(f"\n{controls}")


def _hand_over_verification(found: Verification, out: Path) -> None:
    found.save(out / "verification.json")
    save_figure(found.plot, out / "verification.png")
    print_note(f"Wrote verification.json and verification.png to {out}/")
    print_text(f"\n{found}")


def _hand_over_page(
    result: RangeTestResult, more: Sequence[Any], out: Path, answered: Answered
) -> None:
    """Write the interactive page, if its library is installed."""
    beta, suggestion = answered.betas[-1], answered.suggestion
    try:
        result.report(
            out / "report.html", *more, names=[out.resolve().name], beta=beta, suggestion=suggestion
        )
    except ImportError as error:
        print_note(f"No report.html, an interactive page: {error}")
    else:
        print_note(f"Wrote report.html, an interactive page, to {out}/")


@without_tex()
def save_figure(draw: Callable[[Axes], object], path: Path) -> None:
    """Draw on a new figure and write it atomically."""
    from matplotlib.figure import Figure

    from lrfind.support.files import write_whole

    figure = Figure(figsize=(8, 5), layout="constrained", dpi=130)
    draw(figure.subplots())
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:].lower())
    write_whole(path, data.getvalue())
