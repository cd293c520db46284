"""Executes the notebooks and saves them with their outputs: all of them, or those named.

    python scripts/run_notebooks.py [notebooks/01_quickstart.ipynb ...]

The last code cell of each prints its answer. Where the last cell of all holds what was printed the
time before, or `{answer}` in a new notebook, it gets the new text, so that its figures are always
the computed ones. Pictures are saved with 256 colours, which keeps the notebooks small.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image

FOLDER = Path(__file__).parents[1] / "notebooks"
LIMIT = 120
"""Seconds that a notebook may take."""

# tqdm misses widgets, as other packages import its bar for notebooks, which none of these shows.
QUIET = {"PYTHONWARNINGS": "ignore:IProgress not found"}

METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def execute(path: Path, folder: Path) -> NotebookNode:
    """The notebook with fresh outputs, run in a new kernel whose working folder is `folder`.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell raised an error.
        TimeoutError: It took longer than `LIMIT`.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=LIMIT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    environment = {**os.environ, **QUIET}
    asyncio.run(asyncio.wait_for(client.async_execute(env=environment), LIMIT))
    return notebook


def printed_answer(notebook: NotebookNode) -> str:
    """What the last code cell printed; nothing if it printed nothing."""
    last = [cell for cell in notebook.cells if cell.cell_type == "code"][-1]
    return "".join(each.text for each in last.outputs if each.get("name") == "stdout").strip()


def smaller(png: str) -> str:
    """A picture with at most 256 colours, in a third of the bytes; both in base64."""
    picture, file = Image.open(BytesIO(b64decode(png))).convert("RGB"), BytesIO()
    # Of the methods the one that also keeps the colours of thin lines.
    picture.quantize(method=Image.Quantize.MAXCOVERAGE).save(file, "PNG", optimize=True)
    return b64encode(file.getvalue()).decode()


def shrink_pictures(notebook: NotebookNode) -> None:
    """Make every picture of the outputs smaller, in place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = smaller(output.data["image/png"])


def main(names: list[str]) -> None:
    """Execute and save the named notebooks, or all, and print their times and answers."""
    for path in [Path(name) for name in names] or sorted(FOLDER.glob("*.ipynb")):
        before, start = printed_answer(nbformat.read(path, as_version=4)), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            notebook = execute(path, Path(folder))
        shrink_pictures(notebook)
        answer, last = printed_answer(notebook), notebook.cells[-1]
        last.source = last.source.replace(before or "{answer}", answer)
        notebook.metadata = nbformat.from_dict(METADATA)
        nbformat.write(notebook, path)
        print(f"{path.name}, {time.perf_counter() - start:.0f} s: {answer}")


if __name__ == "__main__":
    main(sys.argv[1:])
