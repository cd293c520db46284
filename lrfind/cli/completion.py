"""`lrfind completion`."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from lrfind.cli.examples import Examples
from lrfind.cli.messages import messages, print_text

PLACES = {
    "bash": "~/.local/share/bash-completion/completions/lrfind (bash 4.4 or newer)",
    "zsh": 'the file "_lrfind" in a folder of $fpath, and start zsh again',
    "fish": "~/.config/fish/completions/lrfind.fish",
}
"""Where each shell looks for completions."""


@click.command(
    cls=Examples,
    epilog="""
    lrfind completion bash
    eval "$(lrfind completion bash)"
    """,
)
@click.argument("shell", type=click.Choice([*PLACES]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and names in SHELL.

    Its last line says where to put it. Needs the command `lrfind` on the PATH.
    """
    found = get_completion_class(shell)
    assert found is not None
    root = ctx.find_root()
    script = found(root.command, {}, "lrfind", "_LRFIND_COMPLETE")
    # Not the `source` of bash's own class, which starts bash to see its version: the script may be
    # for another machine, and the last line says which bash it takes.
    with messages():
        print_text(f"{ShellComplete.source(script).strip()}\n# Write this to {PLACES[shell]}.")
