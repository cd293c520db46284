"""The range test through a Lightning trainer gives what `range_test` gives, and touches nothing."""

import pytest
import torch
from frameworks import same
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import lrfind

pytest.importorskip("lightning")
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.callbacks import EarlyStopping
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.logger import DummyLogger
from lightning_parts import Manual, Module, loader, optimizer_of, state_of, trainer_of

from lrfind.integrations.lightning import RangeTest, range_test

pytestmark = [
    pytest.mark.filterwarnings("ignore::lightning.pytorch.utilities.warnings.PossibleUserWarning"),
    pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*"),
    pytest.mark.filterwarnings("ignore:`training_step` returned `None`"),
]
STEPS = 40
WIDE = {"start_lr": 1e-5, "end_lr": 1.0, "num_iter": STEPS}


@pytest.mark.parametrize(
    ("trained", "ours"),
    [
        ({}, {}),
        ({"accumulate_grad_batches": 2}, {"accumulation_steps": 2}),
        ({"gradient_clip_val": 0.1}, {"clip_grad": 0.1}),
        (
            {"gradient_clip_val": 0.01, "gradient_clip_algorithm": "value"},
            {"clip_grad": lambda parameters: nn.utils.clip_grad_value_(parameters, 0.01)},
        ),
        ({"precision": "bf16-mixed"}, {"autocast": torch.bfloat16}),
    ],
)
@pytest.mark.parametrize("returns", ["tensor", "dict"])
def test_the_numbers_are_those_of_range_test(trained, ours, returns):
    trainer, module, data = trainer_of(**trained), Module(returns), loader()
    before = state_of(trainer, module)
    result = range_test(trainer, module, data, **WIDE)
    assert state_of(trainer, module) == before

    def forward(model, batch):
        return model.loss_of(batch)

    expected = lrfind.range_test(
        module, optimizer_of(module), None, data, forward=forward, **ours, **WIDE
    )
    same(result, expected)
    assert result.state_bytes == expected.state_bytes


@pytest.mark.parametrize("count", [1, 3, 5, 20])
def test_an_epoch_has_the_steps_that_lightning_makes_in_one(count):
    module, data = Module(), loader()
    trainer = trainer_of(accumulate_grad_batches=count)
    result = range_test(trainer, module, data, **WIDE)
    trainer.fit(module, data)
    assert result.epoch_steps == trainer.global_step > 0


def test_a_step_that_returns_none_is_left_out():
    trainer, module, data = trainer_of(), Module("none"), loader()
    result = range_test(trainer, module, data, **WIDE)

    def forward(model, batch):
        model.calls += 1
        loss = model.loss_of(batch)
        return None if model.calls % 3 == 0 else loss

    expected = lrfind.range_test(module, optimizer_of(module), None, data, forward=forward, **WIDE)
    same(result, expected)
    assert result.state_bytes == expected.state_bytes


def test_a_module_that_never_returns_a_loss_is_told():
    module = Module()
    module.training_step = lambda batch, batch_idx: None
    with pytest.raises(TypeError, match="`training_step` returned no loss for 100 batches"):
        range_test(trainer_of(), module, loader(), **WIDE)


def written(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_trainer_that_has_trained_sweeps_the_whole_range(tmp_path):
    logger = CSVLogger(tmp_path)
    stopping = EarlyStopping("loss", patience=0)
    trainer = trainer_of(max_epochs=2, logger=logger, callbacks=[stopping], log_every_n_steps=1)
    module, data = Module(), loader()
    trainer.fit(module, data)
    before = state_of(trainer, module), stopping.state_dict(), written(tmp_path)
    result = range_test(trainer, module, data, diverge_th=None, **WIDE)
    assert (state_of(trainer, module), stopping.state_dict(), written(tmp_path)) == before
    assert len(result.loss) == STEPS


def following(*, tested):
    torch.manual_seed(3)
    module, data = Module(), loader()
    trainer = trainer_of(max_steps=20, max_epochs=-1)
    if tested:
        range_test(trainer, module, data, **WIDE)
    trainer.fit(module, data)
    return module.seen


def test_the_next_twenty_losses_are_the_same_bit_for_bit():
    losses = following(tested=False)
    assert len(losses) == 20
    assert following(tested=True) == losses


class Broken(TensorDataset):
    def __getitem__(self, place):
        raise OSError("in the loader")


@pytest.mark.parametrize("where", ["step", "interrupt", "loader", "hook"])
def test_a_fault_leaves_everything_as_it_was(where):
    trainer, module, data = trainer_of(), Module(), loader()
    module.fails_at = {"step": 12, "interrupt": 12}.get(where)
    module.fault = KeyboardInterrupt if where == "interrupt" else RuntimeError
    if where == "loader":
        data = DataLoader(Broken(torch.zeros(4, 3), torch.zeros(4, 1)), batch_size=2)
    if where == "hook":
        module.on_train_batch_end = lambda outputs, batch, batch_idx: 1 / 0
    before = state_of(trainer, module)
    expected = {"hook": ZeroDivisionError, "loader": OSError, "interrupt": KeyboardInterrupt}
    with pytest.raises(expected.get(where, RuntimeError)):
        range_test(trainer, module, data, **WIDE)
    assert state_of(trainer, module) == before


def test_a_bad_option_is_named_before_anything_is_touched():
    trainer, module, data = trainer_of(), Module(), loader()
    before = state_of(trainer, module)
    with pytest.raises(TypeError, match="no option `num_itre`: did you mean `num_iter`"):
        range_test(trainer, module, data, num_itre=3)
    with pytest.raises(ValueError, match="`num_iter`"):
        range_test(trainer, module, data, num_iter=1)
    assert state_of(trainer, module) == before


class Data(LightningDataModule):
    def setup(self, stage):
        self.made = loader()

    def train_dataloader(self):
        return self.made


def test_a_datamodule_is_left_as_it_was():
    datamodule, trainer, module = Data(), trainer_of(), Module()
    before = set(vars(datamodule))
    assert range_test(trainer, module, datamodule=datamodule, **WIDE).lr.size > 10
    assert set(vars(datamodule)) == before


def test_the_layers_of_the_module_are_recorded():
    result = range_test(trainer_of(), Module(), loader(), layers=True, **WIDE)
    assert "head.weight" in result.layers.names


def test_one_pass_over_an_iterable_ends_the_sweep():
    batches = [(torch.randn(8, 3), torch.randn(8, 1)) for _ in range(5)]

    class Once:
        def __init__(self):
            self.left = list(batches)

        def __iter__(self):
            while self.left:
                yield self.left.pop()

    result = range_test(trainer_of(), Module(), Once(), **WIDE)
    assert (len(result.loss), result.stop_reason) == (5, "exhausted")


def test_manual_optimization():
    trainer, module, data = trainer_of(), Manual(), loader()
    before = state_of(trainer, module)
    result = range_test(trainer, module, data, **WIDE)
    assert state_of(trainer, module) == before

    def forward(model, batch):
        return model.loss_of(batch)

    expected = lrfind.range_test(module, optimizer_of(module), None, data, forward=forward, **WIDE)
    same(result, expected)
    assert result.state_bytes == expected.state_bytes


def test_apply_sets_the_attribute_and_says_so_if_there_is_none():
    module, data = Module(), loader()
    result = range_test(trainer_of(), module, data, apply=True, start_lr=1e-5, num_iter=150)
    assert module.hparams.lr == result.suggest().lr
    with pytest.raises(AttributeError, match="'lr' or 'learning_rate'"):
        range_test(trainer_of(), Plain(), data, apply=True)


class Plain(LightningModule):
    pass


def test_without_a_suggestion_apply_changes_nothing():
    module = Module()
    flat = DataLoader(TensorDataset(torch.zeros(16, 3), torch.randn(16, 1)), batch_size=8)
    with pytest.raises(lrfind.CannotTellError):
        range_test(trainer_of(), module, flat, apply=True, end_lr=1e-4, num_iter=30)
    assert module.hparams.lr == 0.05


def test_the_callback_tests_inside_fit_and_sets_the_rate():
    class Noted(Module):
        def on_train_batch_start(self, batch, batch_idx):
            if self.calls == 0:
                self.rates = [group["lr"] for group in self.optimizers().param_groups]

    callback, module, data = RangeTest(start_lr=1e-5, num_iter=150), Noted(), loader()
    trainer = trainer_of(max_epochs=3, callbacks=[callback])
    trainer.fit(module, data)
    assert (trainer.global_step, trainer.current_epoch) == (24, 3)
    assert len(module.seen) == 24  # those of the sweep are gone
    assert module.hparams.lr == module.rates[-1] > 0
    assert module.rates == pytest.approx([module.hparams.lr / 10, module.hparams.lr])
    assert callback.result.settings.num_iter == 150
    assert len(callback.result.loss) > 100


def test_inside_fit_the_training_goes_on_as_without():
    class Tested(Module):
        def on_train_batch_start(self, batch, batch_idx):
            if self.calls == 11 and type(self.trainer.logger) is not DummyLogger:
                self.calls += 1
                self.result = range_test(self.trainer, self, diverge_th=None, **WIDE)
                self.calls -= 1

    seen = []
    for kind in (Module, Tested):
        torch.manual_seed(3)
        module, data = kind(), loader()
        trainer_of(max_epochs=3).fit(module, data)
        seen.append(module.seen)
    assert len(module.result.loss) == STEPS
    assert seen[0] == seen[1]
