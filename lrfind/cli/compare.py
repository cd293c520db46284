"""`lrfind compare`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from lrfind.cli.examples import Examples
from lrfind.cli.messages import messages, print_result, print_text
from lrfind.cli.opened import opened, opened_all
from lrfind.cli.options import json_option, kind_option


@click.command(
    cls=Examples,
    epilog="""
    lrfind compare sgd.json adam.json
    lrfind compare sgd.json adam.json --json
    lrfind compare result.json history.csv --kind raw
    """,
)
@click.argument(
    "files", metavar="FILE FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@kind_option
@json_option
def compare(files: tuple[Path, ...], kind: str | None, as_json: bool) -> None:
    """Compare saved results: minima, shifts, suggestions, and what differs in the settings.

    A FILE may also be what another LR finder recorded: CSV or JSON with "lr" and "loss"; --kind is
    for these.
    """
    if len(files) < 2:
        raise click.UsageError("compare takes at least two files.")
    with messages():
        from lrfind.result.side_by_side import side_by_side

        found = side_by_side(*opened_all(files, kind, opened), names=[*map(str, files)])
        if as_json:
            print_text(json.dumps(found.to_dict(), indent=2))
        else:
            print_result(found)
