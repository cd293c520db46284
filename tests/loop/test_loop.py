"""A run of the loop: what may be done at its end, and with which weights."""

import numpy as np
import pytest
import torch
from makers import everything, loss_fn, make_loader, make_model, trainable
from torch import nn

import lrfind
from lrfind import StopReason
from lrfind.loop.loop import Loop
from lrfind.sweep.constant_rate import constant_rate


@pytest.fixture
def made():
    model = make_model()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    return model, optimizer, Loop(model, optimizer, loss_fn, make_loader())


def test_at_the_end_the_trained_weights_and_random_numbers_still_stand(made):
    model, optimizer, loop = made
    before, random = model[0].weight.clone(), torch.get_rng_state()
    seen = []
    loop.run(
        constant_rate(optimizer, 0.1, 5),
        at_end=lambda: seen.extend([model[0].weight.clone(), torch.get_rng_state()]),
    )
    assert not torch.equal(seen[0], before)
    assert not torch.equal(seen[1], random)
    assert torch.equal(model[0].weight, before)
    assert torch.equal(torch.get_rng_state(), random)


def test_an_error_at_the_end_leaves_no_trace_either(made):
    model, optimizer, loop = made
    before = model[0].weight.clone()
    with pytest.raises(ZeroDivisionError):
        loop.run(constant_rate(optimizer, 0.1, 5), at_end=lambda: 1 / 0)
    assert torch.equal(model[0].weight, before)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_frozen_weights_do_not_move(made):
    model, optimizer, loop = made
    seen = []
    loop.run(
        constant_rate(optimizer, 0.1, 5),
        frozen=True,
        at_end=lambda: seen.append(model[0].weight.clone()),
    )
    assert torch.equal(seen[0], model[0].weight)


OPTIONS = {"num_iter": 12, "diverge_th": None}


def sgd(model, lr=0.1):
    return torch.optim.SGD(trainable(model), lr=lr)


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


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_epoch_has_the_steps_that_a_step_of_ones_own_makes_in_one(count):
    model, loader = make_model(), make_loader()
    optimizer, calls = sgd(model), [0]

    def step(batch):
        calls[0] += 1
        loss = loss_fn(model(batch[0]), batch[1])
        (loss / count).backward()
        if calls[0] % count == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss.detach()

    result = lrfind.range_test(model, optimizer, None, loader, step=step, **OPTIONS)
    assert result.epoch_steps == pytest.approx(len(loader) / count, rel=1e-12)
    assert len(result.loss) == OPTIONS["num_iter"]
