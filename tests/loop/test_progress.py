"""The bar: where a person can see it, and nowhere else."""

import io
import sys

import nbformat
import pytest
from makers import loss_fn
from nbclient import NotebookClient

from lrfind import range_test


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "notebook", "progress", "shown"),
    [
        (Terminal, False, None, True),
        (Terminal, False, False, False),
        (Terminal, False, 0, False),
        (io.StringIO, False, None, False),
        (io.StringIO, True, None, True),
        (io.StringIO, True, False, False),
        (io.StringIO, False, True, True),
    ],
)
def test_a_bar_is_shown_in_a_terminal_or_notebook_unless_told(
    parts, monkeypatch, stream, notebook, progress, shown
):
    monkeypatch.setattr(sys, "stderr", stream())
    if notebook:
        monkeypatch.setitem(sys.modules, "ipykernel", sys)
    else:  # another test may have started a kernel
        monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    range_test(*parts[:2], loss_fn, parts[2], num_iter=5, progress=progress)
    assert ("range test: 100%" in sys.stderr.getvalue()) is shown


@pytest.mark.slow
def test_in_a_real_notebook_the_bar_comes_without_a_warning():
    cell = nbformat.v4.new_code_cell(
        "from lrfind.demo import digits_problem\n"
        "result = digits_problem(model='mlp').range_test(num_iter=5)"
    )
    notebook = nbformat.v4.new_notebook(cells=[cell])
    NotebookClient(notebook, kernel_name="python3").execute()
    (shown,) = {output.get("name", "widget") for output in cell.outputs}
    text = "".join(output.get("text", "") for output in cell.outputs)
    assert shown == "widget" or "range test: 100%" in text
    assert "Warning" not in text
