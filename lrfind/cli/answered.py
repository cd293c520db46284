"""The answers of a result, computed once for all that a command prints, draws and writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from lrfind.checks.controls.record import Controls
    from lrfind.multitask.disagreement import TaskDisagreement
    from lrfind.result.range_test_result import RangeTestResult
    from lrfind.result.report import Summary
    from lrfind.result.sweep_analysis import Answer


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
