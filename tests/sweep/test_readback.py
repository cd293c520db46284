"""Losses that arrive late give the same result as losses that are waited for."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from late_readback import LateReadback
from makers import loss_fn, make_loader, make_model, trainable

import lrfind
from lrfind import StopReason, Sweep
from lrfind.sweep import losses as losses_module
from lrfind.sweep import readback as readback_module
from lrfind.sweep.readback import DeviceReadback, HostCopies, readback_for
from lrfind.sweep.recorder import Recorder


def run(losses, delays, **options):
    """A sweep over given losses that arrive that late."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses_module, "readback_for", lambda *_: LateReadback(delays))
        with Sweep(optimizer, num_iter=len(losses), **options) as sweep:
            for loss in losses:
                if not sweep.record(loss):
                    break
    return sweep.result(), sweep.steps


def exploding(seed=0):
    steps = np.arange(100)
    loss = 2.3 - 2 / (1 + np.exp(-(steps - 60) / 4)) + np.exp(np.minimum((steps - 80) / 1.5, 30))
    return loss + np.random.default_rng(seed).normal(scale=0.05, size=100)


@given(st.lists(st.integers(0, 20), max_size=100), st.integers(0, 5))
def test_a_delay_costs_steps_and_changes_nothing_else(delays, seed):
    losses = exploding(seed).tolist()
    prompt, prompt_steps = run(losses, [])
    late, late_steps = run(losses, delays)
    assert prompt.stop_reason is StopReason.DIVERGED
    assert late == prompt
    assert prompt_steps <= late_steps <= prompt_steps + 21


@pytest.mark.parametrize("delay", [0, 1, 7, 200])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_late_non_finite_loss_cuts_the_result_where_it_came(delay, bad):
    losses = exploding()[:60].tolist()
    losses[30] = bad
    late, _ = run(losses, [delay] * 60, diverge_th=None)
    assert late.stop_reason is StopReason.NON_FINITE
    np.testing.assert_array_equal(late.loss, losses[:31])


def test_a_sweep_whose_last_losses_are_late_is_complete():
    losses = exploding()[:50].tolist()
    late, steps = run(losses, [30] * 50, diverge_th=None)
    assert (steps, late.stop_reason) == (50, StopReason.COMPLETED)
    assert late.loss.tolist() == losses


@pytest.mark.parametrize(
    ("last", "reason"), [(1.0, StopReason.EXHAUSTED), (np.nan, StopReason.NON_FINITE)]
)
def test_after_the_data_ran_out_only_a_loss_that_ends_the_sweep_is_another_reason(last, reason):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses_module, "readback_for", lambda *_: LateReadback([9] * 9))
        with Sweep(optimizer, num_iter=50) as sweep:
            for loss in (3.0, 2.0, last):
                sweep.record(loss)
            sweep.exhausted()
    assert sweep.result().stop_reason is reason


def test_skips_beyond_a_late_cut_do_not_count(monkeypatch):
    class Halving:
        """A scaler that skips the steps it is told to."""

        scale = 2.0**20

        def get_scale(self):
            return self.scale

    def run(delay):
        monkeypatch.setattr(losses_module, "readback_for", lambda *_: LateReadback([delay] * 99))
        scaler = Halving()
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
        with Sweep(optimizer, num_iter=30, diverge_th=None, scaler=scaler) as sweep:
            for attempt in range(20):
                if attempt in (2, 7):
                    scaler.scale /= 2
                if not sweep.record(float("nan") if attempt == 6 else 1.0):
                    break
        return sweep.result()

    prompt, late = run(0), run(8)
    assert prompt.skipped == (0, 0, 1, 0, 0, 0)
    assert late == prompt


@pytest.mark.filterwarnings("ignore:the loop ended after")
def test_the_result_may_be_asked_for_inside_the_block():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses_module, "readback_for", lambda *_: LateReadback([9] * 9))
        with Sweep(optimizer) as sweep:
            for loss in (3.0, 2.0, 1.0):
                sweep.record(loss)
            assert sweep.result().loss.tolist() == [3.0, 2.0, 1.0]


def test_a_whole_range_test_is_the_same_with_late_losses_and_everything_is_put_back(monkeypatch):
    def run():
        model, loader = make_model(), make_loader()
        optimizer = torch.optim.SGD(trainable(model), lr=0.1, momentum=0.9)
        return lrfind.range_test(model, optimizer, loss_fn, loader, end_lr=1e4, num_iter=60)

    prompt = run()
    monkeypatch.setattr(losses_module, "readback_for", lambda *_: LateReadback([5] * 60))
    assert run() == prompt
    assert prompt.lr.size < 60


def test_only_losses_on_a_device_are_read_late():
    assert readback_for(torch.tensor(1.0), 3, 1) is None
    assert readback_for(1.0, 3, 1) is None


class Event:
    """An event of a device that is as far as `done` says; the CPU has none."""

    done, made, waited = 0, 0, 0

    def __init__(self, device):
        type(self).made += 1
        self.number = self.made

    def record(self):
        pass

    def query(self):
        return self.number <= self.done

    def synchronize(self):
        type(self).waited += 1
        type(self).done = max(self.done, self.number)


@pytest.fixture
def device(monkeypatch):
    """Lets float64 tensors pass for those of a device, whose copies are done when it says so."""

    class Fresh(Event):
        pass

    empty = torch.empty
    monkeypatch.setattr(torch, "Event", Fresh)
    monkeypatch.setattr(torch, "empty", lambda size, dtype, pin_memory: empty(size, dtype=dtype))
    monkeypatch.setattr(
        readback_module,
        "is_on_device",
        lambda loss: isinstance(loss, torch.Tensor) and loss.dtype == torch.float64,
    )
    return Fresh


def on_device(value):
    return torch.tensor(value, dtype=torch.float64)


def test_what_has_arrived_is_returned_in_order_and_nothing_is_waited_for(device):
    readback = DeviceReadback(5)
    seen = []
    for step, done in enumerate([0, 0, 2, 2, 5]):
        readback.put(on_device(float(step)))
        device.done = done
        seen.append(readback.arrived())
    assert seen == [[], [], [0.0, 1.0], [], [2.0, 3.0, 4.0]]
    assert readback.rest() == []
    assert device.waited == 0


def test_with_a_lag_only_the_value_that_is_due_is_waited_for(device):
    readback, seen = DeviceReadback(4, lag=2), []
    for step in range(4):
        readback.put(on_device(float(step)))
        seen.append(readback.arrived())
    assert seen == [[], [], [0.0], [1.0]]
    assert device.waited == 2
    assert readback.rest() == [2.0, 3.0]
    assert device.waited == 3, "the last copy is waited for, and with it all before"


def test_a_number_among_losses_of_a_device_keeps_its_place(device):
    readback = DeviceReadback(4)
    for loss in (on_device(1.0), 2.0, on_device(3.0), 4.0):
        readback.put(loss)
    assert readback.arrived() == []
    device.done = 1
    assert readback.arrived() == [1.0, 2.0]
    assert readback.rest() == [3.0, 4.0]
    assert device.made == 2


@pytest.mark.gpu
def test_a_gpu_gives_what_a_waiting_reader_gives():
    readback = DeviceReadback(1000)
    values = torch.randn(1000, device="cuda")
    seen = []
    for value in values:
        readback.put(value)
        seen += readback.arrived()
    seen += readback.rest()
    assert seen == values.tolist()


@pytest.mark.gpu
def test_a_gpu_takes_a_number_among_its_losses():
    readback = DeviceReadback(3)
    for loss in (torch.tensor(1.0, device="cuda"), 2.0, torch.tensor(3.0, device="cuda")):
        readback.put(loss)
    assert readback.rest() == [1.0, 2.0, 3.0]


def test_what_is_known_so_far_is_what_has_arrived():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    lr, late = np.geomspace(1e-3, 1, 10), LateReadback([3] * 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(losses_module, "readback_for", lambda *_: late)
        with Recorder(optimizer, lr, lambda loss: None, name="") as recorder:
            for step in range(10):
                recorder.record(float(step))
                rates, losses = recorder.known
                assert losses == list(range(max(0, step - 2)))
                np.testing.assert_array_equal(rates, lr[: len(losses)])
    assert recorder.known[1] == list(range(10)), "leaving waits for the last"


def test_numbers_that_are_on_the_host_are_copied_from_nowhere():
    values = [1.5, torch.tensor(0.1), torch.tensor(2, dtype=torch.int64), -0.0]
    copies = HostCopies(values)
    assert copies.is_done
    assert not copies.is_needed
    assert [copies.numbers()(value) for value in values] == [1.5, float(np.float32(0.1)), 2.0, 0.0]


def test_numbers_on_a_device_are_copied_together_and_arrive_later(monkeypatch):
    """With the copies of a device, but its queue in the hands of the test."""
    arrived, copied = [False], []

    class Event:
        def query(self):
            return arrived[0]

        def synchronize(self):
            arrived[0] = True

    def copy(tensor):
        copied.append(tensor)
        return tensor.clone(), Event()

    monkeypatch.setattr(readback_module, "is_on_device", lambda value: value.dtype == torch.float64)
    monkeypatch.setattr(readback_module, "_copy", copy)
    far = torch.tensor([0.1, 0.2], dtype=torch.float64).unbind()
    copies = HostCopies([far[0], 3.0, torch.tensor(4.0), far[1]])
    assert [each.tolist() for each in copied] == [[0.1, 0.2]]
    assert copies.is_needed
    assert not copies.is_done
    number = copies.numbers()
    assert copies.is_done
    assert [number(each) for each in (far[0], 3.0, torch.tensor(4.0), far[1])] == [0.1, 3, 4, 0.2]
