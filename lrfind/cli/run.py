"""`lrfind run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lrfind.cli.examples import Examples
from lrfind.cli.messages import messages
from lrfind.cli.options import (
    all_of,
    force_option,
    out_option,
    seed_option,
    split_target,
    sweep_options,
    target_argument,
    traceback_option,
)

resume_options = all_of(
    click.option(
        "--checkpoint-every",
        type=click.IntRange(min=1),
        metavar="N",
        help="Write --out/journal.ckpt every N steps of the sweep: what --resume goes on from.",
    ),
    click.option(
        "--resume",
        is_flag=True,
        help="Go on with a sweep that was killed, from its last checkpoint: with the same FILE.py, "
        "seed and options, the result is bit for bit that of a sweep that was not.",
    ),
)
"""How a killed sweep goes on."""


@click.command(
    cls=Examples,
    epilog="""
    lrfind run train.py:problem
    lrfind run train.py:problem --total-steps 600
    lrfind run train.py:problem --budget 200
    lrfind run train.py:problem --checkpoint-every 100
    """,
)
@target_argument
@out_option("lrfind-out")
@seed_option("Seed of Python, NumPy and torch.")
@force_option
@traceback_option
@resume_options
@sweep_options
def run(target: str, out: Path, seed: int, traceback: bool, **options: Any) -> None:
    """Test the problem that your function returns.

    FUNCTION takes no arguments and returns (model, optimizer, loss_fn, train_loader) or an
    lrfind.Problem. Writes the same files as the demo to --out, replacing its own. Meanwhile
    journal.jsonl there keeps each step, which `lrfind show` reads at any time. A sys.exit in
    FILE.py is an error, also with 0: there is no result.

    Under torchrun the process group is set up before FUNCTION is called, and the first rank writes
    and prints: torchrun --nproc-per-node 2 -m lrfind run FILE.py:FUNCTION
    """
    file, function = split_target(target)
    with messages(file, function, traceback=traceback):
        from lrfind.cli.hand_over import run_problem
        from lrfind.problems.from_file import load_problem
        from lrfind.support.process_group import process_group

        with process_group():
            run_problem(load_problem(Path(file), function, seed), out, **options)
