"""The controls of a sweep as a table and a few plain sentences."""

from __future__ import annotations

import io

from rich.table import Table

from lrfind.analysis.curves import UNUSABLE
from lrfind.checks.controls.attribution import DataShare
from lrfind.checks.controls.record import Controls, MinimumRow
from lrfind.support.text import decades, plain_console

COLUMNS = ("losses", "curve", "minimum at lr", "step", "loss", "decades away", "90 % interval")
PLACES = {
    "plateau": "before the descent",
    "descent": "in the descent",
    "bottom": "around the minimum",
}


def controls_text(controls: Controls) -> str:
    """The table and the sentences as plain text, of a fixed width and without colour."""
    out = io.StringIO()
    console = plain_console(out)
    console.print(minima_table(controls.minima))
    for sentence in controls_sentences(controls):
        console.print("", sentence, sep="\n", markup=False)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def minima_table(rows: tuple[MinimumRow, ...]) -> Table:
    """The minima side by side as a rich table."""
    table = Table(box=None, pad_edge=False, show_edge=False)
    for place, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if place > 1 else "left", no_wrap=True)
    for row in rows:
        flagged = "*" if row.minimum.flags else ""
        table.add_row(
            row.name if row.curve == rows[0].curve else "",
            row.curve + flagged,
            f"{row.minimum.lr:.2e}",
            str(row.minimum.step),
            f"{row.minimum.loss:.3g}",
            "" if row.name == rows[0].name else decades(row.shift),
            "" if row.interval is None else "{:.1e} to {:.1e}".format(*row.interval),
        )
    return table


def controls_sentences(controls: Controls) -> list[str]:
    """What the controls say.

    Args:
        controls: The controls of a sweep.

    Returns:
        A sentence or two each on time, the second rate, the data and the probe, and one for each
        flag of a minimum.
    """
    sentences = [time_sentence(controls)]
    if controls.suggested is not None:
        sentences.append(suggested_sentence(controls))
    if controls.frozen.size:
        sentences.append(data_sentence(controls.data))
    sentences += [probe_sentence(row) for row in controls.minima if _is_probe(row)]
    if not controls.same_numbers:
        sentences.append(
            "But a step draws random numbers of its own or looks at its batch more than once, so "
            "that the untouched model has met other dropout masks, and perhaps another order of "
            "the batches: it then explains less of the wiggle than the data do."
        )
    flags = {flag: row.name for row in reversed(controls.minima) for flag in row.minimum.flags}
    notes = [f"* {flag.name.lower()} ({name}): {flag.value}." for flag, name in flags.items()]
    return sentences + notes


def probe_sentence(row: MinimumRow) -> str:
    """Where the loss on the fixed probe batch is lowest, beside that of the mini-batches."""
    if row.shift is None:
        return "Probe: its minimum cannot be compared with that of the mini-batches."
    return (
        f"Probe: on the fixed probe batch the minimum lies at {row.minimum.lr:.2e}, "
        f"{decades(row.shift)} decades from that of the mini-batches."
    )


def _is_probe(row: MinimumRow) -> bool:
    """Whether a row is that of the centred curve of the probe."""
    return (row.name, row.curve) == ("probe batch", "centred")


def percent(share: float) -> str:
    """A share as people read it; one that noise took below 0 is none."""
    return "none" if share < 0.0005 else f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def time_sentence(controls: Controls) -> str:
    """How much of the fall is time, and where the minimum lies without it."""
    time, run = controls.time, controls.constant
    if time.share is None:
        return "Time: the sweep did not fall, so there is no fall that time could explain."
    ended = (
        f" That run gave {run.loss.size} losses to compare, the sweep {controls.result.loss.size}."
        if run.loss.size < controls.result.loss.size
        else ""
    )
    if time.shift is None:
        reason = next(flag.value for flag in time.minimum.flags if flag in UNUSABLE)
        left = f"With that taken off no minimum can be told: {reason}."
    else:
        left = (
            f"With that taken off, the minimum lies at {time.minimum.lr:.2e}, "
            f"{decades(time.shift)} decades away."
        )
    return (
        f"Time: where the sweep is lowest, after {time.step} steps, it has fallen by "
        f"{time.fall:.3g}. Training at the constant rate {run.lr:.2e}, from the same state on the "
        f"same batches, has fallen by {time.time_fall:.2g} by then: {percent(time.share)} of the "
        f"sweep's fall is time alone. {left}{ended}"
    )


def suggested_sentence(controls: Controls) -> str:
    """What training at the second rate reaches in as many steps as the sweep made."""
    run, fall = controls.suggested, controls.suggested_fall
    assert run is not None
    if run.loss.size < controls.result.loss.size:
        return f"At the constant rate {run.lr:.2e} the training ended after {run.loss.size} steps."
    return (
        f"Training at the constant rate {run.lr:.2e} has fallen by {fall[-1]:.3g} after as many "
        "steps as the sweep made."
    )


def data_sentence(data: DataShare) -> str:
    """How much of the wiggle is the data, in each stretch of the sweep."""
    told = [each for each in data.stretches if each.explained is not None]
    parts = [f"{percent(each.explained or 0.0)} {PLACES[each.name]}" for each in told]
    listed = " and ".join([", ".join(parts[:-1])] * (len(parts) > 1) + parts[-1:])
    sentence = (
        f"Data: the loss of the untouched model varies over these batches with a standard "
        f"deviation of {data.sd:.2g}, that of the sweep from batch to batch with {data.noise:.2g}."
    )
    if not told:
        return sentence
    return f"{sentence} Of that variance the data explain {listed}."
