"""What held a value holds it again: the same tensors, memory, gradients and containers."""

from collections import deque

import numpy as np
import pytest
import torch
from makers import make_loader, make_model, plain, train, trainable
from torch import nn

from lrfind import preserve_state


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
