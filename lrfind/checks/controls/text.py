"""The controls of a sweep as a table and a few sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lrfind.analysis.curves import CENTRED
from lrfind.analysis.flags import UNUSABLE, Flag
from lrfind.analysis.posterior import CONFIDENCE
from lrfind.checks.controls.attribution import DataShare
from lrfind.checks.controls.numbers import MINI_BATCH, PROBE_BATCH, ControlNumbers, MinimumRow
from lrfind.checks.controls.verdict import controlled
from lrfind.result.constant_run import ConstantRun
from lrfind.support.arrays import Array
from lrfind.support.text import decades, new_table, words

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "losses", "curve", "minimum at lr", "step", "loss", "shift (decades)",
    f"{CONFIDENCE:.0%} interval",
)  # fmt: skip
PLACES = {
    "plateau": "before the descent",
    "descent": "in the descent",
    "bottom": "around the minimum",
}
OTHER_NUMBERS = (
    "But the optimizer step draws random numbers itself or evaluates its batch more than once, so "
    "the frozen-weights control saw other dropout masks, and perhaps other batches: the shares "
    "above underestimate the effect of the data."
)


def minima_table(rows: Sequence[MinimumRow]) -> Table:
    """The minima as a rich table."""
    table = new_table(COLUMNS)
    table.columns[1].justify = "left"
    for row in rows:
        table.add_row(
            row.name if row.curve == rows[0].curve else "",
            row.curve + ("*" if row.minimum.flags else ""),
            f"{row.minimum.lr:.2e}",
            str(row.minimum.step),
            f"{row.minimum.loss:.3g}",
            "" if row.name == MINI_BATCH else decades(row.shift),
            "" if row.interval is None else "{:.1e} to {:.1e}".format(*row.interval),
        )
    return table


def flag_notes(rows: Sequence[MinimumRow]) -> list[str]:
    """One sentence for each flag of the minima, naming the losses that have it."""
    notes = []
    for flag in Flag:
        names = dict.fromkeys(row.name for row in rows if flag in row.minimum.flags)
        if names:
            notes.append(f"{flag.name.lower()} ({', '.join(names)}): {flag.value}.")
    return notes


def sentences(numbers: ControlNumbers) -> list[str]:
    """The findings: a sentence or two each on time, second learning rate, data and probe."""
    said = [time_sentence(numbers)]
    if numbers.suggested is not None:
        steps = numbers.result.loss.size
        said.append(suggested_sentence(numbers.suggested, numbers.suggested_fall, steps))
    if numbers.frozen.size:
        said.append(data_sentence(numbers.data))
    said += [
        probe_sentence(row)
        for row in numbers.minima
        if row.name == PROBE_BATCH and row.curve == CENTRED
    ]
    if not numbers.same_numbers:
        said.append(OTHER_NUMBERS)
    judged = controlled(numbers)
    if judged != numbers.result.curves().judgement:
        said.append(f"Verdict with the controls: {words(judged.verdict.name)}, as {judged.reason}.")
    return said


def time_sentence(numbers: ControlNumbers) -> str:
    """How much of the loss decrease is training time, and where the corrected minimum lies."""
    time, run = numbers.time, numbers.constant
    if time.share is None:
        return "Time: the sweep shows no clear decrease of the loss that time could explain."
    steps, rest, ended = "as many steps", "", ""
    if run.loss.size < numbers.result.loss.size:
        ended = (
            f" That run has {run.loss.size} losses, the sweep {numbers.result.loss.size}: what "
            "time does after these is not taken off."
        )
    if time.time_step < time.step:
        steps = f"the {time.time_step} steps before it ended"
        rest = f", not counting the {time.step - time.time_step} steps from there to the minimum"
    if time.shift is None:
        reason = next(flag.value for flag in time.minimum.flags if flag in UNUSABLE)
        corrected = f"The time-corrected sweep has no usable minimum: {reason}."
    else:
        corrected = (
            f"The time-corrected minimum lies at {time.minimum.lr:.2e}, "
            f"{decades(time.shift)} decades away."
        )
    return (
        f"Time: at its minimum, after {time.step} steps, the sweep's loss has decreased by "
        f"{time.fall:.3g}. Training at a constant learning rate of {run.lr:.2e}, from the same "
        f"state on the same batches, decreases it by {time.time_fall:.2g} in {steps}: "
        f"{percent(time.share)} of the sweep's loss decrease is training time alone{rest}. "
        f"{corrected}{ended}"
    )


def suggested_sentence(run: ConstantRun, fall: Array, steps: int) -> str:
    """How much training at the second learning rate decreases the loss.

    Args:
        run: The run at that learning rate.
        fall: Shape `(m,)`, decrease of its loss, from `ControlNumbers.suggested_fall`.
        steps: Number of steps of the sweep.
    """
    if run.loss.size < steps:
        return f"Training at a constant {run.lr:.2e} ended after {run.loss.size} steps."
    return (
        f"Training at a constant learning rate of {run.lr:.2e} decreases the loss by "
        f"{fall[-1]:.3g} in as many steps as the sweep."
    )


def data_sentence(data: DataShare) -> str:
    """How much of the batch-to-batch variance is the data, in each part of the sweep."""
    sentence = (
        f"Data: the loss of the frozen-weights control has a standard deviation of {data.sd:.2g} "
        f"over these batches, the loss of the sweep one of {data.noise:.2g} from batch to batch."
    )
    parts = [
        f"{percent(each.explained)} {PLACES[each.name]}"
        for each in data.stretches
        if each.explained is not None
    ]
    if not parts:
        return sentence
    listed = " and ".join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:])
    return f"{sentence} Of the sweep's batch-to-batch variance, the data explain {listed}."


def probe_sentence(row: MinimumRow) -> str:
    """Where the loss on the fixed probe batch is lowest, compared with the mini-batches."""
    if row.shift is None:
        return "Probe: its minimum cannot be compared with that of the mini-batches."
    return (
        f"Probe: on the fixed probe batch the minimum lies at {row.minimum.lr:.2e}, "
        f"{decades(row.shift)} decades from that of the mini-batches."
    )


def percent(share: float) -> str:
    """A share in percent; "none" if it is 0 or noise made it negative."""
    return "none" if share < 0.0005 else f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
