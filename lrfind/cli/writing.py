"""What a command writes into its folder: nothing of another program's, and nothing lost in silence.

A full disk costs its files alone: the rate is printed all the same, and at the end the command says
what could not be written.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lrfind.cli.messages import print_note
from lrfind.support.axes import without_tex

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMAT = re.compile(rb'"format": ?"lrfind ')
"""What stands at the start of every JSON file of ours."""
HEAD = 200
"""Bytes within which it stands."""
VERIFICATION = "verification.json"
ROOM = 2**16
"""Bytes for which there must be room where a file is begun. On a full disk an empty one can be."""


class Writing:
    """The files of one command.

    Args:
        out: The folder; made if needed.
        names: What the command may write there.
        force: Whether to replace files of other programs.

    Attributes:
        failed: What could not be written, and why.

    Raises:
        click.ClickException: One of the files is there and not of lrfind, or the folder cannot be
            made; nothing is written.
    """

    def __init__(self, out: Path, names: Iterable[str], *, force: bool = False) -> None:
        self.out, self._force = out, force
        self.failed: dict[Path, str] = {}
        if out.exists() and not force:
            _refuse_foreign(out, names)
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.ClickException(f"{out} cannot be made: {error.strerror}.") from error

    def write(self, files: dict[str, Callable[[Path], object]], what: str = "") -> None:
        """Write files by functions of their path; say which, and keep for `end` which could not be.

        Args:
            files: By name.
            what: Said after the names.
        """
        written = []
        for name, write in files.items():
            try:
                write(self.out / name)
            except OSError as error:
                self.failed[self.out / name] = error.strerror or str(error)
            else:
                written.append(name)
        if written:
            *most, last = written
            listed = f"{', '.join(most)} and {last}" if most else last
            print_note(f"Wrote {listed}{what} to {self.out}/")

    def begin(self, name: str) -> Path | None:
        """The path of a file that is written while the command runs; None where it cannot be."""
        from lrfind.support.files import write_whole

        path, trial = self.out / name, self.out / f".{name}.trial"
        try:
            if self._force and os.path.lexists(path) and not _is_ours(path):
                path.unlink()  # what writes there replaces only its own
            write_whole(trial, bytes(ROOM))
            trial.unlink()
        except OSError as error:
            print_note(f"No {path}: {error.strerror or error}. The run goes on without.")
            return None
        return path

    def end(self) -> None:
        """End with an error if something could not be written.

        Raises:
            click.ClickException: Names each file, and why.
        """
        if self.failed:
            raise click.ClickException(f"could not write {self._listed()}")

    def note(self) -> None:
        """The same as a note, where the command ends with another error."""
        if self.failed:
            print_note(f"Could not write {self._listed()}")

    def _listed(self) -> str:
        return ", ".join(f"{path} ({why})" for path, why in self.failed.items())


@without_tex()
def save_figure(draw: Callable[[Axes], object], path: Path) -> None:
    """Draw on a new figure and write it atomically."""
    from matplotlib.figure import Figure

    from lrfind.support.files import write_whole

    figure = Figure(figsize=(8, 5), layout="constrained", dpi=130)
    draw(figure.subplots())
    data = io.BytesIO()
    figure.savefig(data, format=path.suffix[1:].lower())
    write_whole(path, data.getvalue())


def _refuse_foreign(out: Path, names: Iterable[str]) -> None:
    """Raise if a file of another program would be replaced.

    Pictures, pages and tables bear no name: they are ours where a JSON file of ours lies beside
    them. So is a verification, which bore none in earlier versions.
    """
    ours = any(_is_ours(path) for path in out.glob("*.json*"))
    for name in names:
        path = out / name
        named = ".json" in name and name != VERIFICATION
        if os.path.lexists(path) and not (_is_ours(path) or (ours and not named)):
            raise click.ClickException(
                f"{path} is not of lrfind: pass --force to replace it, or another --out."
            )


def _is_ours(path: Path) -> bool:
    """Whether a file says that it is of lrfind."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return FORMAT.search(file.read(HEAD)) is not None
