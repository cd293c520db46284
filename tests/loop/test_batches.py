"""Batches: as many as it takes, and on the model's device."""

from collections import namedtuple

import pytest
import torch
from makers import loss_fn
from torch import nn

from lrfind import StopReason, range_test
from lrfind.loop.batches import to_device

BATCH = torch.ones(4, 2), torch.ones(4, 1)


Named = namedtuple("Named", "x target")


def test_a_step_of_the_users_own_gets_its_batch_on_the_models_device():
    model, seen = Elsewhere(), []
    optimizer = torch.optim.SGD([model.near], lr=0.1)

    def step(batch):
        seen.append(batch[0].device.type)
        return 1.0

    range_test(model, optimizer, None, [BATCH], step=step, num_iter=2)
    assert seen == ["meta", "meta"]


def test_a_short_loader_is_restarted(parts):
    short = list(parts[2])[:3]
    result = range_test(*parts[:2], loss_fn, short, num_iter=10, diverge_th=None)
    assert result.lr.size == 10


def test_an_iterator_that_runs_out_is_named_as_the_reason_and_warned_of(parts):
    batches = iter(list(parts[2])[:4])
    with pytest.warns(UserWarning, match="`train_loader` is an iterator"):
        result = range_test(*parts[:2], loss_fn, batches, num_iter=10)
    assert (result.lr.size, result.stop_reason) == (4, StopReason.EXHAUSTED)


def test_an_iterable_dataset_is_enough():
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from (BATCH for _ in range(3))

    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loader = torch.utils.data.DataLoader(Stream(), batch_size=None)
    assert (
        range_test(model, optimizer, nn.MSELoss(), loader, num_iter=8, diverge_th=None).lr.size == 8
    )


class Elsewhere(nn.Module):
    """Its first parameter is on another device; its loss is made of the second, on the CPU."""

    def __init__(self):
        super().__init__()
        self.far, self.near = (
            nn.Parameter(torch.ones(1, device="meta")),
            nn.Parameter(torch.ones(1)),
        )


def test_batches_move_to_the_models_device():
    model, seen = Elsewhere(), []

    def forward(model, batch):
        seen.append((batch["a"][0].device.type, batch["a"][1][0].device.type, batch["a"][1][1]))
        seen.append((type(batch["n"]), batch["n"].x.device.type, batch["n"].target))
        return (model.near**2).sum()

    features, targets = BATCH
    batch = {"a": [features, (targets, "name")], "n": Named(features, 3)}
    optimizer = torch.optim.SGD([model.near], lr=0.1)
    range_test(model, optimizer, None, [batch], forward=forward, num_iter=2)
    assert seen == [("meta", "meta", "name"), (Named, "meta", 3)] * 2


def test_batches_with_a_way_of_their_own_to_move_use_it():
    class Moving:
        def __init__(self, device):
            self.device = device

        def to(self, device):
            return Moving(device)

    assert to_device([Moving("here")], torch.device("meta"))[0].device.type == "meta"
