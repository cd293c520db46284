"""One call: the loop that a person would write, and everything put back."""

import numpy as np
import pytest
import torch
from makers import everything, loss_fn
from torch import nn

from lrfind import Problem, StopReason, range_test


def reference(model, optimizer, loader, num_iter, start_lr=1e-6, end_lr=10.0):
    """A range test written out by hand, on a model that may be used up."""
    lr = np.geomspace(start_lr, end_lr, num_iter)
    losses = []
    while len(losses) < num_iter:
        for x, y in loader:
            if len(losses) == num_iter:
                break
            optimizer.param_groups[0]["lr"] = lr[len(losses)]
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            losses.append(loss.item())
            loss.backward()
            optimizer.step()
    return lr, losses


def test_it_is_the_loop_that_a_person_would_write(parts):
    result = range_test(*parts[:2], loss_fn, parts[2], num_iter=40, diverge_th=None)
    lr, losses = reference(*parts, 40)
    assert result.lr.tolist() == lr.tolist()
    assert result.loss.tolist() == losses
    assert result.stop_reason is StopReason.COMPLETED
    assert result.state_bytes > sum(p.numel() * 4 for p in parts[0].parameters())


def test_a_learnable_or_stateful_loss_is_put_back_too():
    class Learnable(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.calls = nn.Parameter(torch.ones(())), 0

        def forward(self, output, target):
            self.calls += 1
            return (output - target).pow(2).mean() * self.scale

    model, loss = nn.Linear(2, 1), Learnable()
    optimizer = torch.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1)
    range_test(model, optimizer, loss, [(torch.randn(4, 2), torch.ones(4, 1))], num_iter=5)
    assert (loss.scale.item(), loss.calls) == (1.0, 0)


def test_further_objects_are_put_back(parts):
    history = []
    range_test(
        *parts[:2], None, parts[2], num_iter=5, preserve=[{"history": history}],
        forward=lambda m, b: history.append(1) or loss_fn(m(b[0]), b[1]),
    )  # fmt: skip
    assert history == []


@pytest.mark.parametrize("finite", [0, 1])
def test_one_finite_loss_or_none_is_a_result_that_says_why_it_cannot_tell(parts, finite):
    losses = iter([1.0] * finite + [float("nan")])
    before = everything(*parts)
    result = range_test(
        *parts[:2], lambda out, y: loss_fn(out, y) * 0 + next(losses), parts[2], num_iter=20
    )
    assert result.stop_reason is StopReason.NON_FINITE
    assert "`start_lr`" in result.suggest().reason
    assert everything(*parts) == before


def test_what_follows_a_sweep_does_not_write_into_its_journal(parts, tmp_path):
    path = tmp_path / "journal.jsonl"
    problem = Problem(*parts[:2], loss_fn, parts[2], {"journal": path, "num_iter": 60})
    result = problem.range_test(progress=False)
    written = path.read_bytes()
    problem.controls(result)
    problem.verify(result, num_iter=10, rates=[0.01, 0.1])
    problem.find_lr(budget=80)
    assert path.read_bytes() == written
    assert "journal" not in result.loop_options
