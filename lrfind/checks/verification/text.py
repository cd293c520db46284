"""A verification as a table and a sentence."""

from __future__ import annotations

import numpy as np
from rich.table import Table

from lrfind.analysis.answers import interval_words
from lrfind.checks.verification.record import Verification
from lrfind.support.text import plain_text


def verification_table(verification: Verification) -> Table:
    """One row for each rate that was tried."""
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in ("rate", "loss half-way", "loss at the end", "of the best gain lost", ""):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    suggested = verification.suggested or 0.0
    best = int(np.argmin(verification.losses)) if np.isfinite(verification.scores).any() else None
    for place, trial in enumerate(verification.trials):
        rate, loses = trial.run.lr, verification.losses[place]
        marks = ["best"] * (place == best)
        marks += ["suggested"] * (abs(rate - suggested) < 1e-6 * rate)
        table.add_row(
            f"{rate:.2e}",
            f"{trial.halfway:.3g}" if trial.finite else "blew up",
            f"{trial.end:.3g}" if trial.finite else "blew up",
            f"{loses:.0%}" if loses < 2 else "all",
            ", ".join(marks),
        )
    return table


def verification_sentence(verification: Verification) -> str:
    """The rate to train with, whether the suggestion stands, and what it cost."""
    words = {True: "The suggestion stands. ", False: "The suggestion does not stand. ", None: ""}
    if verification.suggested is not None:
        words[None] = "The suggestion lies outside of the rates that were tried. "
    cost = f"after {len(verification.trials)} short trainings and {verification.steps} steps in all"
    name = verification.verdict.name.lower().replace("_", " ")
    verdict = f"Verdict: {name}, as {verification.reason}."
    if not np.isfinite(verification.scores).any():
        return f"{words[verification.stands]}No learning rate can be given, {cost}. {verdict}"
    groups = ", ".join(f"{rate:.2e}" for rate in verification.group_lr)
    per_group = f" ({groups} for the parameter groups)" if len(verification.group_lr) > 1 else ""
    return (
        f"{words[verification.stands]}Train at about {verification.lr:.2e}{per_group}"
        f"{interval_words(verification)}, {cost}. {verdict}"
    )


def verification_text(verification: Verification) -> str:
    """Table and sentence as plain text."""
    sentence = verification_sentence(verification)
    return f"{plain_text(verification_table(verification))}\n\n{sentence}"
