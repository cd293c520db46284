"""The promise: after a range test, however it ended, nothing has changed, to the last bit."""

import pytest
import torch
from makers import (
    OPTIMIZERS,
    everything,
    loss_fn,
    make_loader,
    make_model,
    train,
    trainable,
)

import lrfind

STEPS = 12
PHASES = {"first": 0, "middle": 5, "last": STEPS - 1}


class Fault(Exception):
    """Raised on purpose."""


class Trigger:
    """Calls through to a function, and raises at one call of it."""

    def __init__(self, function, error, at):
        self.function, self.error, self.calls_left = function, error, at

    def __call__(self, *arguments, **keywords):
        if self.calls_left == 0:
            raise self.error
        self.calls_left -= 1
        return self.function(*arguments, **keywords)


class FaultyLoader(torch.utils.data.DataLoader):
    """Raises when it is asked for one particular batch."""

    fault_at = None

    def __iter__(self):
        for index, batch in enumerate(super().__iter__()):
            if index == self.fault_at:
                raise Fault
            yield batch


def fresh(optimizer_name, warm):
    """Model, optimizer and loader; warm ones have trained, and hold gradients and state."""
    model, loader = make_model(), make_loader()
    optimizer = OPTIMIZERS[optimizer_name](trainable(model))
    torch.manual_seed(3)
    if warm:
        train(model, optimizer, loader, 5)
        optimizer.param_groups[0]["initial_lr"] = 0.5  # as a scheduler leaves behind
    return model, optimizer, loader


def run_with_fault(fault, at, model, optimizer, loader):
    """A range test that meets the fault at that step; the fault itself is swallowed here."""
    loss, step = loss_fn, optimizer.step
    if fault == "loss_fn":
        loss = Trigger(loss_fn, Fault(), at)
    elif fault == "interrupt":
        loss = Trigger(loss_fn, KeyboardInterrupt(), at)
    elif fault == "optimizer":
        optimizer.step = Trigger(step, Fault(), at)
    elif fault == "loader":
        loader.__class__, loader.fault_at = FaultyLoader, at
    try:
        lrfind.range_test(model, optimizer, loss, loader, num_iter=STEPS, diverge_th=None)
    except (Fault, KeyboardInterrupt) as error:
        return error
    finally:
        vars(optimizer).pop("step", None)
        loader.__class__ = torch.utils.data.DataLoader
        vars(loader).pop("fault_at", None)
    return None


@pytest.mark.parametrize("warm", [False, True], ids=["no_state_yet", "with_state"])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("fault", ["loss_fn", "loader", "optimizer", "interrupt"])
@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
def test_nothing_has_changed_after_a_fault(optimizer_name, fault, phase, warm):
    model, optimizer, loader = fresh(optimizer_name, warm)
    before = everything(model, optimizer, loader)
    expected = KeyboardInterrupt if fault == "interrupt" else Fault
    error = run_with_fault(fault, PHASES[phase], model, optimizer, loader)
    assert isinstance(error, expected), "the fault was to be met, and to come through"
    assert everything(model, optimizer, loader) == before


@pytest.mark.parametrize("warm", [False, True], ids=["no_state_yet", "with_state"])
@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
def test_the_next_20_losses_are_those_of_a_run_that_never_tested(optimizer_name, warm):
    untested = train(*fresh(optimizer_name, warm), 20)
    model, optimizer, loader = fresh(optimizer_name, warm)
    before = everything(model, optimizer, loader)
    result = lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=40)
    assert result.lr.size > 10
    assert everything(model, optimizer, loader) == before
    assert train(model, optimizer, loader, 20) == untested


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("at", [0, 3])
def test_a_non_finite_loss_changes_nothing_and_never_reaches_the_weights(at, bad):
    model, optimizer, loader = fresh("adamw", warm=True)
    before = everything(model, optimizer, loader)
    seen, updates = [], []
    hook = optimizer.register_step_post_hook(lambda *_: updates.append(1))

    def poisoned(output, target):
        seen.append(target)
        loss = loss_fn(output, target)
        return loss + bad if len(seen) > at else loss

    result = lrfind.range_test(model, optimizer, poisoned, loader, num_iter=STEPS)
    assert result.stop_reason is lrfind.StopReason.NON_FINITE
    hook.remove()
    assert len(seen) == result.lr.size == at + 1
    assert len(updates) == at
    assert everything(model, optimizer, loader) == before


def test_two_tests_in_a_row_give_the_same_result():
    model, optimizer, loader = fresh("adam", warm=True)
    first = lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=40)
    assert lrfind.range_test(model, optimizer, loss_fn, loader, num_iter=40) == first


def test_a_loss_with_state_of_its_own_comes_back():
    class Averaging:
        def __init__(self):
            self.average = 0.0

        def __call__(self, output, target):
            loss = loss_fn(output, target)
            self.average = 0.9 * self.average + 0.1 * loss.item()
            return loss

    model, optimizer, loader = fresh("adam", warm=False)
    criterion = Averaging()
    lrfind.range_test(model, optimizer, criterion, loader, num_iter=5)
    lrfind.range_test(model, optimizer, criterion.__call__, loader, num_iter=5)
    assert criterion.average == 0.0


def test_frozen_parameters_and_modules_in_eval_mode_stand_still_during_the_test():
    model, optimizer, loader = fresh("adam", warm=False)
    frozen, norm = model[5].weight, model[6]
    kept = frozen.clone(), norm.running_mean.clone(), norm.num_batches_tracked.clone()
    moved = []

    def watched(output, target):
        now = frozen, norm.running_mean, norm.num_batches_tracked
        assert all(map(torch.equal, now, kept))
        moved.append(model[0].weight.clone())
        return loss_fn(output, target)

    lrfind.range_test(model, optimizer, watched, loader, start_lr=1e-3, num_iter=STEPS)
    assert not torch.equal(moved[0], moved[-1])
