"""The options of the command `lrfind`, named after the arguments that they set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from lrfind.analysis.defaults import (
    BETA,
    BETAS,
    DIVERGE_TH,
    END_LR,
    FACTOR,
    NUM_ITER,
    START_LR,
    STEP_MODE,
)
from lrfind.cli.names import NameOf, ScheduleName, curves, kinds, rules

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

QUESTION = ("schedule", "total_steps", "rule", "curve", "beta", "factor")
"""The options in `question_options`: arguments of `RangeTestResult.suggest`."""


def parse_betas(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[float, ...] | None:
    """The betas of `B,B,...`, each in [0, 1); None if not given."""
    if value is None:
        return None
    try:
        betas = tuple(float(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 0.9,0.98") from None
    if not all(0 <= beta < 1 for beta in betas):
        raise click.BadParameter(f"every beta must be in [0, 1), got {value!r}")
    return betas


def betas_of(betas: tuple[float, ...] | None, detail: bool) -> tuple[float, ...]:
    """The betas of a table: those given, or else the usual one, in detail with its companion."""
    if betas is not None:
        return betas
    return BETAS if detail else (BETA,)


def all_of(*options: Decorator) -> Decorator:
    """One decorator for several options, in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


positive = click.FloatRange(min=0, min_open=True)

range_options = all_of(
    click.option("--start-lr", type=positive, help=f"First learning rate. Default: {START_LR:g}."),
    click.option("--end-lr", type=positive, help=f"Last learning rate. Default: {END_LR:g}."),
    click.option("--num-iter", type=click.IntRange(min=2), help=f"Steps. Default: {NUM_ITER}."),
    click.option(
        "--step-mode",
        type=click.Choice(["exp", "linear"]),
        help=f"Spacing of the learning rates. Default: {STEP_MODE}.",
    ),
    click.option(
        "--diverge-th",
        type=click.FloatRange(min=0),
        help="Stop when the loss has risen by this many times its decrease; 0 never stops. "
        f"Default: {DIVERGE_TH:g}.",
    ),
)
"""The options of a sweep; None if not given."""

question_options = all_of(
    click.option("--schedule", type=ScheduleName(), help="LR schedule you will train with."),
    click.option(
        "--total-steps", type=click.IntRange(min=1), help="Optimizer steps you will train for."
    ),
    click.option("--rule", type=NameOf(rules), help="Rule that picks the learning rate."),
    click.option(
        "--curve",
        type=NameOf(curves),
        help=f"Curve that the rule is applied to; without --rule: its minimum / {FACTOR:g}.",
    ),
    click.option(
        "--beta",
        type=click.FloatRange(0, 1, max_open=True),
        help=f"Beta of the average that the rule uses and the figure shows. Default: {BETA:g}, or "
        "the last of --betas.",
    ),
    click.option("--factor", type=positive, help="What the minimum is divided by."),
)
"""How the learning rate is suggested; None if not given."""

table_options = all_of(
    click.option(
        "--betas",
        callback=parse_betas,
        metavar="B,B,...",
        help=f"Betas of the averages in the table; figures show the last. Default: {BETA:g}, in "
        f"detail {','.join(f'{beta:g}' for beta in BETAS)}.",
    ),
    click.option("--detail", is_flag=True, help="Print every curve, shift and interval."),
)
"""What the table shows."""

sweep_options = all_of(
    click.option(
        "--controls",
        is_flag=True,
        help="Also run the controls: how much of the loss decrease is training time alone, and how "
        "much of the batch-to-batch variance is the data. Writes controls.json and controls.png.",
    ),
    click.option("--layers", is_flag=True, help="Also record every layer, and write layers.png."),
    table_options,
    range_options,
    click.option(
        "--confirm/--no-confirm",
        default=None,
        help="Whether to try the suggested rate from the start for a few dozen steps, and lower it "
        "until it trains. Default: confirm.",
    ),
    click.option(
        "--verify", is_flag=True, help="Also check the suggestion by short training runs."
    ),
    click.option(
        "--budget",
        type=click.IntRange(min=80),
        help="Instead, find one learning rate within this many steps, three quarters for a sweep "
        "and the rest for short training runs.",
    ),
    question_options,
)
"""The options of the commands that run one sweep."""


def path_of(kind: str) -> Callable[..., list[CompletionItem]]:
    """What has the shell complete a path: to a "file" or a "dir"."""
    return lambda ctx, param, incomplete: [CompletionItem(incomplete, type=kind)]


def out_option(default: str, what: str = "the files") -> Decorator:
    """The option for the output folder."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=default,
        show_default=True,
        help=f"Folder for {what}.",
        shell_complete=path_of("dir"),
    )


def output_option(what: str, suffixes: Sequence[str]) -> Decorator:
    """The option for the one file that a command writes, which tells its format by its suffix."""

    def checked(ctx: click.Context, param: click.Parameter, path: Path) -> Path:
        if path.suffix.lower() not in suffixes:
            raise click.BadParameter(f"{path.name!r} must end in {', '.join(suffixes)}")
        return path

    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path),
        callback=checked,
        required=True,
        metavar=what.upper(),
        help=f"{what} to write, replacing it.",
    )


force_option = click.option(
    "--force", is_flag=True, help="Replace files in --out that are not of lrfind."
)


def seed_option(what: str) -> Decorator:
    """The option for the seed; torch takes one of 64 bits."""
    kind = click.IntRange(0, 2**64 - 1)
    return click.option("--seed", type=kind, metavar="N", default=0, show_default=True, help=what)


traceback_option = click.option(
    "--traceback", is_flag=True, help="Show the whole traceback of an error in FILE.py."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
target_argument = click.argument(
    "target", metavar="FILE.py:FUNCTION", shell_complete=path_of("file")
)
kind_option = click.option(
    "--kind",
    type=NameOf(kinds),
    help="LR finder that recorded FILE, if it is its history in CSV or JSON; or raw.",
)
result_argument = all_of(
    click.argument("result", metavar="FILE", type=click.Path(path_type=Path)), kind_option
)
"""A saved result, or what another LR finder recorded."""


def split_target(target: str) -> tuple[str, str]:
    """File and function of `FILE.py:FUNCTION`."""
    file, separator, function = target.rpartition(":")
    if not file or not separator or not function.isidentifier():
        raise click.UsageError(f"{target!r} is not FILE.py:FUNCTION.")
    return file, function


def given(settings: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, as arguments of `range_test`."""
    asked = {name: value for name, value in settings.items() if value is not None}
    for flag in ("layers", "resume"):
        if asked.get(flag) is False:
            del asked[flag]  # not given: the problem's own options apply
    if asked.get("diverge_th") == 0:
        asked["diverge_th"] = None
    return asked


def take_question(
    settings: dict[str, Any], *, drawn: bool = True
) -> tuple[dict[str, Any], float | None]:
    """Move the question options out of `settings`.

    Args:
        settings: All options of the command.
        drawn: Whether `--beta` may be for the figure alone.

    Returns:
        Arguments of `suggest`, and `--beta`, None if not given.

    Raises:
        TypeError, ValueError: They cannot be combined; checked before anything is run.
    """
    from lrfind.analysis.question import ask
    from lrfind.analysis.smoothing import SMOOTHERS

    question = {name: settings.pop(name) for name in QUESTION}
    question = {name: value for name, value in question.items() if value is not None}
    beta = question.get("beta")
    if drawn and question.get("curve") not in SMOOTHERS:
        question.pop("beta", None)
    ask(**question)
    return question, beta
