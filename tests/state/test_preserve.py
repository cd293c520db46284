"""`preserve_state` on its own: every kind of object and state, and Ctrl-C at any time."""

import os
import signal
import threading

import pytest
import torch
from makers import Stateful, everything, make_loader, make_model, plain, train, trainable
from torch import nn

from lrfind import preserve_state


def test_the_size_of_the_copy_is_that_of_the_tensors():
    model = nn.Sequential(nn.Linear(10, 10), nn.BatchNorm1d(10))
    expected = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    with preserve_state(model) as kept:
        pass
    assert kept.nbytes == expected


def test_shared_and_repeated_tensors_are_held_once():
    model = nn.Sequential(nn.Linear(10, 10, bias=False), nn.Linear(10, 10, bias=False))
    model[1].weight = model[0].weight
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with preserve_state(model, optimizer, model) as kept:
        model[0].weight.data.zero_()
    assert kept.nbytes == 400
    assert model[0].weight.abs().sum() > 0


def test_what_was_added_is_removed_and_what_was_replaced_comes_back():
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    weight, extra, called = model.weight, nn.Parameter(torch.ones(3)), []
    with preserve_state(model, optimizer):
        model.weight = nn.Parameter(torch.zeros(2, 2))
        model.register_buffer("late", torch.ones(1))
        model.register_forward_hook(lambda *arguments: called.append(1))
        model.eval()
        model.bias.requires_grad_(False)
        optimizer.add_param_group({"params": [extra], "lr": 1.0})
        optimizer.param_groups[0]["momentum"] = 0.5
        optimizer.param_groups[0]["new_key"] = 1
    assert model.weight is weight
    assert "late" not in dict(model.named_buffers())
    model(torch.ones(1, 2))
    assert not called
    assert model.training
    assert model.bias.requires_grad
    assert len(optimizer.param_groups) == 1
    assert optimizer.param_groups[0]["momentum"] == 0
    assert "new_key" not in optimizer.param_groups[0]


def schedulers(optimizer):
    """A chain, a plateau and a one-cycle, as users combine them."""
    from torch.optim import lr_scheduler as s

    return [
        s.SequentialLR(optimizer, [s.LinearLR(optimizer), s.StepLR(optimizer, 1)], [2]),
        s.ReduceLROnPlateau(optimizer),
        s.OneCycleLR(optimizer, max_lr=0.1, total_steps=50),
    ]


@pytest.mark.parametrize("index", range(3))
@pytest.mark.filterwarnings("ignore:Detected call of")
def test_schedulers_come_back_with_all_they_hold(index):
    model = make_model()
    optimizer = torch.optim.SGD(trainable(model), lr=0.1, momentum=0.9)
    scheduler = schedulers(optimizer)[index]

    def state():
        return plain([scheduler.state_dict(), optimizer.param_groups])

    before = state()
    with preserve_state(model, optimizer, scheduler):
        train(model, optimizer, make_loader(), 3)
        for loss in (1.0, 2.0, 3.0):
            scheduler.step(*([loss] if index == 1 else []))
        assert state() != before
    assert state() == before


def test_a_gradient_scaler_comes_back_also_to_not_yet_started():
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def overflow():
        optimizer.zero_grad()
        (scaler.scale(model(torch.ones(1, 2)).sum()) * float("inf")).backward()
        scaler.step(optimizer)
        scaler.update()

    with preserve_state(model, optimizer, scaler):
        overflow()
        assert scaler.get_scale() < 1024
    with pytest.raises(AssertionError, match="This may indicate your script did not"):
        scaler.update()
    assert scaler.get_scale() == 1024
    overflow()
    scale = scaler.get_scale()
    with preserve_state(model, optimizer, scaler):
        overflow()
    assert scaler.get_scale() == scale


@pytest.mark.parametrize("thing", [3, "text", iter([1]), nn.Linear, len, torch, lambda: 1])
def test_what_cannot_be_put_back_is_refused(thing):
    with pytest.raises(TypeError, match="`preserve_state` cannot restore"), preserve_state(thing):
        pass


def test_a_lazy_module_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="run one batch"), preserve_state(nn.LazyLinear(2)):
        pass


def test_an_unknown_store_is_refused():
    with pytest.raises(ValueError, match="`store` must be one of"), preserve_state(store="disk"):
        pass


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_a_scripted_module_comes_back_with_its_mode():
    model = torch.jit.script(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)))
    before = plain(model.state_dict())
    with preserve_state(model):
        model(torch.randn(4, 2))
        model.eval()
        next(model.parameters()).data.zero_()
    assert plain(model.state_dict()) == before
    assert all(part.training for part in model.modules())


def test_a_loop_that_replaces_the_parameter_groups_gets_its_own_back():
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    group = optimizer.param_groups[0]
    with preserve_state(optimizer):
        optimizer.load_state_dict(optimizer.state_dict() | {})
        optimizer.param_groups[0]["lr"] = 9
    assert optimizer.param_groups[0] is group
    assert group["lr"] == 0.1


def test_one_failing_restore_does_not_stop_the_others():
    class Broken(Stateful):
        def load_state_dict(self, state):
            raise OSError("gone")

    model = nn.Linear(2, 2)
    before = plain(model.weight)
    with pytest.raises(OSError, match="gone"), preserve_state(model, Broken(), nn.Linear(1, 1)):
        model.weight.data.zero_()
    assert plain(model.weight) == before


def test_a_second_ctrl_c_waits_until_everything_is_back():
    class Interrupting(Stateful):
        def load_state_dict(self, state):
            os.kill(os.getpid(), signal.SIGINT)
            super().load_state_dict(state)

    model, stateful = make_model(), Interrupting()
    optimizer = torch.optim.Adam(trainable(model))
    loader = make_loader()
    before = everything(model, optimizer, loader)
    # Where SIGINT is ignored, as in a background job, the test would pass without deferral.
    handler = signal.default_int_handler
    signal.signal(signal.SIGINT, handler)
    with pytest.raises(KeyboardInterrupt), preserve_state(model, optimizer, loader, stateful):
        stateful.value = []
        train(model, optimizer, loader, 3)
        raise KeyboardInterrupt
    assert everything(model, optimizer, loader) == before
    assert stateful.value == [1]
    assert signal.getsignal(signal.SIGINT) is handler


def test_a_ctrl_c_while_restoring_after_success_is_held_and_not_lost():
    class Interrupting(Stateful):
        def load_state_dict(self, state):
            os.kill(os.getpid(), signal.SIGINT)
            super().load_state_dict(state)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    model, stateful = nn.Linear(1, 1), Interrupting()
    before = plain(model.weight)
    with pytest.raises(KeyboardInterrupt), preserve_state(model, stateful):
        model.weight.data.zero_()
        stateful.value = []
    assert plain(model.weight) == before
    assert stateful.value == [1]


def test_it_works_in_a_thread():
    model = nn.Linear(2, 2)
    before = plain(model.weight)

    def work():
        with preserve_state(model):
            model.weight.data.zero_()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert plain(model.weight) == before
