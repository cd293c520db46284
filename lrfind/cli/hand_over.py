"""What the commands do with a problem: run it, write its results and print them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lrfind.cli.answered import Answered, answer, report_of
from lrfind.cli.messages import print_note, print_result, print_text
from lrfind.cli.options import betas_of, given, take_question
from lrfind.cli.writing import Writing, save_figure

if TYPE_CHECKING:
    from lrfind.checks.controls.record import Controls
    from lrfind.checks.verification.record import Verification
    from lrfind.problems.problem import Problem
    from lrfind.result.range_test_result import RangeTestResult

RESUMING = ("checkpoint_every", "resume")
NOT_WITH_A_BUDGET = ("verify", "controls", "layers", "num_iter", "step_mode", *RESUMING)
"""Options that cannot be combined with `--budget`; nor can question options except schedule
and length."""
JOURNAL, CHECKPOINT = "journal.jsonl", "journal.ckpt"
"""The file that keeps each step of the sweep while it runs, and that from which it goes on."""


def run_problem(
    problem: Problem,
    out: Path,
    betas: tuple[float, ...] | None,
    detail: bool,
    force: bool,
    **options: Any,
) -> None:
    """Run what the options ask for; the first rank writes to `out` and prints.

    Args:
        problem: The problem.
        out: The folder, created if needed.
        betas: Betas of the table; the figure uses the last. None if not given.
        detail: Whether to print every curve, shift and interval.
        force: Whether to replace files of other programs.
        options: Those of `sweep_options`, None if not given.

    Raises:
        click.ClickException: A file of another program would be replaced, before anything is run;
            or a file could not be written, after everything is printed.
        click.UsageError: Options that cannot be combined.
    """
    from lrfind.support.process_group import is_first_rank

    question, beta = take_question(options)
    verify, controls, budget = (options.pop(name) for name in ("verify", "controls", "budget"))
    asked = given(options)
    if budget:
        _check_budget(asked | {"verify": verify, "controls": controls}, question)
    first = is_first_rank()
    writing = Writing(out, _names(asked, verify, controls, budget), force=force) if first else None
    asked["journal"] = None if writing is None else writing.begin(JOURNAL)
    if first and asked["journal"] is None:
        asked.pop("checkpoint_every", None)  # it lies beside the journal
    if budget:
        found = problem.find_lr(budget=budget, **asked, **question)
        return _end(writing, lambda to: _hand_over_verification(found, to))
    asked["confirm"] = _to_confirm(problem, question, asked.get("confirm"))
    result = problem.range_test(**asked)
    told = problem.controls(result) if controls else None
    answered = answer(result, question, betas_of(betas, detail), beta, told, detail=detail)
    more: list[Any] = [] if told is None else [told]
    if writing is not None:
        print_result(report_of(result, answered))
        _hand_over(result, writing, answered)
        if told is not None:
            _hand_over_controls(told, writing)
        _hand_over_page(result, more, writing, answered)
    if verify:
        found = problem.verify(answered.suggestion, result=result)
        if writing is not None:
            _hand_over_verification(found, writing)
            _hand_over_page(result, [*more, found], writing, answered)
    return _end(writing)


def _names(
    asked: Mapping[str, Any], verify: bool, controls: bool, budget: int | None
) -> Iterator[str]:
    """The files that a run writes."""
    yield JOURNAL
    if not asked.keys().isdisjoint(RESUMING):
        yield CHECKPOINT
    if not budget:
        yield from ("result.json", "result.csv", "range_test.png", "beta.png", "report.html")
    for stem, wanted in {"verification": verify or budget, "controls": controls}.items():
        if wanted:
            yield from (f"{stem}.json", f"{stem}.png")
    if asked.get("layers"):
        yield "layers.png"


def _end(writing: Writing | None, more: Callable[[Writing], None] | None = None) -> None:
    """On the rank that writes: write what is left, and say what could not be."""
    if writing is not None:
        if more is not None:
            more(writing)
        writing.end()


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


def _hand_over(result: RangeTestResult, writing: Writing, answered: Answered) -> None:
    beta, suggestion = answered.betas[-1], answered.suggestion
    writing.write(
        {
            "result.json": result.save,
            "result.csv": partial(result.to_csv, beta=beta),
            "range_test.png": partial(
                save_figure, partial(result.plot, beta=beta, suggestion=suggestion)
            ),
            "beta.png": partial(save_figure, partial(result.plot_betas, suggestion=suggestion)),
        }
    )
    if result.layers is not None:
        from lrfind.layers.figures import blow_up_sentence

        print_text(blow_up_sentence(result.layers.blow_ups()))
        draw = partial(result.plot_layers, suggestion=suggestion)
        writing.write({"layers.png": partial(save_figure, draw)})


def _hand_over_controls(controls: Controls, writing: Writing) -> None:
    print_text(f"\n{controls}")
    picture = partial(save_figure, controls.plot)
    writing.write({"controls.json": controls.save, "controls.png": picture})


def _hand_over_verification(found: Verification, writing: Writing) -> None:
    print_text(f"\n{found}")
    picture = partial(save_figure, found.plot)
    writing.write({"verification.json": found.save, "verification.png": picture})


def _hand_over_page(
    result: RangeTestResult, more: Sequence[Any], writing: Writing, answered: Answered
) -> None:
    """Write the interactive page, if its library is installed."""

    def write(path: Path) -> None:
        name = writing.out.resolve().name
        suggestion = answered.suggestion
        result.report(path, *more, names=[name], beta=answered.betas[-1], suggestion=suggestion)

    try:
        writing.write({"report.html": write}, ", an interactive page,")
    except ImportError as error:
        print_note(f"No report.html, an interactive page: {error}")
