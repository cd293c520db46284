"""The scalarisers of TorchJD, as they come, as the total of a `MultiTaskLoss`."""

import pytest
import torch
from torchjd import scalarization

from lrfind import MultiTaskLoss
from lrfind.demo import two_task_problem

NAMES = ["rul", "health"]
LOSSES = {"rul": torch.tensor(1000.0), "health": torch.tensor(1.0)}


@pytest.mark.parametrize(
    ("scalarizer", "total"),
    [
        (scalarization.Mean(), 500.5),
        (scalarization.Sum(), 1001.0),
        (scalarization.Constant(torch.tensor([0.001, 1.0])), 2.0),
        (scalarization.GeometricMean(), 1000**0.5),
        (scalarization.UW(2), 500.5),
        (scalarization.IMTLL(2), 1001.0),
    ],
    ids=lambda value: str(value) if isinstance(value, scalarization.Scalarizer) else "",
)
def test_each_makes_the_total_of_the_raw_losses_or_of_the_normalised_ones(scalarizer, total):
    raw = MultiTaskLoss(NAMES, normalize=False, scalarizer=scalarizer)
    assert raw(LOSSES).item() == pytest.approx(total)
    assert raw(LOSSES).item() == scalarizer(torch.tensor([1000.0, 1.0])).item()
    scaled = MultiTaskLoss(NAMES, scalarizer=scalarizer)
    assert scaled(LOSSES).item() == pytest.approx(scalarizer(torch.ones(2)).item())


def test_their_mean_of_normalised_losses_is_our_equally_weighted_total():
    ours = MultiTaskLoss(NAMES, beta=0.9)
    theirs = MultiTaskLoss(NAMES, beta=0.9, scalarizer=scalarization.Mean())
    for step in range(1, 20):
        given = {"rul": torch.tensor(1000.0 / step), "health": torch.tensor(1.0 + step)}
        assert theirs(given).item() == pytest.approx(ours(given).item())


def test_the_geometric_mean_has_the_gradient_of_losses_divided_by_themselves():
    def gradient(**options):
        rul = torch.tensor(1000.0, requires_grad=True)
        health = torch.tensor(1.0, requires_grad=True)
        total = MultiTaskLoss(NAMES, **options)({"rul": rul, "health": health})
        total.backward()
        return torch.stack([rul.grad, health.grad]) / total.detach()

    geometric = gradient(normalize=False, scalarizer=scalarization.GeometricMean())
    assert torch.allclose(geometric, gradient(beta=0.0))


@pytest.mark.parametrize("name", ["GeometricMean", "UW", "IMTLL"])
def test_a_range_test_runs_with_it_and_puts_its_parameters_back(name):
    kind = getattr(scalarization, name)
    scalarizer = kind() if name == "GeometricMean" else kind(2)
    problem = two_task_problem(total=MultiTaskLoss(NAMES, normalize=False, scalarizer=scalarizer))
    own = [{"params": list(scalarizer.parameters())}] if name != "GeometricMean" else []
    for group in own:
        problem.optimizer.add_param_group(group)
    before = [parameter.clone() for parameter in scalarizer.parameters()]
    result = problem.range_test(num_iter=60, start_lr=1e-4, end_lr=1.0)
    assert result.lr.size > 20
    assert list(result.tasks) == NAMES
    assert all(map(torch.equal, before, scalarizer.parameters()))
