"""Optimizers that an ordinary backward pass is not enough for."""

import pytest
import pytorch_optimizer
import torch
from makers import everything, loss_fn, make_loader, make_model, trainable

import lrfind


class NeedsGraph(torch.optim.SGD):
    """Fails as AdaHessian does without `create_graph=True`."""

    def step(self, closure=None):
        raise RuntimeError("Gradient tensor does not have grad_fn: set create_graph=True")


class NeedsClosure(torch.optim.SGD):
    def step(self, closure=None):
        assert closure is not None, "Sharpness Aware Minimization requires closure"


MAKERS = {
    "sam": lambda p: pytorch_optimizer.SAM(p, base_optimizer=torch.optim.SGD, lr=0.1),
    "closure": lambda p: NeedsClosure(p, lr=0.1),
    "graph": lambda p: NeedsGraph(p, lr=0.1),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_the_remedy_is_a_step_of_ones_own(make):
    model, loader = make_model(), make_loader()
    optimizer = make(trainable(model))
    before = everything(model, optimizer, loader)
    with pytest.raises(TypeError, match=r"`optimizer` \(.*\) needs .*: pass `step=`") as raised:
        lrfind.range_test(model, optimizer, loss_fn, loader)
    assert raised.value.__cause__ is not None
    assert everything(model, optimizer, loader) == before


def test_with_a_step_of_ones_own_every_rate_is_used_once():
    model, loader = make_model(), make_loader()
    optimizer, used = MAKERS["sam"](trainable(model)), []

    def step(batch):
        def closure():
            optimizer.zero_grad()
            loss = loss_fn(model(batch[0]), batch[1])
            loss.backward()
            return loss

        loss = closure()
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step(closure)
        return loss

    result = lrfind.range_test(model, optimizer, None, loader, step=step, num_iter=20)
    assert used == result.lr.tolist()


def test_an_error_of_another_kind_is_left_as_it_is():
    class Broken(torch.optim.SGD):
        def step(self, closure=None):
            raise ArithmeticError("mine")

    model = make_model()
    with pytest.raises(ArithmeticError, match="mine"):
        lrfind.range_test(model, Broken(trainable(model), lr=0.1), loss_fn, make_loader())
