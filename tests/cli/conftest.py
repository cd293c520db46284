"""The command in an empty folder, and what it may find there."""

import sys
import textwrap

import pytest
from click.testing import CliRunner
from makers import make_result

from lrfind.cli import main


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    """Run the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    # Another test may have started a kernel, in which a bar is shown.
    for name in ("problem", "outer", "bad", "trial", "ipykernel"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return lambda *arguments: CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture
def saved(tmp_path):
    make_result().save(tmp_path / "result.json")
    return tmp_path / "result.json"


PROBLEM = """
    import torch
    from torch import nn
    import lrfind

    def parts():
        model = nn.Linear(2, 1)
        data = [(torch.randn(8, 2), torch.zeros(8, 1)) for _ in range(4)]
        return model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), data

    def record():
        model, optimizer, _, data = parts()
        def forward(model, batch):
            return (model(batch[0]) - batch[1]).pow(2).mean()
        return lrfind.Problem(model, optimizer, None, data, options={"forward": forward})

    def unconfirmed():
        return lrfind.Problem(*parts(), options={"confirm": False})

    def iterator():
        model, optimizer, loss_fn, data = parts()
        return model, optimizer, loss_fn, iter(data * 100)

    def too_few():
        return parts()[:3]

    def broken():
        return parts()[0](torch.ones(3, 3))

    def misfit():
        model, optimizer, loss_fn, _ = parts()
        return model, optimizer, loss_fn, [(torch.ones(4, 3), torch.ones(4, 1))]

    def doubles():
        model, optimizer, loss_fn, _ = parts()
        return model, optimizer, loss_fn, [(torch.ones(4, 2).double(), torch.ones(4, 1))]

    def nan_loss():
        model, optimizer, _, data = parts()
        return model, optimizer, lambda out, target: (out * float("nan")).mean(), data

    def empty():
        model, optimizer, loss_fn, _ = parts()
        return model, optimizer, loss_fn, []

    def raising_loader():
        model, optimizer, loss_fn, _ = parts()
        def batches():
            raise RuntimeError("disk gone")
            yield
        class Loader:
            def __iter__(self):
                return batches()
        return model, optimizer, loss_fn, Loader()
"""


@pytest.fixture
def problem(tmp_path):
    path = tmp_path / "problem.py"
    path.write_text(textwrap.dedent(PROBLEM))
    return path
