"""Every recorded rate is one that a step was made at, and every step has one loss."""

import gc
import weakref

import numpy as np
import pytest
import torch
from makers import forever, loss_fn, make_loader, make_model, trainable
from torch import nn

import lrfind
from lrfind import StopReason, Sweep
from lrfind.sweep.micro_batches import MOST

SWEEP = {"start_lr": 1e-3, "end_lr": 1.0, "num_iter": 12, "diverge_th": None}


class Weight:
    """A weight on loss w**2 / 2, its optimizer, and what makes a step of it in parts."""

    def __init__(self, lr=0.5, make=torch.optim.SGD, **options):
        self.weight = nn.Parameter(torch.ones(()))
        self.optimizer = make([self.weight], lr=lr, **options)

    def backward(self):
        loss = self.weight**2 / 2
        self.optimizer.zero_grad()
        loss.backward()
        return loss

    def step(self):
        loss = self.backward()
        self.optimizer.step()
        return loss


class Rebuilding:
    """Makes new parameter groups whenever they are asked for, as the optimizers of fastai do."""

    def __init__(self, parameters, lr):
        self.parameters, self.hypers = list(parameters), {"lr": lr}

    @property
    def param_groups(self):
        return [{"params": self.parameters, **self.hypers}]

    def step(self):
        pass


class Stubborn(dict):
    """A parameter group whose rate cannot be set."""

    def __setitem__(self, key, value):
        if key != "lr":
            super().__setitem__(key, value)


class Plain:
    """An optimizer without hooks that moves the data of its weights, of which none is told."""

    def __init__(self, parameters, lr):
        self.param_groups = [{"params": list(parameters), "lr": lr}]

    def zero_grad(self):
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None

    def step(self):
        for parameter in self.param_groups[0]["params"]:
            parameter.data -= self.param_groups[0]["lr"] * parameter.grad


class Wrapper(torch.optim.Optimizer):
    """Steps with the optimizer inside every so often, as the one of Accelerate does."""

    def __init__(self, inside, every=1):
        self.inside, self.every, self.calls = inside, every, 0

    @property
    def param_groups(self):
        return self.inside.param_groups

    def zero_grad(self):
        if self.calls % self.every == 0:
            self.inside.zero_grad()

    def step(self):
        self.calls += 1
        if self.calls % self.every == 0:
            self.inside.step()


def test_groups_that_are_made_anew_are_refused_before_anything_is_touched():
    first, second = Weight(), Rebuilding([nn.Parameter(torch.ones(()))], lr=0.1)
    for optimizers in (second, [first.optimizer, second]):
        with pytest.raises(ValueError, match=r"`optimizer` \(Rebuilding\) makes new"):
            Sweep(optimizers)
    assert first.optimizer.param_groups[0]["lr"] == 0.5


def test_a_group_that_takes_no_rate_is_refused_and_the_others_are_put_back():
    first, second = Weight(), Weight()
    second.optimizer.param_groups = [Stubborn(second.optimizer.param_groups[0])]
    sweep = Sweep([first.optimizer, second.optimizer])
    with pytest.raises(RuntimeError, match=r"`optimizer` \(SGD\) has lr=0\.5 in its parameter"):
        sweep.__enter__()
    assert first.optimizer.param_groups[0]["lr"] == 0.5
    with pytest.raises(RuntimeError, match="use `with Sweep"):
        sweep.record(1.0)


def test_an_optimizer_of_the_fastai_kind_is_refused_by_the_one_call_too():
    model, loader = make_model(), make_loader()
    with pytest.raises(ValueError, match=r"`optimizer` \(Rebuilding\)"):
        lrfind.range_test(model, Rebuilding(trainable(model), 0.1), loss_fn, loader)


def tampering(how, optimizer, rate):
    """Makes something set the rate of every step, other than the sweep."""

    def set_it(*_):
        group = optimizer.param_groups[0]
        if isinstance(group["lr"], torch.Tensor) and how != "replaced":
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate

    if how == "its own step":
        original = optimizer.step
        optimizer.step = lambda *_: (set_it(), original())
    else:
        optimizer.register_step_pre_hook(set_it)


@pytest.mark.parametrize("lr", [0.5, torch.tensor(0.5)])
@pytest.mark.parametrize("how", ["hook", "its own step", "replaced"])
def test_a_step_at_another_rate_than_the_one_set_is_an_error(how, lr):
    made = Weight(lr)
    tampering(how, made.optimizer, 0.25)
    message = r"`optimizer` \(SGD\) has lr=0\.25 in its parameter group 0, where"
    with pytest.raises(RuntimeError, match=message), Sweep(made.optimizer, **SWEEP) as sweep:
        sweep.record(made.step())
    assert sweep.steps == 0
    assert float(made.optimizer.param_groups[0]["lr"]) == 0.5


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_same_where_no_hooks_are_called(wrapped):
    made = Weight(make=Plain)
    if wrapped:
        made.optimizer = Wrapper(made.optimizer)
    with pytest.raises(RuntimeError, match=r"has lr=0\.25"), Sweep(made.optimizer) as sweep:
        assert sweep.record(made.step())
        made.step()
        made.optimizer.param_groups[0]["lr"] = 0.25
        sweep.record(1.0)
    assert (sweep.steps, made.optimizer.param_groups[0]["lr"]) == (1, 0.5)


@pytest.mark.parametrize("lr", [0.5, torch.tensor(0.5), torch.tensor(0.5, dtype=torch.bfloat16)])
def test_the_same_rate_by_another_name_is_no_error(lr):
    made = Weight(lr)

    def renew(*_):
        group = made.optimizer.param_groups[0]
        rate = group["lr"]
        group["lr"] = rate.clone() if isinstance(rate, torch.Tensor) else float(str(rate))
        made.optimizer.load_state_dict(made.optimizer.state_dict())

    made.optimizer.register_step_pre_hook(renew)
    with Sweep(made.optimizer, **SWEEP) as sweep:
        while sweep.record(made.step()):
            pass
    assert sweep.steps == 12


@pytest.mark.parametrize("lr", [0.5, torch.tensor(0.5)])
def test_a_scheduler_stepped_after_the_optimizer_does_no_harm(lr):
    made = Weight(lr)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(made.optimizer, 0.5)
    used = []
    made.optimizer.register_step_pre_hook(
        lambda optimizer, *_: used.append(float(optimizer.param_groups[0]["lr"]))
    )
    with Sweep(made.optimizer, **SWEEP) as sweep:
        more = True
        while more:
            loss = made.step()
            scheduler.step()
            more = sweep.record(loss)
    np.testing.assert_allclose(used, sweep.result().lr, rtol=1e-6)


def test_a_scheduler_between_two_optimizers_concerns_its_own_alone():
    one, other = Weight(), Weight()
    scheduler = torch.optim.lr_scheduler.ExponentialLR(one.optimizer, 0.5)
    with Sweep([one.optimizer, other.optimizer], **SWEEP) as sweep:
        more = True
        while more:
            loss = one.step()
            scheduler.step()
            other.step()
            more = sweep.record(loss)
    assert sweep.steps == 12


def test_a_scheduler_stepped_before_the_optimizer_is_an_error():
    made = Weight()
    scheduler = torch.optim.lr_scheduler.ConstantLR(made.optimizer, 0.5, total_iters=3)
    with Sweep(made.optimizer, **SWEEP) as sweep:
        made.step()
        scheduler.step()
        assert sweep.record(1.0)
        scheduler.step()
        scheduler.step()
        made.step()
        with pytest.raises(RuntimeError, match="an LR scheduler that is stepped before"):
            sweep.record(1.0)
        sweep.exhausted()


def test_no_hook_is_left_behind_and_nothing_is_kept_alive():
    from torch.optim import optimizer as hooks

    made = Weight()
    before = len(hooks._global_optimizer_post_hooks)
    for error in (None, ZeroDivisionError):
        try:
            with Sweep(made.optimizer, **SWEEP) as sweep:
                sweep.record(made.step())
                assert len(hooks._global_optimizer_post_hooks) == before + 1
                sweep.exhausted()
                if error:
                    raise error
        except ZeroDivisionError:
            pass
        assert len(hooks._global_optimizer_post_hooks) == before
    kept = weakref.ref(made.weight)
    del made, sweep
    gc.collect()
    assert kept() is None


# A loss for each step, whatever was recorded.


@pytest.mark.parametrize("every", [1, 3, 4])
@pytest.mark.parametrize("leftover", [False, True])
def test_losses_without_a_step_are_those_of_its_micro_batches(every, leftover):
    made, losses, rates = Weight(), [], []
    made.optimizer.register_step_pre_hook(
        lambda optimizer, *_: rates.append(optimizer.param_groups[0]["lr"])
    )
    if leftover:
        made.backward()
    with Sweep(made.optimizer, **SWEEP) as sweep:
        more, calls = True, 0
        while more:
            calls += 1
            loss = (made.weight - calls) ** 2
            if calls % every == 1 % every:
                made.optimizer.zero_grad()
            (loss / every).backward()
            if calls % every == 0:
                made.optimizer.step()
            losses.append(loss.item())
            more = sweep.record(loss, tasks={"a": loss, "b": 2.0} if calls % every else {"a": loss})
    result = sweep.result()
    assert calls == 12 * every
    assert rates == result.lr.tolist()
    means = np.reshape(losses, (12, every)).mean(1)
    np.testing.assert_allclose(result.loss, means, rtol=1e-6)
    np.testing.assert_allclose(result.tasks["a"], means, rtol=1e-6)
    assert result.tasks.get("b", np.full(12, 2.0)).tolist() == [2.0] * 12


@pytest.mark.parametrize("every", [1, 4])
def test_a_wrapper_that_accumulates_makes_one_step_for_each_rate(every):
    model, loader = make_model(), make_loader()
    inside = torch.optim.SGD(trainable(model), lr=0.1)
    optimizer, made, batches = Wrapper(inside, every), [], []
    inside.register_step_post_hook(lambda *_: made.append(inside.param_groups[0]["lr"]))

    def step(batch):
        batches.append(batch)
        optimizer.zero_grad()
        loss = loss_fn(model(batch[0]), batch[1])
        (loss / every).backward()
        optimizer.step()
        return loss

    result = lrfind.range_test(model, optimizer, None, loader, step=step, **SWEEP)
    assert made == result.lr.tolist()
    assert len(batches) == 12 * every
    torch.manual_seed(0)
    ours = make_model()
    expected = lrfind.range_test(
        ours, torch.optim.SGD(trainable(ours), lr=0.1), loss_fn, make_loader(),
        accumulation_steps=every, **SWEEP,
    )  # fmt: skip
    assert expected.lr.tolist() == result.lr.tolist()


def test_a_loss_that_is_overwritten_is_averaged_as_it_was():
    made, static = Weight(), torch.zeros(())
    with Sweep(made.optimizer, **SWEEP) as sweep:
        for value in (1.0, 3.0):
            static.fill_(value)
            made.backward()
            if value == 3.0:
                made.optimizer.step()
            sweep.record(static, tasks={"a": static})
        sweep.exhausted()
    assert sweep.result().loss.tolist() == sweep.result().tasks["a"].tolist() == [2.0]


def test_a_loss_that_is_not_finite_ends_the_sweep_with_or_without_its_step():
    made = Weight()
    with Sweep(made.optimizer, **SWEEP) as sweep:
        assert sweep.record(made.step())
        assert sweep.record(made.backward())
        assert not sweep.record(float("nan"))
    assert sweep.result().stop_reason is StopReason.NON_FINITE
    assert np.isnan(sweep.result().loss[1])


def test_a_step_that_never_steps_comes_to_an_end_by_name():
    model, loader = make_model(), make_loader()
    optimizer, calls = torch.optim.SGD(trainable(model), lr=0.1), []

    def step(batch):
        calls.append(1)
        loss = loss_fn(model(batch[0]), batch[1])
        loss.backward()
        return loss

    with pytest.raises(RuntimeError, match="`optimizer` has made no step in the last 1000"):
        lrfind.range_test(model, optimizer, None, loader, step=step)
    assert len(calls) == MOST + 1


@pytest.mark.parametrize("way", ["no step at all", "data", "by hand"])
def test_where_no_step_can_be_seen_each_loss_stands_for_one(way):
    made = Weight(make=Plain) if way == "data" else Weight()
    with Sweep(made.optimizer, **SWEEP) as sweep:
        more, losses = True, []
        while more:
            losses.append(made.weight.item() ** 2 / 2)
            if way == "data":
                made.step()
            elif way == "by hand":
                made.backward()
                with torch.no_grad():
                    made.weight -= made.optimizer.param_groups[0]["lr"] * made.weight.grad
            more = sweep.record(losses[-1])
    assert len(losses) == 12
    if way != "no step at all":
        before = np.cumprod([1.0, *(1 - sweep.result().lr[:-1])])
        np.testing.assert_allclose(sweep.result().loss, before**2 / 2, rtol=1e-5)


def test_a_step_of_any_of_several_optimizers_is_a_step():
    generator, critic = Weight(), Weight()
    with Sweep([generator.optimizer, critic.optimizer], **SWEEP) as sweep:
        more, calls = True, 0
        while more:
            calls += 1
            loss = critic.step()
            if calls % 5 == 0:
                generator.step()
            more = sweep.record(loss)
    assert calls == 12


def test_a_step_of_another_optimizer_is_none():
    made, other = Weight(), Weight()
    with Sweep(made.optimizer, **SWEEP) as sweep:
        more, calls = True, 0
        while more:
            calls += 1
            other.step()
            loss = made.step() if calls % 2 == 0 else made.backward()
            more = sweep.record(loss)
    assert calls == 24


def test_what_a_scaler_skips_takes_its_micro_batches_with_it():
    made = Weight()
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=1000)
    with Sweep(made.optimizer, scaler=scaler, **SWEEP) as sweep:
        more, calls, losses = True, 0, []
        while more:
            calls += 1
            if calls % 2 == 1:
                made.optimizer.zero_grad()
            loss = made.weight**2 / 2
            scaler.scale(loss).backward()
            if calls == 4:
                made.weight.grad.fill_(float("inf"))
            if calls % 2 == 0:
                scaler.step(made.optimizer)
                scaler.update()
            losses.append(loss.item())
            more = sweep.record(loss)
    result = sweep.result()
    assert (calls, result.lr.size) == (26, 12)
    assert result.skipped[:3] == (0, 1, 0)
    kept = [*losses[:2], *losses[4:]]
    np.testing.assert_allclose(result.loss, np.reshape(kept, (12, 2)).mean(1), rtol=1e-6)


def test_lbfgs_makes_one_step_however_often_it_evaluates():
    made = Weight(make=torch.optim.LBFGS, max_iter=4)
    with Sweep(made.optimizer, **SWEEP) as sweep:
        while sweep.record(made.optimizer.step(made.backward)):
            pass
    assert sweep.steps == 12


def test_epochs_that_end_between_two_steps_lose_no_micro_batch():
    model = make_model()
    optimizer, batches = torch.optim.SGD(trainable(model), lr=0.1), list(make_loader())[:5]
    with Sweep(optimizer, **SWEEP) as sweep:
        for calls, batch in enumerate(forever(batches), 1):
            loss = loss_fn(model(batch[0]), batch[1])
            loss.backward()
            if calls % 3 == 0:
                optimizer.step()
                optimizer.zero_grad()
            if not sweep.record(loss):
                break
    assert calls == 36
