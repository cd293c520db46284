"""Steps that a gradient scaler skips: counted, and no step of the sweep."""

import pytest
import torch
from makers import Counted
from torch.utils._python_dispatch import TorchDispatchMode

import lrfind


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


def step(optimizer, scaler, loss):
    """One step of a loop of the user's own."""
    optimizer.zero_grad()
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()


def test_a_nan_loss_under_a_scaler_is_a_nan_loss_and_no_skip():
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    with lrfind.Sweep(optimizer, num_iter=20, scaler=scaler) as sweep:
        more = True
        while more:
            loss = (weight**2).sum() * (float("nan") if sweep.steps == 5 else 1.0)
            step(optimizer, scaler, loss)
            more = sweep.record(loss)
    assert sweep.result().stop_reason is lrfind.StopReason.NON_FINITE
    assert sweep.result().lr.size == 6


def test_a_scaler_in_a_loop_of_the_users_own():
    model, optimizer, forward, _ = scaled_problem(overflow_at={1})
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    options = {"scaler": scaler, "num_iter": 5, "end_lr": 0.1}
    with lrfind.preserve_state(model, scaler), lrfind.Sweep(optimizer, **options) as sweep:
        more = True
        while more:
            loss = forward(model, None)
            step(optimizer, scaler, loss)
            more = sweep.record(loss)
    assert sweep.result().skipped == (0, 1, 0, 0, 0)


class Reads(TorchDispatchMode):
    """Counts how often the host reads a value of a tensor."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += function is torch.ops.aten._local_scalar_dense.default
        return function(*args, **(kwargs or {}))


def reads_of_record(fused, overflow_at):
    """How often each `record` of a scaled loop reads a value, and the result."""
    model, optimizer, forward, _ = scaled_problem(overflow_at)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=1)
    reads = []
    with lrfind.Sweep(optimizer, scaler=scaler, num_iter=6, end_lr=0.1) as sweep:
        more = True
        while more:
            step(optimizer, scaler, forward(model, None))
            with Reads() as seen:
                more = sweep.record(1.0)
            reads.append(seen.count)
    return reads, sweep.result()


def test_nothing_is_read_after_a_step_that_the_scaler_made_on_the_host():
    # The scale doubles at every step: the skip lowers it below that of the step before alone.
    reads, result = reads_of_record(False, overflow_at={3})
    assert result.skipped == (0, 0, 0, 1, 0, 0)
    assert reads == [0, 0, 0, 1, 0, 0, 0]


def test_a_fused_optimizer_skips_on_the_device_so_that_the_scale_is_read_once():
    reads, result = reads_of_record(True, overflow_at={3})
    assert result.skipped == (0, 0, 0, 1, 0, 0)
    assert reads == [1] * 7


@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_one_of_two_optimizers_skips_is_a_skip(fused):
    one, other = (torch.nn.Parameter(torch.tensor(2.0)) for _ in range(2))
    pair = [torch.optim.SGD([each], lr=0.1, fused=fused) for each in (one, other)]
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    attempts = 0
    with lrfind.Sweep(pair, scaler=scaler, num_iter=4, end_lr=0.1) as sweep:
        more = True
        while more:
            loss = one**2 + other**2
            for each in pair:
                each.zero_grad()
            scaler.scale(loss).backward()
            if attempts == 1:
                other.grad.fill_(torch.inf)
            for each in pair:
                scaler.step(each)
            scaler.update()
            attempts += 1
            more = sweep.record(loss)
    assert sweep.result().skipped == (0, 1, 0, 0)
