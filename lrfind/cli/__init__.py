"""The command `lrfind`: parse, call, print.

Results go to standard output, messages to standard error. Everything heavy is imported inside the
commands, so that `--help` is instant and `show` and `plot` never import torch.
"""

from __future__ import annotations

import click

from lrfind._version import __version__
from lrfind.cli.demo import demo
from lrfind.cli.plot import plot
from lrfind.cli.repeat import repeat
from lrfind.cli.run import run
from lrfind.cli.show import show


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lrfind")
def main() -> None:
    """Run an LR range test, and see how far smoothing moved its minimum."""


for command in (demo, run, repeat, show, plot):
    main.add_command(command)
