"""The command `lrfind`: parse, call, print.

Results go to standard output, messages to standard error. Each command has its own file, which is
imported when the command is called and imports what it needs when it runs. So `--help` is fast, and
`show` and `plot` do not import torch.
"""

from __future__ import annotations

from importlib import import_module

import click

from lrfind._version import __version__
from lrfind.cli.examples import Examples

WIDEST = 100
"""Columns of a help text on a wide terminal."""

COMMANDS = {
    "demo": "Test a small network on bundled handwritten digits.",
    "run": "Test the problem that your function returns.",
    "repeat": "The same with several seeds and settings.",
    "show": "Print the table of a saved result and its suggestion.",
    "plot": "Plot a saved result.",
    "report": "Write an interactive page of saved results.",
    "compare": "Compare saved results side by side.",
    "completion": "Print the completion script of a shell.",
}
"""Every command with its help text; the command `NAME` is in `lrfind.cli.NAME`."""


class Commands(Examples, click.Group):
    """A group that lists its commands without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"lrfind.cli.{cmd_name}"), cmd_name)
        command.short_help = COMMANDS[cmd_name]  # which a shell shows beside its name
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands in the help."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDEST},
    epilog="""
    lrfind demo
    lrfind show lrfind-demo/result.json
    lrfind run train.py:problem --schedule cosine
    lrfind run --help
    """,
)
@click.version_option(__version__, prog_name="lrfind")
def main() -> None:
    """Run an LR range test, and see how far smoothing moved its minimum."""
