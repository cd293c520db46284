"""A verification as a table and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrfind.analysis.answers import interval_words
from lrfind.checks.verification.scores import MOST_REGRET, TOLERATED, TrialScores
from lrfind.support.text import group_words, new_table, rate, words

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("learning rate", "loss half-way", "loss at the end", "regret against best trial", "")
MARKS = {None: "suggested", True: "suggested, holds up", False: "suggested, does not hold up"}
SAME_RATE = 1e-6
"""Relative difference up to which a trial is marked as that of the suggestion."""


def trials_table(scores: TrialScores) -> Table:
    """One row per trial."""
    table = new_table(COLUMNS)
    best = None if scores.all_blew_up else scores.best
    suggested = scores.suggested or 0.0
    mark = MARKS[scores.stands]
    for trial, regret in zip(scores.trials, scores.losses, strict=True):
        lr = trial.run.lr
        marks = ["best"] * (lr == best)
        marks += [mark] * (abs(lr - suggested) < SAME_RATE * lr)
        table.add_row(
            rate(lr),
            f"{trial.halfway:.3g}" if trial.finite else "diverged",
            f"{trial.end:.3g}" if trial.finite else "diverged",
            _share(regret),
            ", ".join(marks),
        )
    return table


def answer_sentence(scores: TrialScores) -> str:
    """One rate to train at: the suggestion that holds up, or which one instead; and the cost."""
    number = len(scores.trials)
    cost = f"after {number} short training runs and {scores.steps} steps in total"
    verdict = f"Verdict: {words(scores.verdict.name)}, as {scores.reason}."
    if scores.all_blew_up:
        return f"{_finding(scores, '. ')}No learning rate can be suggested, {cost}. {verdict}"
    source = ""
    if not scores.keeps_suggestion:
        source = ", by the trials" if scores.sweep is None else ", by the sweep and the trials"
    instead = "" if scores.suggested is None or scores.keeps_suggestion else " instead"
    train = "Train" if scores.suggested is None else "train"
    rates = f"{rate(scores.lr)}{group_words(scores.group_lr)}"
    return (
        f"{_finding(scores, ': ')}{train} at about {rates}{instead}"
        f"{interval_words(scores.interval)}{source}, {cost}. {verdict}"
    )


def _finding(scores: TrialScores, end: str) -> str:
    """What the trials say of the suggestion; nothing without one."""
    if scores.suggested is None:
        return ""
    if scores.regret is None:
        found = "lies outside the learning rates tried"
    elif scores.stands is None:
        found = "is neither confirmed nor refuted"
    elif scores.stands:
        found = "holds up"
        if scores.regret > TOLERATED and scores.best > scores.suggested:
            found += ", though higher rates decrease the loss faster in runs this short"
    elif scores.all_blew_up:
        found = "does not hold up"
    else:
        found = f"does not hold up, with a regret of {_share(scores.regret)} against the best trial"
    named = "" if scores.keeps_suggestion else f" {rate(scores.suggested)}"
    return f"The suggestion{named} {found}{end}"


def _share(regret: float) -> str:
    return f"{regret:.0%}" if regret < MOST_REGRET else f">={MOST_REGRET:.0%}"
