"""The bar: where a person can see it, and nowhere else."""

import io
import sys

import nbformat
import pytest
from makers import loss_fn
from nbclient import NotebookClient

from lrfind import range_test
from lrfind.support.text import rate
from lrfind.sweep import recorder as recorder_module


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


def test_the_bar_ends_with_the_last_loss(parts, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    result = range_test(*parts[:2], loss_fn, parts[2], num_iter=5, progress=True)
    last = sys.stderr.getvalue().rpartition("5/5")[2]
    assert last.startswith(f", lr={rate(result.lr[-1])}, loss={result.loss[-1]:.3g} [")


class Waiting:
    """A readback of which no loss arrives before the end, as from a device that is far behind."""

    def __init__(self):
        self.losses = []

    def put(self, loss):
        self.losses.append(float(loss))

    def arrived(self):
        return []

    def rest(self):
        losses, self.losses = self.losses, []
        return losses


def test_the_bar_does_not_wait_for_a_loss(parts, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setattr(recorder_module, "readback_for", lambda *_: Waiting())
    result = range_test(*parts[:2], loss_fn, parts[2], num_iter=5, progress=True)
    assert result.loss.size == 5
    assert f"5/5, lr={rate(result.lr[-1])} [" in sys.stderr.getvalue()
    assert "loss=" not in sys.stderr.getvalue()


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
