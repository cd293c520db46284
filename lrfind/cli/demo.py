"""`lrfind demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from lrfind.cli.examples import Examples
from lrfind.cli.messages import messages
from lrfind.cli.options import force_option, out_option, seed_option, sweep_options


@click.command(
    cls=Examples,
    epilog="""
    lrfind demo
    lrfind demo --optimizer adam --layers --out adam
    """,
)
@out_option("lrfind-demo")
@click.option(
    "--model",
    type=click.Choice(["mlp", "cnn"]),
    default="mlp",
    show_default=True,
    help="Network to train.",
)
@click.option(
    "--optimizer",
    type=click.Choice(["sgd", "adam"]),
    default="sgd",
    show_default=True,
    help="Optimizer; SGD has a momentum of 0.9.",
)
@seed_option("Of the weights and the batches.")
@force_option
@sweep_options
def demo(out: Path, model: str, optimizer: str, seed: int, **options: Any) -> None:
    """Test a small network on bundled handwritten digits.

    Writes result.json, result.csv, range_test.png and beta.png to --out, replacing existing files;
    with --verify also verification.json and verification.png, with --budget only these two. While
    the sweep runs, journal.jsonl keeps each step: what a killed process leaves, show reads.
    """
    with messages():
        from lrfind.cli.hand_over import run_problem
        from lrfind.demo import DEMO, digits_problem

        problem = digits_problem(model=model, optimizer=optimizer, seed=seed, **DEMO)
        run_problem(problem, out, **options)
