"""A real Jupyter kernel for tests."""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

import lrfind

TIMEOUT_S = 300
"""Of a cell: far more than it needs, as the cores may be busy with other tests."""


def run_cells(folder, *sources):
    """The outputs of each cell, run in one new kernel that uses the lrfind under test.

    The user's own Jupyter and IPython are left alone.
    """
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=cells), timeout=TIMEOUT_S, kernel_name="python3"
    )
    names = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    paths = {name: str(folder / "jupyter") for name in names}
    package = {"PYTHONPATH": str(Path(lrfind.__file__).parents[1])}
    client.execute(env={**os.environ, **paths, **package})
    return [cell.outputs for cell in cells]
