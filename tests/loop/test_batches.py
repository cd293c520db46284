"""What a loader may yield, and how a batch that cannot be trained on is told or left out."""

import numpy as np
import pytest
import torch
from makers import everything, loss_fn, make_loader, make_model, trainable
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import lrfind
from lrfind import StopReason
from lrfind.loop.batches import to_device

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
        results.append(
            lrfind.range_test(model, sgd(model), loss_fn, loader, probe=loader[0], **OPTIONS)
        )
    np.testing.assert_array_equal(results[0].loss, results[1].loss)
    np.testing.assert_array_equal(results[0].probe, results[1].probe)


# A batch that the model cannot be called with.


class Wrapped(nn.Module):
    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, *inputs, **named):
        return self.module(*inputs, **named)


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x, *, scale=1.0):
        return self.layer(x) * scale


x, t = torch.ones(4, 2), torch.ones(4, 1)
SURPLUS = {
    "values": (lambda: nn.Sequential(nn.Linear(2, 1)), (x, x, t), r"Sequential\.forward\(input"),
    "keys": (Named, {"x": x, "target": t}, r"Named\.forward\(x, \*, scale=1\.0\)"),
    "missing keys": (Named, {"scale": 2.0}, r"Named\.forward\(x, \*, scale=1\.0\)"),
    "wrapped": (lambda: Wrapped(Named()), {"x": x, "target": t}, r"Named\.forward\(x"),
}


@pytest.mark.parametrize(("build", "batch", "signature"), SURPLUS.values(), ids=SURPLUS)
@pytest.mark.parametrize("way", ["train_loader", "probe", "own loss"])
def test_a_batch_that_the_model_does_not_take_is_told_with_the_remedy(build, batch, signature, way):
    model = build()
    good = {"x": x} if isinstance(batch, dict) else (x, t)
    loader = [batch if way != "probe" else good]
    loss = None if way == "own loss" else lambda output, target: output.mean()
    if way == "own loss" and not isinstance(batch, dict):
        batch = loader[0] = (x, x)
    options = {"probe": batch} if way == "probe" else {}
    with pytest.raises(TypeError, match=rf"`{signature}.*pass `forward=`") as raised:
        lrfind.range_test(model, sgd(model), loss, loader, **OPTIONS, **options)
    assert isinstance(raised.value.__cause__, TypeError)
    assert "forward()" in str(raised.value.__cause__)


def test_a_type_error_inside_the_model_is_the_users_own():
    class Broken(Named):
        def forward(self, x):
            return self.layer(x, x)

    model = Broken()
    with pytest.raises(TypeError, match=r"^Linear\.forward\(\) takes 2") as raised:
        lrfind.range_test(model, sgd(model), loss_fn, [(x, t)])
    assert raised.value.__cause__ is None


def test_a_dataset_is_told_to_be_wrapped():
    model = make_model()
    with pytest.raises(TypeError, match=r"`train_loader` .* wrap it in a DataLoader"):
        lrfind.range_test(model, sgd(model), loss_fn, make_loader().dataset)


# Batches that are left out.


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
            lrfind.range_test(
                model, optimizer, None if given else loss_fn, loader, **given, **OPTIONS
            )
        )
    assert results[0] == results[1]


def test_boxes_of_a_batch_without_any_are_no_empty_batch():
    model, seen = Named(), []

    def forward(model, batch):
        seen.append(len(batch["boxes"]))
        return model(batch["images"]).mean()

    batch = {"images": x, "boxes": torch.ones(0, 4)}
    lrfind.range_test(model, sgd(model), None, [batch], forward=forward, **OPTIONS)
    assert seen == [0] * 12


def test_a_loader_of_empty_batches_is_empty():
    model = make_model()
    with pytest.raises(ValueError, match="`train_loader` is empty"):
        lrfind.range_test(model, sgd(model), loss_fn, [(torch.ones(0, 6), torch.ones(0))] * 3)


@pytest.mark.parametrize("way", ["loss_fn", "forward", "step", "model"])
@pytest.mark.parametrize("micro_batches", [1, 2])
def test_a_batch_without_a_loss_is_left_out(way, micro_batches):
    if way == "step" and micro_batches > 1:
        return
    calls, made = [], []

    class OwnLoss(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = make_model()

        def forward(self, x, y):
            return loss(self.inner(x), y)

    def loss(output, target):
        calls.append(1)
        return None if len(calls) % 3 == 1 else loss_fn(output, target)

    model = OwnLoss() if way == "model" else make_model()
    optimizer = sgd(model)
    optimizer.register_step_post_hook(lambda *_: made.append(optimizer.param_groups[0]["lr"]))

    def step(batch):
        optimizer.zero_grad()
        value = loss(model(batch[0]), batch[1])
        if value is not None:
            value.backward()
            optimizer.step()
        return value

    options = {
        "forward": {"forward": lambda model, batch: loss(model(batch[0]), batch[1])},
        "step": {"step": step},
    }.get(way, {"accumulation_steps": micro_batches})
    if way == "forward":
        options["accumulation_steps"] = micro_batches
    given = loss if way == "loss_fn" else None
    result = lrfind.range_test(model, optimizer, given, make_loader(), **options, **OPTIONS)
    assert result.stop_reason is StopReason.COMPLETED
    assert made == result.lr.tolist()
    assert np.isfinite(result.loss).all()


def test_controls_leave_out_the_same_batches():
    def forward(model, batch):
        return None if batch[1][0] == 0 else loss_fn(model(batch[0]), batch[1])

    model, loader = make_model(), make_loader()
    options = {"forward": forward}
    parts = model, sgd(model), None, loader
    result = lrfind.range_test(*parts, num_iter=30, diverge_th=None, **options)
    found = lrfind.controls(*parts, result, **options)
    assert found.constant.loss.size == 30
    assert np.isfinite(found.frozen).all()


@pytest.mark.filterwarnings("ignore:`train_loader` is an iterator")
@pytest.mark.parametrize("iterator", [False, True])
@pytest.mark.parametrize("way", ["loss_fn", "forward", "step"])
def test_a_loss_that_is_always_none_is_refused_by_name(way, iterator):
    model, loader = make_model(), make_loader()
    optimizer = sgd(model)
    given = {way: lambda *_: None}
    batches = iter(list(loader)) if iterator else loader
    before = everything(model, optimizer, loader)
    with pytest.raises(TypeError, match=f"`{way}` must return"):
        lrfind.range_test(model, optimizer, given.pop("loss_fn", None), batches, **given)
    assert everything(model, optimizer, loader) == before


# A probe of several batches.


class Reiterable:
    def __init__(self, batches):
        self.batches = batches

    def __iter__(self):
        return iter(self.batches)


@pytest.mark.parametrize("kind", ["loader", "shuffled", "reiterable"])
def test_a_probe_may_be_a_loader_whose_mean_loss_is_taken(kind):
    batches = list(make_loader(shuffle=False, batch_size=32))
    probe = {
        "loader": make_loader(shuffle=False, batch_size=32),
        "shuffled": torch.utils.data.DataLoader(batches, batch_size=None, shuffle=True),
        "reiterable": Reiterable(batches),
    }[kind]

    def accuracy(model, batch):
        return (model(batch[0]).argmax(1) == batch[1]).float().mean()

    def run(probe, metric=accuracy):
        torch.manual_seed(3)
        model, loader = make_model(), make_loader()
        model[4] = nn.Identity()  # the module whose hidden state follows what it sees
        before = everything(model, sgd(model), loader)
        options = {"probe": probe, "metric": metric} if probe is not None else {}
        result = lrfind.range_test(model, sgd(model), loss_fn, loader, **options, **OPTIONS)
        assert everything(model, sgd(model), loader) == before
        return result

    together, single = run(probe), [run(batch) for batch in batches]
    np.testing.assert_array_equal(together.loss, run(None).loss)
    np.testing.assert_allclose(
        together.probe, np.mean([each.probe for each in single], 0), rtol=1e-5
    )
    np.testing.assert_allclose(
        together.metric, np.mean([each.metric for each in single], 0), rtol=1e-5
    )


def test_a_list_is_one_probe_batch():
    model, batch = make_model(), next(iter(make_loader()))
    seen = []

    def forward(model, batch):
        if not torch.is_grad_enabled():
            seen.append(type(batch))
        return loss_fn(model(batch[0]), batch[1])

    lrfind.range_test(
        model, sgd(model), None, make_loader(), forward=forward, probe=list(batch), **OPTIONS
    )
    assert seen == [list] * 12


@pytest.mark.parametrize(
    ("probe", "error", "message"),
    [
        (iter([1]), TypeError, "`probe` is an iterator"),
        (Reiterable([]), ValueError, "`probe` is empty"),
    ],
)
def test_a_probe_that_cannot_be_looked_at_again_or_is_empty_is_refused(probe, error, message):
    model, loader = make_model(), make_loader()
    before = everything(model, sgd(model), loader)
    with pytest.raises(error, match=message):
        lrfind.range_test(model, sgd(model), loss_fn, loader, probe=probe)
    assert everything(model, sgd(model), loader) == before
