"""A verification as a table and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfind.analysis.answers import interval_words
from lrfind.checks.verification.scores import MOST_REGRET, TrialScores
from lrfind.support.text import group_words, new_table, words

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("learning rate", "loss half-way", "loss at the end", "regret against best trial", "")
SAME_RATE = 1e-6
"""Relative difference up to which a trial is marked as that of the suggestion."""


def trials_table(scores: TrialScores) -> Table:
    """One row per trial."""
    table = new_table(COLUMNS)
    best = None if scores.all_blew_up else scores.best
    suggested = scores.suggested or 0.0
    for trial, regret in zip(scores.trials, scores.losses, strict=True):
        rate = trial.run.lr
        marks = ["best"] * (rate == best)
        marks += ["suggested"] * (abs(rate - suggested) < SAME_RATE * rate)
        table.add_row(
            f"{rate:.2e}",
            f"{trial.halfway:.3g}" if trial.finite else "diverged",
            f"{trial.end:.3g}" if trial.finite else "diverged",
            f"{regret:.0%}" if regret < MOST_REGRET else f">={MOST_REGRET:.0%}",
            ", ".join(marks),
        )
    return table


def answer_sentence(scores: TrialScores) -> str:
    """Whether the suggestion holds up, the learning rate to train with, and the cost."""
    cost = f"after {len(scores.trials)} short training runs and {scores.steps} steps in total"
    if scores.all_blew_up:
        answer = "No learning rate can be suggested"
    else:
        rates = f"{scores.lr:.2e}{group_words(scores.group_lr)}"
        answer = f"Train at about {rates}{interval_words(scores.interval)}"
    verdict = f"Verdict: {words(scores.verdict.name)}, as {scores.reason}."
    return f"{_holds_up(scores)}{answer}, {cost}. {verdict}"


def _holds_up(scores: TrialScores) -> str:
    if scores.suggested is None:
        return ""
    said = {
        True: "holds up",
        False: "does not hold up",
        None: "lies outside the learning rates tried",
    }
    return f"The suggestion {said[scores.stands]}. "
