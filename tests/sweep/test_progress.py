"""The bar and the curve: where a person can see them, and nowhere else."""

import io
import sys
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import IPython
import pytest
import torch
from kernel import run_cells
from makers import loss_fn, make_loader, make_model, regression, trainable
from matplotlib.image import imread

from lrfind import Sweep, controls, find_lr, range_test, repeat, verify
from lrfind.demo import digits_problem
from lrfind.support.text import rate
from lrfind.sweep import losses as losses_module
from lrfind.sweep import progress as progress_module


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def parts():
    model = make_model()
    return model, torch.optim.SGD(trainable(model), lr=0.1), loss_fn, make_loader()


def in_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # of another test
    return sys.stderr


@pytest.mark.parametrize(
    ("stream", "notebook", "progress", "shown"),
    [
        (Terminal, False, None, True),
        (Terminal, False, False, False),
        (Terminal, False, 0, False),
        (Terminal, False, "plot", True),
        (io.StringIO, False, None, False),
        (io.StringIO, False, "plot", False),
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
    range_test(*parts, num_iter=5, progress=progress)
    assert ("range test: 100%" in sys.stderr.getvalue()) is shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_bar_that_cannot_be_written_ends_no_sweep(parts, monkeypatch):
    with open("/dev/full", "w", buffering=1) as full:
        monkeypatch.setattr(sys, "stderr", full)
        assert range_test(*parts, num_iter=5, progress=True).lr.size == 5
        monkeypatch.undo()
        with suppress(OSError):
            full.close()


def test_the_bar_ends_with_the_last_loss(parts, monkeypatch):
    stderr = in_terminal(monkeypatch)
    result = range_test(*parts, num_iter=5, progress=True)
    last = stderr.getvalue().rpartition("5/5")[2]
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
    stderr = in_terminal(monkeypatch)
    monkeypatch.setattr(losses_module, "readback_for", lambda *_: Waiting())
    result = range_test(*parts, num_iter=5, progress=True)
    assert result.loss.size == 5
    assert f"5/5, lr={rate(result.lr[-1])} [" in stderr.getvalue()
    assert "loss=" not in stderr.getvalue()


@pytest.mark.parametrize(("progress", "shown"), [(False, False), (None, True), ("plot", True)])
def test_a_loop_of_your_own_shows_a_bar_if_told(monkeypatch, progress, shown):
    stderr = in_terminal(monkeypatch)
    weight = torch.nn.Parameter(torch.tensor(1.0))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    with Sweep(optimizer, num_iter=5, progress=progress) as sweep:
        for batch in sweep.cycle([1.0]):
            (batch * weight**2).backward()
            optimizer.step()
            sweep.record(1.0)
    assert ("range test: 100%" in stderr.getvalue()) is shown


def test_other_runs_show_a_bar_in_place_of_a_curve(monkeypatch):
    stderr = in_terminal(monkeypatch)
    problem = digits_problem(model="mlp", optimizer="sgd")
    parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
    result = range_test(*parts, num_iter=20, progress="plot")
    runs = [
        (lambda: controls(*parts, result), ["short training"]),  # with the options of the sweep
        (lambda: verify(*parts, 0.01, num_iter=8, progress="plot"), ["short training"]),
        (lambda: find_lr(*parts, budget=160, progress="plot"), ["range test", "short training"]),
        (lambda: repeat(regression, seeds=2, n_jobs=1, num_iter=5, progress="plot"), ["repeats"]),
    ]
    for run, names in runs:
        stderr.truncate(0)
        run()
        assert all(f"{name}: 100%" in stderr.getvalue() for name in names)


@pytest.mark.parametrize("first", [True, False])
def test_of_several_ranks_the_first_alone_draws(parts, monkeypatch, first):
    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=True))
    monkeypatch.setattr(IPython.display, "display", lambda image, **_: shown.append(image))
    monkeypatch.setattr(progress_module, "is_first_rank", lambda: first)
    range_test(*parts, num_iter=5, progress="plot")
    assert len(shown) == first


@pytest.mark.parametrize("progress", ["bar", 2, "True", []])
def test_another_progress_is_an_error_that_names_it(parts, progress):
    for call in (
        lambda: range_test(*parts, progress=progress),
        lambda: Sweep(parts[1], progress=progress),
        lambda: verify(*parts, 0.1, progress=progress),
        lambda: repeat(regression, progress=progress),
    ):
        with pytest.raises(
            ValueError, match=r'`progress` must be True, False, None or "plot", got'
        ):
            call()


SLOW_SWEEP = """
import sys, time, torch, lrfind
from IPython.display import DisplayHandle
from lrfind.demo import digits_problem

drawn, update = [], DisplayHandle.update
def counted(self, image, **rest):
    drawn.append(image.data)
    update(self, image, **rest)
DisplayHandle.update = counted

weight = torch.nn.Parameter(torch.tensor(1.0))
optimizer = torch.optim.SGD([weight], lr=0.1)
def sweep(pause, interrupt_at=None):
    drawn.clear()
    with lrfind.Sweep(optimizer, num_iter=8, progress="plot") as sweep:
        for batch in sweep.cycle([1.0, 2.0]):
            (batch * weight**2).backward()
            optimizer.step()
            sweep.record(batch)
            time.sleep(pause)
            if sweep.steps == interrupt_at:
                raise KeyboardInterrupt
"""


@pytest.mark.slow
def test_in_a_real_notebook_a_curve_follows_the_sweep_and_a_bar_comes_without_a_warning(tmp_path):
    caught = "try:\n    sweep({})\nexcept KeyboardInterrupt:\n    print(len(drawn))"
    _, bar, followed, (told,), quick, stopped_early, stopped_late, whole, (pyplot,) = run_cells(
        tmp_path,
        SLOW_SWEEP,
        "result = digits_problem(model='mlp').range_test(num_iter=5)",
        "sweep(0.12)",
        "from base64 import b64encode\nprint(*(b64encode(each).decode() for each in drawn))",
        "sweep(0)",
        caught.format("0, interrupt_at=3"),
        caught.format("0.12, interrupt_at=7"),
        "result = digits_problem(model='mlp').range_test(num_iter=20, progress='plot')",
        "print('matplotlib.pyplot' in sys.modules)",
    )
    (shown,) = {output.get("name", "widget") for output in bar}
    text = "".join(output.get("text", "") for output in bar)
    assert shown == "widget" or "range test: 100%" in text
    assert "Warning" not in text
    for shown in (followed, quick, whole):
        (picture,) = shown
        assert picture.output_type == "display_data"
        height, width, _ = imread(io.BytesIO(b64decode(picture.data["image/png"]))).shape
        assert (width, height) == (480, 256)
    # The first picture took the place of none, each of the others that of the one before.
    *_, last = told.text.split()
    assert "".join(followed[0].data["image/png"].split()) == last
    assert [each.text for each in stopped_early] == ["0\n"]
    picture, printed = stopped_late
    assert picture.output_type == "display_data", "it stays as it was"
    assert printed.text == "0\n", "and is not drawn again"
    assert pyplot.text == "False\n"
