"""Batches: as many as it takes, and on the model's device."""

from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import torch
from makers import loss_fn, make_loader, make_model, trainable
from torch import nn
from torch.nn.utils.rnn import pack_sequence

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


META = torch.device("meta")


OPTIONS = {"num_iter": 12, "diverge_th": None}


def sgd(model, lr=0.1):
    return torch.optim.SGD(trainable(model), lr=lr)


def test_a_packed_sequence_keeps_its_batch_sizes_on_the_cpu():
    packed = pack_sequence([torch.ones(3, 2), torch.ones(2, 2)])
    moved = to_device({"x": [packed]}, META)["x"][0]
    assert (moved.data.device, moved.batch_sizes.device.type) == (META, "cpu")


@pytest.mark.parametrize("kind", [np.float32, np.int64, bool, np.complex64])
def test_arrays_of_numbers_become_tensors(kind):
    array = np.ones((3, 2), dtype=kind)
    fixed, turned = array.copy(), array[::-1]
    fixed.flags.writeable = False
    for each in to_device([array, fixed, {"x": turned}["x"]], torch.device("cpu")):
        assert torch.equal(each, torch.tensor(array))
    assert to_device(array, META).device == META


def test_arrays_of_anything_else_are_left_as_they_are():
    names = np.array(["a", "b"])
    assert to_device([names], META)[0] is names


def test_a_loader_of_arrays_is_trained_on_like_one_of_tensors():
    batches = list(make_loader(shuffle=False))
    arrays = [(x.numpy(), y.numpy()) for x, y in batches]
    results = []
    for loader in (batches, arrays):
        torch.manual_seed(3)
        model = make_model()
        results.append(range_test(model, sgd(model), loss_fn, loader, probe=loader[0], **OPTIONS))
    np.testing.assert_array_equal(results[0].loss, results[1].loss)
    np.testing.assert_array_equal(results[0].probe, results[1].probe)


def with_gaps(batches, gap):
    """The batches with one in between that is of no use."""
    for number, batch in enumerate(batches):
        if number % 3 == 0:
            yield gap(batch)
        yield batch


EMPTY = {
    "tuple": lambda batch: [each[:0] for each in batch],
    "arrays": lambda batch: [each[:0].numpy() for each in batch],
}


@pytest.mark.parametrize("gap", EMPTY.values(), ids=EMPTY)
@pytest.mark.parametrize("way", ["loss_fn", "step"])
def test_an_empty_batch_is_left_out(gap, way):
    results = []
    for gaps in (False, True):
        torch.manual_seed(3)
        model = make_model()
        optimizer = sgd(model)
        batches = list(make_loader(shuffle=False))
        loader = list(with_gaps(batches, gap)) if gaps else batches

        def step(batch, model=model, optimizer=optimizer):
            optimizer.zero_grad()
            loss = loss_fn(model(batch[0]), batch[1])
            loss.backward()
            optimizer.step()
            return loss

        given = {"step": step} if way == "step" else {}
        results.append(
            range_test(model, optimizer, None if given else loss_fn, loader, **given, **OPTIONS)
        )
    full, gappy = results
    # The length of the loader counts them, as it does not say which are empty.
    assert (full.epoch_steps, gappy.epoch_steps) == (len(batches), len(loader))
    assert replace(gappy, epoch_steps=full.epoch_steps) == full


def test_boxes_of_a_batch_without_any_are_no_empty_batch():
    model, seen = nn.Linear(2, 1), []

    def forward(model, batch):
        seen.append(len(batch["boxes"]))
        return model(batch["images"]).mean()

    batch = {"images": torch.ones(4, 2), "boxes": torch.ones(0, 4)}
    range_test(model, sgd(model), None, [batch], forward=forward, **OPTIONS)
    assert seen == [0] * 12


def test_a_loader_of_empty_batches_is_empty():
    model = make_model()
    with pytest.raises(ValueError, match="`train_loader` is empty"):
        range_test(model, sgd(model), loss_fn, [(torch.ones(0, 6), torch.ones(0))] * 3)
