"""A step: the user's own, with a closure or none, of micro-batches, clipped, and checked."""

import numpy as np
import pytest
import torch
from makers import loss_fn, make_loader, make_model, trainable
from torch import nn

import lrfind
from lrfind import range_test


def test_a_step_of_the_users_own_makes_the_whole_step(parts):
    model, optimizer, loader = parts

    def step(batch):
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        optimizer.step()
        return loss.item()

    own = range_test(model, optimizer, None, loader, step=step, num_iter=30)
    ours = range_test(model, optimizer, loss_fn, loader, num_iter=30)
    assert own.loss.tolist() == ours.loss.tolist()


def test_lbfgs_takes_one_rate_per_step_however_often_it_evaluates():
    weight = nn.Parameter(torch.tensor([4.0, -3.0]))
    optimizer = torch.optim.LBFGS([weight], lr=0.1, max_iter=5)
    seen = []

    def forward(model, batch):
        seen.append(optimizer.param_groups[0]["lr"])
        return (weight**2).sum()

    result = range_test(
        nn.ParameterList([weight]),
        optimizer,
        None,
        [0],
        forward=forward,
        num_iter=10,
        start_lr=0.1,
        end_lr=0.5,
    )
    assert list(dict.fromkeys(seen)) == result.lr.tolist()
    assert len(seen) > 10
    assert result.loss[0] == 25


def test_a_step_of_the_users_own_may_drive_optimizers_that_need_a_closure():
    model = nn.Linear(2, 1)
    both = [torch.optim.LBFGS(model.parameters()), torch.optim.SGD(model.parameters(), lr=1)]
    assert range_test(model, both, None, [0], step=lambda b: 1.0, num_iter=3).lr.size == 3


def test_later_losses_are_checked_like_the_first(parts):
    losses = iter([1, 1, 0])
    with pytest.raises(ValueError, match="`loss_fn` must return a scalar"):
        range_test(
            *parts[:2],
            lambda out, y: loss_fn(out, y) if next(losses) else out.sum(1),
            parts[2],
            num_iter=5,
        )


def test_an_optimizer_whose_step_takes_no_closure_is_driven_too():
    class Plain(torch.optim.Optimizer):
        def __init__(self, parameters):
            super().__init__(parameters, {"lr": 0.1})

        @torch.no_grad()
        def step(self):
            for group in self.param_groups:
                for p in group["params"]:
                    p -= group["lr"] * p.grad

    model = nn.Linear(2, 1)
    data = [(torch.randn(4, 2), torch.ones(4, 1))]
    options = {"num_iter": 20, "diverge_th": None}
    plain, sgd = Plain(model.parameters()), torch.optim.SGD(model.parameters(), lr=0.1)
    ours = range_test(model, plain, nn.MSELoss(), data, **options)
    theirs = range_test(model, sgd, nn.MSELoss(), data, **options)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-5)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_four_micro_batches_are_one_batch_of_four(reduction):
    # Without batch norm and dropout the two are the same computation.
    def problem():
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Linear(8, 3))
        return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    data = make_loader().dataset.tensors
    small = list(zip(*(part.split(4) for part in data), strict=True))
    large = list(zip(*(part.split(16) for part in data), strict=True))
    loss = torch.nn.CrossEntropyLoss(reduction=reduction)
    options = {"num_iter": 40, "end_lr": 1.0, "diverge_th": None}
    one = lrfind.range_test(*problem(), loss, large, **options)
    four = lrfind.range_test(*problem(), loss, small, accumulation_steps=4, **options)
    share = 1 if reduction == "mean" else 4
    np.testing.assert_allclose(four.loss * share, one.loss, rtol=1e-4)
    assert np.ptp(one.loss) > 0.1 * one.loss[0]


def test_a_rest_that_fills_no_step_ends_an_iterator():
    model = make_model()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    with pytest.warns(UserWarning, match="is an iterator"):
        result = lrfind.range_test(
            model, optimizer, loss_fn, iter(list(make_loader())[:10]), accumulation_steps=4
        )
    assert (result.lr.size, result.stop_reason.name) == (2, "EXHAUSTED")


@pytest.mark.parametrize("with_scaler", [False, True])
def test_gradients_are_clipped_unscaled(with_scaler):
    weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    model = torch.nn.ParameterList([weight])
    norms = []

    def watch(parameters):
        norms.append(torch.nn.utils.get_total_norm([p.grad for p in parameters]).item())
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)

    def run(clip):
        scaler = torch.amp.GradScaler("cpu", init_scale=32.0) if with_scaler else None
        return lrfind.range_test(
            model, torch.optim.SGD([weight], lr=1.0), None, [0], start_lr=0.5, end_lr=1.0,
            num_iter=2, forward=lambda m, b: (weight**2).sum(), scaler=scaler, clip_grad=clip,
        )  # fmt: skip

    by_norm, by_function = run(1.0), run(watch)
    assert norms[0] == pytest.approx(10.0)
    # |w| = 5, gradient 2w clipped to length 1, rate 0.5: |w| = 4.5.
    assert by_norm.loss.tolist() == pytest.approx([25.0, 4.5**2])
    assert by_function.loss.tolist() == by_norm.loss.tolist()


def test_a_closure_goes_with_neither_a_scaler_nor_another_optimizer():
    model = make_model()
    lbfgs = torch.optim.LBFGS(trainable(model))
    with pytest.raises(ValueError, match="`scaler` cannot be used"):
        lrfind.range_test(model, lbfgs, loss_fn, [0], scaler=torch.amp.GradScaler("cpu"))
    both = [lbfgs, torch.optim.SGD(trainable(model), lr=0.1)]
    with pytest.raises(ValueError, match="`optimizer` needs a closure"):
        lrfind.range_test(model, both, loss_fn, [0])
