"""The options of the command `lrfind`, by the names of the arguments they stand for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click


def parse_betas(ctx: click.Context, param: click.Parameter, value: str) -> tuple[float, ...]:
    """The betas of `B,B,...`, each in [0, 1)."""
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


layers_option = click.option(
    "--layers", is_flag=True, help="Record every layer, and write layers.png too."
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
    callback=parse_betas,
    default="0.9,0.98",
    show_default=True,
    metavar="B,B,...",
    help="Betas of the averages; a figure shows the last.",
)

controls_option = click.option(
    "--controls",
    is_flag=True,
    help="Run the controls too: what of the fall is time, what of the wiggle the data. "
    "Writes controls.json and controls.png.",
)
