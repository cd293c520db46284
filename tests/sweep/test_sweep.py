"""The engine against closed forms: on loss w**2 / 2, SGD multiplies w by 1 - lr."""

import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn

import lrfind
from lrfind import StopReason, Sweep

pytestmark = pytest.mark.filterwarnings("ignore:the loop ended after")


def quadratic(dtype=torch.float64):
    """A weight of 1, its optimizer, and one step on loss w**2 / 2 that returns the loss."""
    weight = torch.nn.Parameter(torch.ones((), dtype=dtype))
    optimizer = torch.optim.SGD([weight], lr=0.5)

    def step():
        loss = weight**2 / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return optimizer, step


def run(optimizer, step, **options):
    with Sweep(optimizer, **options) as sweep:
        while sweep.record(step()):
            pass
    return sweep.result()


@pytest.mark.parametrize("step_mode", ["exp", "linear"])
def test_every_loss_is_the_closed_form_of_the_recorded_rates(step_mode):
    result = run(
        *quadratic(), start_lr=1e-4, end_lr=5, num_iter=80, step_mode=step_mode, diverge_th=None
    )
    before = np.cumprod(np.concatenate([[1.0], 1 - result.lr[:-1]]))
    np.testing.assert_allclose(result.loss, before**2 / 2, rtol=1e-9, atol=1e-300)
    assert (result.lr[0], result.lr[-1], result.lr.size) == (1e-4, 5.0, 80)
    assert result.stop_reason is StopReason.COMPLETED


def test_the_loss_first_rises_after_the_first_rate_above_2():
    result = run(*quadratic(), start_lr=1e-4, end_lr=5, num_iter=101, diverge_th=None)
    rises = np.flatnonzero(np.diff(result.loss) > 0)
    assert rises[0] == np.flatnonzero(result.lr > 2)[0]


def test_it_diverges_only_above_2():
    start = {"start_lr": 1.5, "num_iter": 200}
    assert run(*quadratic(), end_lr=1.99, **start).stop_reason is StopReason.COMPLETED
    result = run(*quadratic(), end_lr=30.0, **start)
    assert result.stop_reason is StopReason.DIVERGED
    assert result.lr[-1] > 2
    assert result.lr.size < 200


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_a_non_finite_loss_ends_it_at_once_and_is_recorded(bad):
    optimizer, _ = quadratic()
    with Sweep(optimizer, diverge_th=None) as sweep:
        assert sweep.record(1.0)
        assert not sweep.record(bad)
    assert sweep.result().stop_reason is StopReason.NON_FINITE
    np.testing.assert_array_equal(sweep.result().loss, [1.0, bad])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("steps", [0, 7])
def test_leaving_the_loop_early_gives_what_there_is_with_a_warning(steps):
    optimizer, step = quadratic()
    sweep = Sweep(optimizer, num_iter=50)

    def epoch():
        with sweep:
            for _ in range(steps):
                sweep.record(step())

    with pytest.warns(UserWarning, match=f"ended after {steps} of the 50 steps") as warned:
        epoch()
    assert warned[0].filename == __file__
    result = sweep.result()
    assert (result.lr.size, result.stop_reason) == (steps, StopReason.UNFINISHED)
    assert optimizer.param_groups[0]["lr"] == 0.5


@pytest.mark.filterwarnings("error")
def test_a_loop_that_ends_by_an_error_or_for_lack_of_data_has_said_why():
    optimizer, step = quadratic()
    with pytest.raises(ZeroDivisionError), Sweep(optimizer) as sweep:
        sweep.record(step())
        raise ZeroDivisionError
    with Sweep(optimizer) as sweep:
        sweep.record(step())
        sweep.exhausted()
    assert sweep.result().stop_reason is StopReason.EXHAUSTED


def test_the_rates_are_put_back_also_after_an_error():
    optimizer, _ = quadratic()
    with pytest.raises(ZeroDivisionError), Sweep(optimizer):
        assert optimizer.param_groups[0]["lr"] == 1e-6
        raise ZeroDivisionError
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_second_sweep_starts_anew():
    optimizer, step = quadratic()
    sweep = Sweep(optimizer, num_iter=20, end_lr=1e-5)
    for _ in range(2):
        with sweep:
            while sweep.record(step()):
                pass
        assert sweep.result().lr.size == 20


def groups(*rates, **extra):
    return torch.optim.SGD(
        [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": rate, **extra} for rate in rates],
        lr=1.0,
    )


@pytest.mark.parametrize(
    ("rates", "scale"),
    [
        ((1e-3, 1e-2, 1e-4), (0.1, 1.0, 0.01)),
        ((0.0, 0.2), (0.0, 1.0)),
        ((0.0, 0.0), (1.0, 1.0)),
        ((0.3,), (1.0,)),
    ],
)
def test_groups_keep_the_ratios_of_their_rates(rates, scale):
    optimizer = groups(*rates)
    used = []
    with Sweep(optimizer, num_iter=30, start_lr=1e-5, end_lr=1) as sweep:
        more = True
        while more:
            used.append([group["lr"] for group in optimizer.param_groups])
            more = sweep.record(1.0)
    result = sweep.result()
    assert result.group_scale == pytest.approx(scale)
    np.testing.assert_array_equal(np.array(used).T, result.group_lr)
    np.testing.assert_allclose(result.group_lr, np.outer(scale, result.lr))
    assert [group["lr"] for group in optimizer.param_groups] == list(rates)


@pytest.mark.parametrize(
    ("rates", "lr_scale", "initial", "scale"),
    [
        ((0.1, 0.1, 0.1), (0.25, 0.5, 1.0), None, (0.25, 0.5, 1.0)),
        ((0.1, 0.1), (0.5, None), None, (0.5, 1.0)),
        ((0.1, 1.0), (0.5, 1.0), None, (0.05, 1.0)),
        ((0.025, 0.05, 0.1), (0.25, 0.5, 1.0), None, (0.25, 0.5, 1.0)),
        ((0.025, 0.1), (0.25, 1.0), (0.1, 0.1), (0.25, 1.0)),
        ((0.05, 0.05), (0.25, 1.0), (0.1, 0.1), (1.0, 1.0)),
        ((0.0, 0.0), (0.25, 1.0), (0.1, 0.1), (0.25, 1.0)),
        ((0.0, 0.0), (0.25, 1.0), None, (0.25, 1.0)),
        ((0.1, 0.1), (0.5, 0.5), None, (1.0, 1.0)),
    ],
    ids=[
        "not yet in the rates",
        "not in all groups",
        "beside other ratios",
        "set by a loop",
        "set by a scheduler of timm",
        "left out by a scheduler of torch",
        "in the first step of a warm-up",
        "without any rate",
        "the same for all",
    ],
)
def test_an_lr_scale_of_a_group_is_part_of_the_ratios_once(rates, lr_scale, initial, scale):
    optimizer = groups(*rates)
    for number, group in enumerate(optimizer.param_groups):
        if lr_scale[number] is not None:
            group["lr_scale"] = lr_scale[number]
        if initial is not None:
            group["initial_lr"] = initial[number]
    with Sweep(optimizer, num_iter=30) as sweep:
        sweep.record(1.0)
        assert [group["lr"] / sweep.lr for group in optimizer.param_groups] == pytest.approx(scale)
    assert sweep.result().group_scale == pytest.approx(scale)
    assert [group["lr"] for group in optimizer.param_groups] == list(rates)


def test_a_whole_number_for_a_rate_comes_back_as_one():
    optimizer = groups(1)
    with Sweep(optimizer):
        pass
    assert type(optimizer.param_groups[0]["lr"]) is int


def test_groups_that_a_checkpoint_replaced_are_swept_and_put_back():
    optimizer = groups(0.5)
    with Sweep(optimizer, num_iter=9) as sweep:
        optimizer.load_state_dict(optimizer.state_dict())
        sweep.record(1.0)
        assert optimizer.param_groups[0]["lr"] == sweep.lr
    assert optimizer.param_groups[0]["lr"] == 0.5


def test_a_group_added_during_the_sweep_is_refused():
    optimizer = groups(0.5)
    with Sweep(optimizer) as sweep:
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))]})
        with pytest.raises(RuntimeError, match="had 1 parameter groups"):
            sweep.record(1.0)


def test_a_warm_up_that_starts_from_0_leaves_the_ratios_in_initial_lr():
    optimizer = groups(0.01, 0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: epoch / 10)
    assert [group["lr"] for group in optimizer.param_groups] == [0.0, 0.0]
    with Sweep(optimizer) as sweep:
        sweep.record(1.0)
    assert sweep.result().group_scale == pytest.approx((0.1, 1.0))


def test_a_rate_held_as_a_tensor_is_filled_in_place():
    rate = torch.tensor(0.25)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=rate)
    with Sweep(optimizer, start_lr=1e-3, num_iter=10) as sweep:
        assert rate.item() == torch.tensor(1e-3).item()
        sweep.record(1.0)
        assert rate.item() == pytest.approx(sweep.lr)
        assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25


@pytest.mark.parametrize(
    "loss", [1.0, 1, np.float32(1), torch.tensor(1.0), torch.tensor([[1.0]], requires_grad=True)]
)
def test_a_loss_may_be_any_single_number(loss):
    with Sweep(groups(1.0)) as sweep:
        assert sweep.record(loss)
    assert sweep.result().loss.tolist() == [1.0]


@pytest.mark.parametrize("loss", [None, "text", torch.ones(2), [1.0]])
def test_a_loss_that_is_no_number_is_refused_by_name(loss):
    with Sweep(groups(1.0)) as sweep, pytest.raises(TypeError, match="`loss` must"):
        sweep.record(loss)


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"start_lr": 0}, ValueError, "start_lr"),
        ({"start_lr": 10, "end_lr": 1}, ValueError, "start_lr"),
        ({"end_lr": float("inf")}, ValueError, "end_lr"),
        ({"num_iter": 1}, ValueError, "num_iter"),
        ({"num_iter": 1.5}, TypeError, "num_iter"),
        ({"step_mode": "log"}, ValueError, "step_mode"),
        ({"diverge_th": 0}, ValueError, "diverge_th"),
        ({"diverge_th": "4"}, TypeError, "diverge_th"),
    ],
)
def test_a_bad_argument_is_refused_by_name_before_anything_is_touched(options, error, name):
    optimizer = groups(0.1)
    with pytest.raises(error, match=f"`{name}`"):
        Sweep(optimizer, **options)
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_an_infinite_threshold_never_stops_early():
    result = run(*quadratic(), start_lr=1.5, end_lr=30.0, num_iter=60, diverge_th=float("inf"))
    assert result.stop_reason is StopReason.COMPLETED
    assert result.settings.diverge_th is None


def test_something_other_than_an_optimizer_is_refused():
    with pytest.raises(TypeError, match="`optimizer` must be a torch optimizer, got int"):
        Sweep([groups(1.0), 3])
    with pytest.raises(ValueError, match="`optimizer` is an empty list"):
        Sweep([])


def test_recording_outside_of_the_block_or_after_the_end_is_refused():
    sweep = Sweep(groups(0.1), num_iter=2)
    with pytest.raises(RuntimeError, match="nothing was recorded"):
        sweep.result()
    with pytest.raises(RuntimeError, match="use `with Sweep"):
        sweep.record(1.0)
    with sweep:
        sweep.record(1.0)
        assert not sweep.record(1.0)
        with pytest.raises(RuntimeError, match="the sweep is over"):
            sweep.record(1.0)


def test_the_result_names_what_made_it():
    torch.manual_seed(1234)
    with Sweep(groups(0.1), num_iter=5) as sweep:
        sweep.record(1.0)
    result = sweep.result()
    assert (result.optimizer, result.seed) == ("SGD", 1234)
    assert result.versions["torch"] == torch.__version__
    assert result.settings.num_iter == 5


def test_a_value_noted_beside_the_loss_may_change_afterwards():
    running = torch.zeros(())
    with lrfind.Sweep(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)) as sweep:
        for k in range(4):
            running.fill_(k)
            sweep.record(1.0, probe=nn.Parameter(torch.tensor(float(k))) * 2, metric=running)
    assert sweep.result().metric.tolist() == [0, 1, 2, 3]
    assert sweep.result().probe.tolist() == [0, 2, 4, 6]


def test_a_value_recorded_beside_the_loss_keeps_no_graph():
    weight = nn.Parameter(torch.ones(1))
    kept = weakref.ref(weight)
    with lrfind.Sweep(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)) as sweep:
        sweep.record(1.0, probe=weight * 2, metric=weight * 3, tasks={"a": weight * 4})
        del weight
        gc.collect()
        assert kept() is None


def test_a_probe_or_metric_that_is_no_number_or_comes_at_the_wrong_step_is_refused():
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)
    with lrfind.Sweep(optimizer, probe_every=2) as sweep:
        with pytest.raises(ValueError, match="set by `probe_every`"):
            sweep.record(1.0, probe=1.0)
        sweep.record(1.0)
        with pytest.raises(TypeError, match="`metric` must be"):
            sweep.record(1.0, metric=torch.ones(3))
    with pytest.raises(ValueError, match="`probe_every` must be at most"):
        lrfind.Sweep(optimizer, num_iter=5, probe_every=6)
