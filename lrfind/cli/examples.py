"""Examples at the end of a help text."""

from __future__ import annotations

import click


class Examples(click.Command):
    """A command whose epilog is examples: one on each line, which are never wrapped."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.strip().splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line.strip()}\n")
