"""The state of objects is set in objects of the same make, bit for bit."""

import io
import random

import numpy as np
import pytest
import torch
from makers import Stateful, Trained
from torch import nn

from lrfind.state.digest import digest
from lrfind.state.portable import Portable
from lrfind.state.random_state import generator_state, seed_everything
from lrfind.support.errors import NotPortableError


class Training(Trained):
    """A model, optimizers, schedulers and further objects, built from a seed."""

    def __init__(self):
        super().__init__()
        self.own = [Stateful(), random.Random(1), np.random.default_rng(1), torch.Generator(),
                    np.arange(3.0), {"set": {1, 2}, "print": print}, bytearray(b"abc")]  # fmt: skip
        self.objects = [
            self.loader, self.model, *self.optimizers, *self.schedulers, self.scaler, *self.own,
        ]  # fmt: skip

    def steps(self, count):
        for x, y in list(self.loader)[:count]:
            for each in self.optimizers:
                each.zero_grad()
            self.scaler.scale(nn.functional.cross_entropy(self.model(x), y)).backward()
            for each in self.optimizers:
                self.scaler.step(each)
            self.scaler.update()
            self.schedulers[0].step()
            self.schedulers[1].step(1.0)
            own, *draws, _, array, holder, text = self.own
            own.value.append(2)
            draws[0].random()
            draws[1].normal()
            torch.randn(2, generator=self.own[3])
            array += 1
            holder["set"].add(len(holder["set"]) + 5)
            holder["new"] = [array.copy(), holder["print"]]
            text.append(1)

    def state(self):
        """All that is in them, without the addresses of `whole_state`."""
        generators = [generator_state(each) for each in self.own[1:4]]
        return [
            *(list(each.state_dict().items()) for each in (self.model, self.scaler)),
            *([parameter.grad for parameter in self.model.parameters()]),
            *([module.training for module in self.model]),
            *(str(each.state_dict()) for each in (*self.optimizers, *self.schedulers)),
            *(repr(each) for each in (generators, self.own[0].value, self.own[4:])),
        ]

    def digest(self):
        return digest(self.state())


def through_a_file(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("before", [0, 2])
def test_the_state_after_some_steps_is_set_in_objects_of_the_same_make(before):
    one, other = Training(), Training()
    for each in (one, other):
        seed_everything(2)
        each.steps(before)
    there, here = Portable(one.objects), Portable(other.objects)
    assert there.fingerprint == here.fingerprint
    assert there.difference(here.fingerprint) is None
    one.steps(3)
    assert other.digest() != one.digest()
    here.load(through_a_file(there.state()))
    assert other.digest() == one.digest()
    for each in (one, other):
        seed_everything(1)
        each.steps(3)
    assert other.digest() == one.digest()


def test_nothing_is_kept_of_what_has_not_changed():
    training = Training()
    portable = Portable(training.objects)
    assert portable.state() == []
    training.model[0].weight.data[0] = -training.model[0].weight.data[0]
    assert [name for name, *_ in portable.state()] == ["tensor"]


def test_other_weights_or_another_model_are_another_beginning():
    here = Portable(Training().objects)
    other = Training()
    other.model[0].weight.data[0, 0] += 1
    assert "a tensor of shape" in here.difference(Portable(other.objects).fingerprint)
    wider = Training()
    wider.optimizers[0].param_groups[0]["weight_decay"] = 0.1
    assert "weight_decay" in here.difference(Portable(wider.objects).fingerprint)
    fewer = Portable(Training().objects[:-1])
    assert here.difference(fewer.fingerprint) is not None
    assert fewer.difference(here.fingerprint) is not None


def test_a_parameter_that_was_replaced_is_one_for_model_and_optimizer():
    def made():
        torch.manual_seed(0)
        model = nn.Linear(2, 1)
        return model, torch.optim.SGD(model.parameters(), 0.1)

    (one, optimizer), (other, its) = made(), made()
    there, here = Portable([one, optimizer]), Portable([other, its])
    one.weight = nn.Parameter(torch.ones(1, 2))
    optimizer.param_groups[0]["params"][0] = one.weight
    here.load(through_a_file(there.state()))
    assert torch.equal(other.weight, torch.ones(1, 2))
    assert its.param_groups[0]["params"][0] is other.weight


def test_sets_of_objects_have_no_order_that_could_be_met_again():
    with pytest.raises(NotPortableError, match="a set of Linear objects"):
        Portable([[{nn.Linear(1, 1)}]])
