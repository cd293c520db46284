"""Where state is found: in loaders, samplers, datasets, transforms and objects of any kind."""

import itertools
import random
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from makers import Stateful, make_model, plain, trainable
from torch import nn

import lrfind
from lrfind import preserve_state


class NoisyData(torch.utils.data.Dataset):
    """Augments with generators of its own, and counts."""

    def __init__(self, size=40):
        self.x = torch.arange(float(size))
        self.rng = np.random.default_rng(3)
        self.served = 0

    def __len__(self):
        return self.x.numel()

    def __getitem__(self, index):
        self.served += 1
        return self.x[index] + self.rng.normal() + torch.rand(()) + random.random()


def first_epoch(loader):
    return [batch.tolist() for batch in loader]


class ShuffledSampler(torch.utils.data.Sampler):
    """Shuffles its own list in place, as many do."""

    def __init__(self):
        self.order = list(range(40))

    def __iter__(self):
        random.shuffle(self.order)
        yield from self.order


class PairsOfIndices:
    """A batch sampler that is no `Sampler`."""

    def __init__(self):
        self.rng = random.Random(1)

    def __iter__(self):
        return iter([[self.rng.randrange(40), 1] for _ in range(5)])


class Jitter:
    """A transform, or a collate function, with a generator of its own."""

    def __init__(self):
        self.rng = np.random.default_rng(0)

    def __call__(self, items):
        return torch.stack([item + self.rng.normal() for item in items])


class ShuffledStream(torch.utils.data.IterableDataset):
    """Shuffles its list of files."""

    def __init__(self):
        self.files = list(range(40))

    def __iter__(self):
        random.shuffle(self.files)
        yield from self.files


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (range(40), {"sampler": ShuffledSampler()}),
        (range(40), {"batch_sampler": PairsOfIndices()}),
        (torch.arange(40.0), {"collate_fn": Jitter()}),
        (ShuffledStream(), {}),
        (torch.utils.data.ConcatDataset([NoisyData(20), NoisyData(20)]), {"shuffle": True}),
        (torch.utils.data.StackDataset(NoisyData(), NoisyData()), {}),
    ],
    ids=["sampler", "batch_sampler", "collate_fn", "stream", "concat", "stack"],
)
def test_generators_and_orders_anywhere_in_a_loader_come_back(data, options):
    batched = {} if "batch_sampler" in options else {"batch_size": 4}
    loader = torch.utils.data.DataLoader(data, **batched, **options)

    def epoch():
        return [plain(batch) for batch in loader]

    with preserve_state(loader) as kept:
        first = epoch()
    assert epoch() == first
    assert kept.nbytes == 0


class Augmented(torch.utils.data.Dataset):
    """Transforms in a list inside an object, and a cache that is data."""

    def __init__(self):
        self.transforms = SimpleNamespace(steps=[Jitter(), Jitter()])
        self.cache = SimpleNamespace(table=np.zeros(10**6), images=torch.zeros(10**6))

    def __len__(self):
        return 8

    def __getitem__(self, index):
        item = torch.tensor([float(index)])
        for step in self.transforms.steps:
            item = step([item])
        return item


def test_transforms_deep_in_a_dataset_come_back_and_its_cache_is_not_copied():
    loader = torch.utils.data.DataLoader(Augmented(), batch_size=4, num_workers=0)
    with preserve_state(loader) as kept:
        first = first_epoch(loader)
    assert first_epoch(loader) == first
    assert kept.nbytes == 0


def test_a_list_that_shuffles_itself_comes_back():
    class Shuffling(list):
        def __iter__(self):
            random.shuffle(self)
            return super().__iter__()

    model = make_model()
    batches = Shuffling((torch.randn(4, 6), torch.tensor([0, 1, 2, k % 3])) for k in range(9))
    order = [id(batch) for batch in list.__iter__(batches)]
    lrfind.range_test(
        model, torch.optim.SGD(trainable(model), lr=0.1), nn.CrossEntropyLoss(), batches, num_iter=5
    )
    assert [id(batch) for batch in list.__iter__(batches)] == order


@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True},
        {"shuffle": True, "generator": torch.Generator().manual_seed(1)},
        {"sampler": torch.utils.data.RandomSampler(range(40), generator=torch.Generator())},
        {"shuffle": True, "num_workers": 1},
    ],
    ids=["global", "own_generator", "sampler", "worker"],
)
def test_a_loader_gives_the_same_batches_again(options):
    data = NoisyData()
    loader = torch.utils.data.DataLoader(data, batch_size=8, **options)
    with preserve_state(loader):
        first = first_epoch(loader)
    assert data.served == 0
    assert first_epoch(loader) == first


def test_a_dataset_inside_others_comes_back_and_its_data_is_not_copied():
    data = NoisyData()
    loader = torch.utils.data.DataLoader(torch.utils.data.Subset(data, range(10)), batch_size=5)
    with preserve_state(loader) as kept:
        first = first_epoch(loader)
    assert kept.nbytes == 0
    assert first_epoch(loader) == first


def test_persistent_workers_keep_their_own_random_state():
    def loader():
        return torch.utils.data.DataLoader(
            NoisyData(), batch_size=8, num_workers=1, persistent_workers=True
        )

    torch.manual_seed(5)
    untested = loader()
    epochs = [first_epoch(untested), first_epoch(untested)]
    torch.manual_seed(5)
    tested = loader()
    assert first_epoch(tested) == epochs[0]
    with preserve_state(tested):
        first_epoch(tested)
    assert first_epoch(tested) == epochs[1]


class Plain:
    """An object with attributes only: a user's own trainer."""

    def __init__(self):
        self.weights, self.step = torch.ones(2), 3


class OwnLoader:
    """An iterable of the user's own, with a position and a generator."""

    def __init__(self):
        self.rng, self.position = random.Random(0), 0

    def __iter__(self):
        while True:
            self.position += 1
            yield self.rng.random()


def test_objects_of_the_users_own_come_back():
    stateful, own, loader = Stateful(), Plain(), OwnLoader()
    with preserve_state(stateful, own, loader, None):
        stateful.value.append(2)
        own.weights += 1
        own.step += 1
        first = list(itertools.islice(loader, 3))
    assert stateful.value == [1]
    assert own.weights.tolist() == [1, 1]
    assert own.step == 3
    assert loader.position == 0
    assert list(itertools.islice(loader, 3)) == first


class Meter:
    """An object of the user's own, as modules and losses hold them."""

    def __init__(self):
        self.total, self.seen, self.average = 0.0, [], torch.zeros(2)

    def see(self, value):
        self.total += value
        self.seen.append(value)
        self.average += value


class Special(dict):
    """A dictionary of the user's own."""


def test_odd_attributes_of_a_module_come_back():
    model = nn.Linear(1, 1)
    model.counts, model.names = Counter(a=1), {1}
    model.options, model.bytes = SimpleNamespace(n=0), bytearray(b"x")
    model.table, model.meter = Special(a=1), Meter()
    model.objects = np.array([[1], None], dtype=object)
    model.pair = (torch.zeros(2), [0])
    with preserve_state(model):
        model.counts["a"] += 1
        model.names.add(2)
        model.options.n = 1
        model.bytes += b"y"
        model.table["b"] = 2
        model.meter.see(3.0)
        model.objects[0].append(2)
        model.pair[0].add_(1)
        model.pair[1].append(1)
    assert (model.counts, model.names, model.options.n) == (Counter(a=1), {1}, 0)
    assert (model.bytes, model.table, model.meter.total) == (b"x", {"a": 1}, 0.0)
    assert (model.meter.seen, model.meter.average.tolist()) == ([], [0.0, 0.0])
    assert model.objects[0] == [1]
    assert (model.pair[0].tolist(), model.pair[1]) == ([0.0, 0.0], [0])


def test_a_preconditioner_object_in_an_optimizers_state_comes_back():
    weight = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    optimizer.state[weight]["preconditioner"] = meter = Meter()
    with preserve_state(optimizer):
        meter.see(1.0)
    assert optimizer.state[weight]["preconditioner"] is meter
    assert meter.total == 0.0


def test_many_layers_in_each_other_are_no_obstacle():
    model = nn.Linear(1, 1)
    for _ in range(400):
        model = nn.Sequential(model)
    weight = next(model.parameters())
    before = weight.item()
    with preserve_state(model):
        weight.data.zero_()
    assert weight.item() == before
