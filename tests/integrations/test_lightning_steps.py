"""The steps of a prepared problem are those that Lightning makes in `fit`, bit for bit."""

import numpy as np
import pytest
import torch
from frameworks import the_checks_work

import lrfind

pytest.importorskip("lightning")
from lightning.pytorch import Callback, LightningDataModule
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from lightning_parts import Manual, Module, loader, state_of, trainer_of
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from lrfind.integrations import lightning as integration
from lrfind.integrations.lightning import prepared

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*"),
]
STEPS = 30
RATES = (1e-3, 3e-2)


class Counting(Module):
    """Its loss depends on all that a trainer counts; it draws random numbers, and has hooks."""

    def training_step(self, batch, batch_idx):
        trainer = self.trainer
        at = trainer.global_step + 3 * trainer.current_epoch + 0.1 * batch_idx
        logged = trainer.callback_metrics.get("loss", torch.tensor(0.0)).item()
        loss = super().training_step(batch, batch_idx) * (1 + 0.01 * at + 0.001 * logged)
        self.seen[-1] = loss.item()
        return loss

    def on_before_zero_grad(self, optimizer):
        optimizer.param_groups[0]["eps"] *= 1.01

    def on_after_backward(self):
        for parameter in self.parameters():
            parameter.grad += 1e-3 * torch.randn(parameter.shape)

    def on_train_epoch_start(self):
        with torch.no_grad():
            self.head.bias += 0.01 * torch.rand(1)

    def on_train_epoch_end(self):
        with torch.no_grad():
            self.head.bias *= 0.99


class ManualCounting(Manual):
    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        self.seen.append(loss.item())
        return loss

    def on_train_epoch_end(self):
        with torch.no_grad():
            self.head.bias *= 0.99


class Skipping(Counting):
    def on_train_batch_start(self, batch, batch_idx):
        return -1 if batch_idx == 3 else None


class AtRates(Callback):
    """Trains at the rates of a sweep or of a trial."""

    def __init__(self, lr, scale):
        self.lr, self.scale = list(lr), scale

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        lr = self.lr[min(trainer.global_step, len(self.lr) - 1)]
        for group, scale in zip(trainer.optimizers[0].param_groups, self.scale, strict=True):
            group["lr"] = lr * scale


class Stream(IterableDataset):
    def __iter__(self):
        for _ in range(40):
            x = torch.randn(3)
            yield x, x.sum().reshape(1)


def own_loader():
    x = torch.randn(40, 3)
    data = TensorDataset(x, x.sum(1, keepdim=True))
    return DataLoader(data, 8, shuffle=True, generator=torch.Generator().manual_seed(5))


class Data(LightningDataModule):
    def setup(self, stage):
        self.made = loader()

    def train_dataloader(self):
        return self.made


class Holding(Counting):
    """Has its loader itself, which shuffles in a way of its own."""

    def __init__(self):
        super().__init__()
        self.loader = own_loader()

    def train_dataloader(self):
        return self.loader


CASES = {
    "plain": {},
    "holding": {"module": Holding, "data": lambda: None},
    "own_generator": {"data": own_loader},
    "stream": {"data": lambda: DataLoader(Stream(), 8)},
    "datamodule": {"data": Data},
    "skipping": {"module": Skipping},
    "manual": {"module": ManualCounting},
    "accumulation": {"accumulate_grad_batches": 2},
    # Two windows and a rest in each epoch of eight.
    "rest": {"accumulate_grad_batches": 4, "limit_train_batches": 6},
    "scheduled": {"callbacks": lambda: [GradientAccumulationScheduler({0: 2, 99: 4})]},
    "clipping": {"gradient_clip_val": 0.1},
    "bf16": {"precision": "bf16-mixed"},
    "reloaded": {"reload_dataloaders_every_n_epochs": 1},
}


def made(module=Counting, data=loader, callbacks=list, more=(), **trained):
    torch.manual_seed(3)
    trainer = trainer_of(max_epochs=-1, max_steps=STEPS, callbacks=[*callbacks(), *more], **trained)
    given = data()
    parts = {"datamodule": given} if isinstance(given, Data) else {"train_dataloaders": given}
    return trainer, module(), parts


def fitted(case, lr, scale):
    """The losses of every batch, and the weights, of Lightning's own training at these rates."""
    trainer, module, data = made(more=[AtRates(lr, scale)], **CASES[case])
    torch.manual_seed(4)
    trainer.fit(module, **data)
    return module


def per_step(seen, case, steps):
    """The losses of batches as means over the batches of each step."""
    losses, count = [], {"accumulation": 2, "scheduled": 2, "rest": 4}.get(case, 1)
    batches = {"rest": 6, "skipping": 3}.get(case, 8)
    while seen:
        epoch, seen = seen[:batches], seen[batches:]
        losses += [np.float32(epoch[k : k + count]).mean() for k in range(0, len(epoch), count)]
    return losses[:steps]


@pytest.mark.parametrize("case", CASES)
def test_the_steps_are_those_of_fit_at_the_same_rates(case):
    trainer, module, data = made(**CASES[case])
    torch.manual_seed(4)
    before = state_of(trainer, module)
    with prepared(trainer, module, **data) as problem:
        result = problem.range_test(
            start_lr=1e-4, end_lr=0.3, num_iter=STEPS, diverge_th=None, progress=False
        )
        checked = problem.verify(rates=RATES, num_iter=STEPS, progress=False)
    assert state_of(trainer, module) == before
    scale = result.group_scale
    runs = [(result.lr, result.loss)]
    runs += [(each.run.lr, each.run.loss) for each in checked.trials[:2]]
    for lr, loss in runs:
        lr = np.broadcast_to(lr, STEPS)
        assert list(loss) == per_step(fitted(case, lr, scale).seen, case, STEPS)


def test_the_checks_work_on_a_prepared_module():
    trainer, module, _ = made()
    the_checks_work(
        integration,
        trainer,
        module,
        loader(),
        state_of=lambda trainer: ({}, state_of(trainer, module)),
    )


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("outside", [False, True])
def test_a_fault_within_leaves_everything_as_it_was(error, outside):
    trainer, module, data = made()
    module.fails_at, module.fault = 20, error
    before = state_of(trainer, module)
    with pytest.raises(error), prepared(trainer, module, **data) as problem:
        with torch.no_grad():
            module.head.bias += 1
        if outside:
            raise error
        problem.verify(rates=RATES, num_iter=STEPS, progress=False)
    assert state_of(trainer, module) == before


called = []


class Ended(Module):
    """Notes the hooks around the training."""

    def setup(self, stage):
        called.append("setup")

    def on_train_start(self):
        called.append("start")

    def on_train_end(self):
        called.append("end")

    def on_fit_end(self):
        called.append("fit_end")

    def teardown(self, stage):
        called.append("teardown")


def test_the_hooks_around_the_training_are_called_once_and_in_order():
    called.clear()
    with prepared(trainer_of(), Ended(), loader()) as problem:
        problem.verify(rates=RATES, num_iter=4, progress=False)
        assert called == ["setup", "start"]
    assert called == ["setup", "start", "end", "fit_end", "teardown"]


def test_data_that_cannot_be_stepped_through_is_refused():
    class Fetching(Module):
        def training_step(self, dataloader_iter):
            """Fetches its batches itself."""

    for trainer, module, said in (
        (trainer_of(limit_train_batches=0), Module(), "`limit_train_batches=0`"),
        (trainer_of(), Fetching(), "`dataloader_iter`"),
    ):
        data = loader()
        before = state_of(trainer, module)
        with pytest.raises(ValueError, match=said), prepared(trainer, module, data):
            pass
        assert state_of(trainer, module) == before


def test_two_optimizers_of_manual_optimization_are_swept_together():
    class Two(Manual):
        def training_step(self, batch, batch_idx):
            loss = self.loss_of(batch)
            for each in self.optimizers():
                each.zero_grad()
            self.manual_backward(loss)
            for each in self.optimizers():
                each.step()
            return loss

        def configure_optimizers(self):
            return [
                torch.optim.SGD(self.backbone.parameters(), 0.01),
                torch.optim.Adam(self.head.parameters(), 0.02),
            ]

    with prepared(trainer_of(), Two(), loader()) as problem:
        result = lrfind.range_test(
            problem.model, problem.optimizer, None, problem.train_loader, num_iter=20,
            progress=False, **problem.options,
        )  # fmt: skip
    assert (result.optimizer, result.group_scale) == ("SGD+Adam", (0.5, 1.0))
