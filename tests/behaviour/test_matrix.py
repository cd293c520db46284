"""Every combination of precision, accumulation, optimizer and batch: rates, steps, restoration."""

from itertools import product

import numpy as np
import pytest
import torch
from makers import OPTIMIZERS, everything, loss_fn, make_loader, make_model, trainable

import lrfind

STEPS = 12
PRECISIONS = ("fp32", "bf16", "scaler")


class Counted:
    """Counts the steps of an optimizer and notes the rate of each."""

    def __init__(self, optimizer):
        self.rates = []
        self._hook = optimizer.register_step_pre_hook(
            lambda optimizer, args, kwargs: self.rates.append(optimizer.param_groups[0]["lr"])
        )

    def stop(self):
        self._hook.remove()


class ByName(torch.nn.Module):
    """The model, for batches that are dictionaries."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x, y):
        return loss_fn(self.model(x), y)


class Dictionaries(torch.utils.data.Dataset):
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        x, y = self.data[index]
        return {"x": x, "y": y}


def own_step(model, optimizer, scaler, dtype):
    """A training step as users write it."""

    def step(batch):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
            loss = loss_fn(model(batch[0]), batch[1])
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return loss

    return step


def meaningful(precision, accumulation_steps, optimizer_name, shape):
    """A closure goes with neither a scaler nor a plain step, which accumulates by itself."""
    closure_alone = optimizer_name != "lbfgs" or (precision != "scaler" and shape != "step")
    return closure_alone and not (shape == "step" and accumulation_steps > 1)


COMBINATIONS = [
    combination
    for combination in product(
        PRECISIONS, (1, 4), ("momentum", "adamw", "lbfgs"), ("tuple", "dict", "step")
    )
    if meaningful(*combination)
]


@pytest.mark.parametrize(
    ("precision", "accumulation_steps", "optimizer_name", "shape"), COMBINATIONS
)
def test_rates_steps_and_restoration(precision, accumulation_steps, optimizer_name, shape):
    base, loader = make_model(), make_loader(drop_last=True)
    model = ByName(base) if shape == "dict" else base
    if shape == "dict":
        loader = make_loader(dataset=Dictionaries(loader.dataset))
    optimizer = OPTIMIZERS[optimizer_name](trainable(model))
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0) if precision == "scaler" else None
    dtype = None if precision == "fp32" else torch.bfloat16
    options = {"accumulation_steps": accumulation_steps, "autocast": dtype}
    if shape == "step":
        options = {"step": own_step(model, optimizer, scaler, dtype)}
    before = everything(model, optimizer, loader)
    counted = Counted(optimizer)
    result = lrfind.range_test(
        model, optimizer, loss_fn if shape == "tuple" else None, loader, scaler=scaler,
        num_iter=STEPS, end_lr=1.0, diverge_th=None, **options,
    )  # fmt: skip
    counted.stop()
    assert counted.rates == result.lr.tolist()
    assert result.lr.tolist() == np.geomspace(1e-6, 1.0, STEPS).tolist()
    assert np.isfinite(result.loss).all()
    assert result.skipped == ((0,) * STEPS if scaler else ())
    counted.stop()
    after = everything(model, optimizer, loader)
    assert after == before
    assert scaler is None or scaler.get_scale() == 8.0


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


def scaled_problem(overflow_at):
    """A model whose gradient is infinite at some attempts, though its loss is not."""
    weight = torch.nn.Parameter(torch.tensor(2.0))
    attempts = []

    class Overflowing(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * (float("inf") if len(attempts) - 1 in overflow_at else 1.0)

    def forward(model, batch):
        attempts.append(weight.item())
        return Overflowing.apply(weight) ** 2

    model = torch.nn.ParameterList([weight])
    return model, torch.optim.SGD([weight], lr=0.1), forward, attempts


def test_steps_that_the_scaler_skips_do_not_advance_the_rate_and_are_counted():
    model, optimizer, forward, attempts = scaled_problem(overflow_at={0, 1, 5})
    scaler = torch.amp.GradScaler("cpu", init_scale=64.0)
    counted = Counted(optimizer)
    result = lrfind.range_test(
        model, optimizer, None, [0], forward=forward, scaler=scaler, num_iter=10, end_lr=0.1
    )
    assert result.lr.size == 10
    assert len(attempts) == 13
    assert result.skipped == (2, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    assert counted.rates == result.lr.tolist()
    assert attempts[0] == attempts[1] == attempts[2]
    assert scaler.get_scale() == 64.0


def test_gradients_that_stay_infinite_end_the_sweep_with_the_reason():
    model, optimizer, forward, _ = scaled_problem(overflow_at=range(2, 1000))
    result = lrfind.range_test(
        model, optimizer, None, [0], forward=forward, scaler=torch.amp.GradScaler("cpu")
    )
    assert result.stop_reason is lrfind.StopReason.OVERFLOW
    assert result.lr.size == 2


def test_steps_skipped_at_the_end_are_counted_after_the_last():
    model, optimizer, forward, _ = scaled_problem(overflow_at=range(7, 1000))
    result = lrfind.range_test(
        model, optimizer, None, [0], forward=forward, scaler=torch.amp.GradScaler("cpu")
    )
    assert result.stop_reason is lrfind.StopReason.OVERFLOW
    assert result.skipped == (0,) * 7 + (30,)


def test_a_nan_loss_under_a_scaler_is_a_nan_loss_and_no_skip():
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    with lrfind.Sweep(optimizer, num_iter=20, scaler=scaler) as sweep:
        more = True
        while more:
            optimizer.zero_grad()
            loss = (weight**2).sum() * (float("nan") if sweep.steps == 5 else 1.0)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            more = sweep.record(loss)
    assert sweep.result().stop_reason is lrfind.StopReason.NON_FINITE
    assert sweep.result().lr.size == 6


def test_a_scaler_in_a_loop_of_the_users_own():
    model, optimizer, forward, _ = scaled_problem(overflow_at={1})
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    step = {"scaler": scaler, "num_iter": 5, "end_lr": 0.1}
    with lrfind.preserve_state(model, scaler), lrfind.Sweep(optimizer, **step) as sweep:
        more = True
        while more:
            optimizer.zero_grad()
            loss = forward(model, None)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            more = sweep.record(loss)
    assert sweep.result().skipped == (0, 1, 0, 0, 0)


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


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"accumulation_steps": 0}, ValueError, "accumulation_steps"),
        ({"accumulation_steps": 1.5}, TypeError, "accumulation_steps"),
        ({"autocast": "bf16"}, TypeError, "autocast"),
        ({"clip_grad": -1.0}, ValueError, "clip_grad"),
        ({"clip_grad": "norm"}, TypeError, "clip_grad"),
        ({"scaler": 3}, TypeError, "scaler"),
        ({"metric": lambda m, b: 0.0}, ValueError, "metric"),
        ({"probe": 3, "probe_every": 0}, ValueError, "probe_every"),
    ],
)
def test_a_bad_option_is_refused_by_name(options, error, name):
    model, loader = make_model(), make_loader()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    before = everything(model, optimizer, loader)
    with pytest.raises(error, match=f"`{name}`"):
        lrfind.range_test(model, optimizer, loss_fn, loader, **options)
    assert everything(model, optimizer, loader) == before


@pytest.mark.parametrize("option", ["accumulation_steps", "autocast", "clip_grad", "probe"])
def test_an_option_that_a_step_of_the_users_own_cannot_obey_is_refused(option):
    value = {"accumulation_steps": 2, "autocast": torch.bfloat16}.get(option, 1.0)
    model = make_model()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1)
    with pytest.raises(ValueError, match=f"`{option}` has no effect with `step`"):
        lrfind.range_test(model, optimizer, None, [0], step=lambda b: 1.0, **{option: value})


def test_a_closure_goes_with_neither_a_scaler_nor_another_optimizer():
    model = make_model()
    lbfgs = torch.optim.LBFGS(trainable(model))
    with pytest.raises(ValueError, match="`scaler` cannot be used"):
        lrfind.range_test(model, lbfgs, loss_fn, [0], scaler=torch.amp.GradScaler("cpu"))
    both = [lbfgs, torch.optim.SGD(trainable(model), lr=0.1)]
    with pytest.raises(ValueError, match="`optimizer` needs a closure"):
        lrfind.range_test(model, both, loss_fn, [0])
