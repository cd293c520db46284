"""A run of the loop: what may be done at its end, and with which weights."""

import pytest
import torch
from makers import loss_fn, make_loader, make_model, trainable

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
