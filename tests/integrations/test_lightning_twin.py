"""Of the callbacks, those with a part in the training step act in a sweep, and are put back."""

import copy

import numpy as np
import pytest
import torch
from makers import plain

pytest.importorskip("lightning")
from lightning.pytorch import Callback, LightningDataModule
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    GradientAccumulationScheduler,
    LambdaCallback,
    LearningRateMonitor,
    ModelCheckpoint,
    StochasticWeightAveraging,
    Timer,
    TQDMProgressBar,
)
from lightning_parts import Module, loader, state_of, trainer_of

from lrfind.integrations.lightning import prepared, range_test
from lrfind.integrations.lightning_twin import in_the_step, twin_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*"),
]
WIDE = {"start_lr": 1e-5, "end_lr": 1.0, "num_iter": 20, "diverge_th": None}


class Mixing(Callback):
    """Mixes each batch with itself, and keeps state of every kind."""

    def __init__(self):
        self.count, self.weights, self.mean = 0, [], torch.zeros(())

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        weight = (torch.rand(()) + self.mean) / 3
        self.count += 1
        self.mean.mul_(0.5).add_(weight)
        self.weights.append(weight.item())
        for each in batch:
            each.lerp_(each.roll(1, 0), weight)


class Noise(Callback):
    """Adds noise to the gradients, less at each step, and has a state of its own to save."""

    def __init__(self):
        self.scale = {"now": 0.1}

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.scale["now"] *= 0.9
        for parameter in pl_module.parameters():
            parameter.grad += self.scale["now"] * torch.randn(parameter.shape)

    def on_train_epoch_end(self, trainer, pl_module):
        self.scale["now"] = 0.1

    def state_dict(self):
        return dict(self.scale)

    def load_state_dict(self, state_dict):
        self.scale = dict(state_dict)


class Showing(TQDMProgressBar):
    def on_train_batch_start(self, *arguments):
        raise AssertionError("a progress bar has no part in the step")


class Writing(Callback):
    """Records after the step, and so has no part in it."""

    def on_train_batch_end(self, *arguments):
        raise AssertionError("it would be recorded")

    on_train_epoch_start = on_train_start = on_fit_end = setup = on_train_batch_end


def halving():
    def halve(trainer, pl_module):
        for parameter in pl_module.parameters():
            parameter.grad *= 0.5

    return LambdaCallback(on_after_backward=halve)


KINDS = {"mixing": Mixing, "noise": Noise, "lambda": halving}


def module_of():
    torch.manual_seed(3)
    return Module()


def all_of(trainer, module, callbacks):
    return state_of(trainer, module), plain([copy.deepcopy(vars(each)) for each in callbacks])


def swept(*callbacks):
    module, trainer = module_of(), trainer_of(callbacks=list(callbacks))
    torch.manual_seed(4)
    data = loader()
    before = all_of(trainer, module, callbacks)
    result = range_test(trainer, module, data, **WIDE)
    assert all_of(trainer, module, callbacks) == before
    return result


def fitted(result, *callbacks):
    """The losses of Lightning's own training with these callbacks at the rates of a sweep."""

    def set_rates(trainer, pl_module, batch, batch_idx):
        lr = result.lr[trainer.global_step]
        for group, scale in zip(
            trainer.optimizers[0].param_groups, result.group_scale, strict=True
        ):
            group["lr"] = lr * scale

    module = module_of()
    at_rates = LambdaCallback(on_train_batch_start=set_rates)
    trainer = trainer_of(max_epochs=-1, max_steps=20, callbacks=[*callbacks, at_rates])
    torch.manual_seed(4)
    trainer.fit(module, loader())
    return module.seen


@pytest.mark.parametrize("kind", KINDS)
def test_a_callback_with_a_part_in_the_step_acts_and_is_put_back(kind):
    result = swept(KINDS[kind]())
    assert list(result.loss) == fitted(result, KINDS[kind]())
    assert list(result.loss) != fitted(result)


class Data(LightningDataModule):
    def train_dataloader(self):
        return loader()


def test_each_run_of_a_problem_begins_with_it_as_it_was():
    callback = Mixing()
    trainer = trainer_of(callbacks=[callback])
    before = plain(copy.deepcopy(vars(callback)))
    # Lightning also takes a datamodule in place of the loaders.
    with prepared(trainer, module_of(), Data()) as problem:
        first, second = (problem.range_test(**WIDE, progress=False) for _ in range(2))
    assert list(first.loss) == list(second.loss)
    assert plain(vars(callback)) == before


def test_so_does_one_of_the_module(monkeypatch):
    monkeypatch.setattr(Module, "configure_callbacks", lambda self: [Noise(), Writing()])
    result = swept()
    monkeypatch.setattr(Module, "configure_callbacks", lambda self: Noise())
    assert list(result.loss) == fitted(result)
    assert list(swept().loss) == list(result.loss)


def test_a_fault_puts_it_back():
    class Failing(Mixing):
        def on_before_backward(self, trainer, pl_module, loss):
            if self.count == 12:
                raise RuntimeError("in the callback")

    callback, module, data = Failing(), module_of(), loader()
    trainer = trainer_of(callbacks=[callback])
    before = all_of(trainer, module, [callback])
    with pytest.raises(RuntimeError, match="in the callback"):
        range_test(trainer, module, data, **WIDE)
    assert all_of(trainer, module, [callback]) == before


def test_what_records_saves_stops_shows_or_averages_has_no_part(tmp_path):
    others = [
        Showing(), Writing(), LearningRateMonitor(), ModelCheckpoint(tmp_path), Timer(),
        StochasticWeightAveraging(1e-2), BackboneFinetuning(),
        GradientAccumulationScheduler({0: 2}),
    ]  # fmt: skip
    acting = [Mixing(), Noise(), halving()]
    assert in_the_step([*others, *acting]) == acting
    assert in_the_step(others[0]) == []
    assert list(swept(Writing(), Timer()).loss) == list(swept().loss)
    assert list(tmp_path.iterdir()) == []


def test_a_finetuned_backbone_stays_frozen_during_the_sweep():
    trainer, module, data = trainer_of(callbacks=[BackboneFinetuning(2)]), Module(), loader()
    before = state_of(trainer, module)
    result = range_test(trainer, module, data, layers=True, **WIDE)
    # Lightning lets the batch norm of a frozen backbone train.
    assert [name for name in result.layers.names if "backbone.0" in name] == []
    assert state_of(trainer, module) == before


def test_scheduled_accumulation_is_that_of_the_epoch_where_the_training_is():
    schedule = GradientAccumulationScheduler({0: 2, 3: 4})
    counts = []

    class Asking(Module):
        def on_train_epoch_start(self):
            counts.append(twin_of(self.trainer).accumulate_grad_batches)

    trainer, module = trainer_of(callbacks=[schedule], max_epochs=5), Asking()
    assert twin_of(trainer).accumulate_grad_batches == 2
    trainer.fit(module, loader())
    assert counts == [2, 2, 2, 4, 4]
    assert twin_of(trainer).accumulate_grad_batches == 2
    result = range_test(trainer_of(callbacks=[schedule]), Module(), loader(), **WIDE)
    assert (result.epoch_steps, np.isfinite(result.loss).all()) == (4, True)
