"""`preserve_state` on its own: every kind of object and state, and Ctrl-C at any time."""

import itertools
import os
import random
import signal
import threading
from collections import Counter, deque
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from makers import everything, make_loader, make_model, plain, train, trainable
from torch import nn

import lrfind
from lrfind import preserve_state


def test_the_size_of_the_copy_is_that_of_the_tensors():
    model = nn.Sequential(nn.Linear(10, 10), nn.BatchNorm1d(10))
    expected = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    with preserve_state(model) as kept:
        pass
    assert kept.nbytes == expected


def test_shared_and_repeated_tensors_are_held_once():
    model = nn.Sequential(nn.Linear(10, 10, bias=False), nn.Linear(10, 10, bias=False))
    model[1].weight = model[0].weight
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with preserve_state(model, optimizer, model) as kept:
        model[0].weight.data.zero_()
    assert kept.nbytes == 400
    assert model[0].weight.abs().sum() > 0


def test_tensors_and_containers_keep_their_identity():
    model = make_model()
    optimizer = torch.optim.Adam(trainable(model))
    train(model, optimizer, make_loader(), 2)
    weight = model[0].weight

    def parts():
        state = optimizer.state[weight]
        return [weight.data_ptr(), state, state["exp_avg"], optimizer.param_groups[0]]

    before = parts()
    with preserve_state(model, optimizer):
        train(model, optimizer, make_loader(), 2)
        optimizer.state.clear()
        optimizer.load_state_dict(optimizer.state_dict())
    now = parts()
    assert now[0] == before[0]
    assert all(a is b for a, b in zip(now[1:], before[1:], strict=True))


def test_a_gradient_that_is_a_view_of_a_flat_buffer_comes_back_as_that_view():
    model, flat = nn.Linear(4, 1), torch.arange(5.0)
    model.weight.grad, model.bias.grad = flat[:4].view(1, 4), flat[4:]
    view = model.weight.grad
    with preserve_state(model):
        model.zero_grad()
        flat.zero_()
        model(torch.ones(1, 4)).sum().backward()
    assert model.weight.grad is view
    assert flat.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_what_was_added_is_removed_and_what_was_replaced_comes_back():
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    weight, extra = model.weight, nn.Parameter(torch.ones(3))
    with preserve_state(model, optimizer):
        model.weight = nn.Parameter(torch.zeros(2, 2))
        model.register_buffer("late", torch.ones(1))
        model.register_forward_hook(lambda *arguments: None)
        model.eval()
        model.bias.requires_grad_(False)
        optimizer.add_param_group({"params": [extra], "lr": 1.0})
        optimizer.param_groups[0]["momentum"] = 0.5
        optimizer.param_groups[0]["new_key"] = 1
    assert model.weight is weight
    assert "late" not in dict(model.named_buffers())
    assert not model._forward_hooks
    assert model.training
    assert model.bias.requires_grad
    assert len(optimizer.param_groups) == 1
    assert optimizer.param_groups[0]["momentum"] == 0
    assert "new_key" not in optimizer.param_groups[0]


@pytest.mark.parametrize("store", ["cpu", "device"])
def test_a_model_turned_to_half_precision_gets_its_own_memory_back(store):
    model = nn.Linear(4, 4)
    model(torch.ones(1, 4)).sum().backward()
    before, pointer = plain([model.weight, model.weight.grad]), model.weight.data_ptr()
    with preserve_state(model, store=store):
        model.half()
    assert plain([model.weight, model.weight.grad]) == before
    assert model.weight.data_ptr() == pointer


def test_gradients_come_back_as_values_or_as_none():
    model = nn.Linear(2, 1)
    model.weight.grad = torch.full((1, 2), 3.0)
    with preserve_state(model):
        model.zero_grad()
        model(torch.ones(1, 2)).sum().backward()
    assert model.weight.grad.tolist() == [[3.0, 3.0]]
    assert model.bias.grad is None


def test_sparse_gradients_come_back():
    model = nn.Embedding(5, 2, sparse=True)
    model(torch.tensor([1, 3])).sum().backward()
    with preserve_state(model):
        model.zero_grad()
        model(torch.tensor([0])).sum().backward()
    assert model.weight.grad.is_sparse
    assert model.weight.grad.to_dense().sum(1).tolist() == [0, 2, 0, 2, 0]


def test_an_expanded_buffer_is_no_obstacle():
    model = nn.Linear(1, 1)
    model.register_buffer("positions", torch.arange(3).expand(4, 3))
    with preserve_state(model):
        model.weight.data.zero_()
    assert model.weight.item() != 0


def test_plain_attributes_containers_and_arrays_come_back():
    model = nn.Linear(1, 1)
    model.log, model.recent = [1, [2]], deque([1, 2], maxlen=2)
    model.table, model.table_alias = np.zeros(2), None
    model.table_alias = model.table
    log = model.log
    with preserve_state(model):
        model.log[1].append(3)
        model.log.append(4)
        model.recent.append(9)
        model.table += 1
        model.count = 5
    assert model.log is log
    assert model.log == [1, [2]]
    assert list(model.recent) == [1, 2]
    assert model.table_alias.tolist() == [0, 0]
    assert not hasattr(model, "count")


def schedulers(optimizer):
    """A chain, a plateau and a one-cycle, as users combine them."""
    from torch.optim import lr_scheduler as s

    return [
        s.SequentialLR(optimizer, [s.LinearLR(optimizer), s.StepLR(optimizer, 1)], [2]),
        s.ReduceLROnPlateau(optimizer),
        s.OneCycleLR(optimizer, max_lr=0.1, total_steps=50),
    ]


@pytest.mark.parametrize("index", range(3))
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_schedulers_come_back_with_all_they_hold(index):
    model = make_model()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1, momentum=0.9)
    scheduler = schedulers(optimizer)[index]

    def state():
        return plain([scheduler.state_dict(), optimizer.param_groups])

    before = state()
    with preserve_state(model, optimizer, scheduler):
        train(model, optimizer, make_loader(), 3)
        for loss in (1.0, 2.0, 3.0):
            scheduler.step(*([loss] if index == 1 else []))
        assert state() != before
    assert state() == before


def test_a_gradient_scaler_comes_back_also_to_not_yet_started():
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def overflow():
        optimizer.zero_grad()
        (scaler.scale(model(torch.ones(1, 2)).sum()) * float("inf")).backward()
        scaler.step(optimizer)
        scaler.update()

    with preserve_state(model, optimizer, scaler):
        overflow()
        assert scaler.get_scale() < 1024
    assert scaler._scale is None
    assert scaler.get_scale() == 1024
    overflow()
    scale = scaler.get_scale()
    with preserve_state(model, optimizer, scaler):
        overflow()
    assert scaler.get_scale() == scale


def draws(generators):
    return [
        random.random(),
        np.random.random(),  # noqa: NPY002
        torch.rand(1).item(),
        generators[0].random(),
        generators[1].random(),
        generators[2].random_sample(),
        torch.rand(1, generator=generators[3]).item(),
    ]


def test_every_random_generator_comes_back():
    generators = [
        random.Random(1),
        np.random.default_rng(1),
        np.random.RandomState(1),
        torch.Generator().manual_seed(1),
    ]
    with preserve_state(*generators):
        first = draws(generators)
    assert draws(generators) == first


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


class Stateful:
    """Anything with the state_dict protocol."""

    def __init__(self):
        self.value = [1]

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]


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


@pytest.mark.parametrize("thing", [3, "text", iter([1]), nn.Linear, len, torch, lambda: 1])
def test_what_cannot_be_put_back_is_refused(thing):
    with pytest.raises(TypeError, match="`preserve_state` cannot restore"), preserve_state(thing):
        pass


def test_a_lazy_module_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="run one batch"), preserve_state(nn.LazyLinear(2)):
        pass


def test_an_unknown_store_is_refused():
    with pytest.raises(ValueError, match="`store` must be one of"), preserve_state(store="disk"):
        pass


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


def test_a_buffer_written_in_the_forward_pass_is_a_leaf_again():
    class Remembering(nn.Linear):
        def __init__(self):
            super().__init__(2, 1)
            self.register_buffer("last", torch.zeros(1, 1))

        def forward(self, x):
            output = super().forward(x)
            self.last.copy_(output)
            return output

    model = Remembering()
    with preserve_state(model):
        model(torch.ones(1, 2)).sum().backward()
        assert not model.last.is_leaf
    assert model.last.is_leaf
    assert model.last.item() == 0


def test_a_thawed_layer_is_frozen_again():
    model = nn.Linear(1, 1).requires_grad_(False)
    with preserve_state(model):
        model.requires_grad_(True)
    assert not any(p.requires_grad for p in model.parameters())


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_scripted_module_comes_back_with_its_mode():
    model = torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    before = plain(model.state_dict())
    with preserve_state(model):
        model(torch.randn(4, 2))
        model.eval()
        next(model.parameters()).data.zero_()
    assert plain(model.state_dict()) == before
    assert all(part.training for part in model.modules())


def test_a_loop_that_replaces_the_parameter_groups_gets_its_own_back():
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    group = optimizer.param_groups[0]
    with preserve_state(optimizer):
        optimizer.load_state_dict(optimizer.state_dict() | {})
        optimizer.param_groups[0]["lr"] = 9
    assert optimizer.param_groups[0] is group
    assert group["lr"] == 0.1


def test_many_layers_in_each_other_are_no_obstacle():
    model = nn.Linear(1, 1)
    for _ in range(400):
        model = nn.Sequential(model)
    weight = next(model.parameters())
    before = weight.item()
    with preserve_state(model):
        weight.data.zero_()
    assert weight.item() == before


def test_one_failing_restore_does_not_stop_the_others():
    class Broken(Stateful):
        def load_state_dict(self, state):
            raise OSError("gone")

    model = nn.Linear(2, 2)
    before = plain(model.weight)
    with pytest.raises(OSError, match="gone"), preserve_state(model, Broken(), nn.Linear(1, 1)):
        model.weight.data.zero_()
    assert plain(model.weight) == before


def test_a_second_ctrl_c_waits_until_everything_is_back():
    class Interrupting(Stateful):
        def load_state_dict(self, state):
            os.kill(os.getpid(), signal.SIGINT)
            super().load_state_dict(state)

    model, stateful = make_model(), Interrupting()
    optimizer = torch.optim.Adam(trainable(model))
    loader = make_loader()
    before = everything(model, optimizer, loader)
    # Where SIGINT is ignored, as in a background job, the test would pass without deferral.
    handler = signal.default_int_handler
    signal.signal(signal.SIGINT, handler)
    with pytest.raises(KeyboardInterrupt), preserve_state(model, optimizer, loader, stateful):
        stateful.value = []
        train(model, optimizer, loader, 3)
        raise KeyboardInterrupt
    assert everything(model, optimizer, loader) == before
    assert stateful.value == [1]
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_ctrl_c_while_restoring_after_success_is_held_and_not_lost():
    class Interrupting(Stateful):
        def load_state_dict(self, state):
            os.kill(os.getpid(), signal.SIGINT)
            super().load_state_dict(state)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    model, stateful = nn.Linear(1, 1), Interrupting()
    before = plain(model.weight)
    with pytest.raises(KeyboardInterrupt), preserve_state(model, stateful):
        model.weight.data.zero_()
        stateful.value = []
    assert plain(model.weight) == before
    assert stateful.value == [1]


def test_it_works_in_a_thread():
    model = nn.Linear(2, 2)
    before = plain(model.weight)

    def work():
        with preserve_state(model):
            model.weight.data.zero_()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert plain(model.weight) == before
