"""A second trainer that trains like the user's, set up without training yet."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch

from lrfind.integrations.no_loss import NoLoss
from lrfind.state.preserve import preserve_state
from lrfind.support.missing import missing

try:
    from lightning.pytorch import Callback, LightningModule, Trainer, callbacks
    from lightning.pytorch.loggers.logger import DummyLogger
    from lightning.pytorch.trainer import call
    from lightning.pytorch.trainer.states import TrainerStatus
    from lightning.pytorch.utilities.model_helpers import is_overridden
except ImportError as error:
    raise missing("lightning") from error

IN_THE_STEP = (
    "on_train_batch_start", "on_before_zero_grad", "on_before_backward", "on_after_backward",
    "on_before_optimizer_step",
)  # fmt: skip
"""The hooks of a callback that are given the batch, the loss or the gradients before the update."""

BESIDE_THE_STEP = (
    callbacks.Checkpoint, callbacks.DeviceStatsMonitor, callbacks.EarlyStopping,
    callbacks.LearningRateMonitor, callbacks.ProgressBar, callbacks.Timer,
)  # fmt: skip
"""Callbacks that record, save, stop or show, whatever their hooks."""


def in_the_step(found: Any) -> list[Callback]:
    """Those of some callbacks, or of a single one, that have a part in a training step."""
    each = found if isinstance(found, Sequence) else [found]
    return [
        callback
        for callback in each
        if not isinstance(callback, BESIDE_THE_STEP)
        and any(is_overridden(name, callback, Callback) for name in IN_THE_STEP)
    ]


def twin_of(trainer: Trainer) -> Twin:
    """A trainer that trains like another from its first epoch on, without loggers and validation.

    Of its callbacks it has those with a part in the training step.
    """
    count = trainer.accumulate_grad_batches
    for callback in trainer.callbacks:
        if isinstance(callback, callbacks.GradientAccumulationScheduler):
            count = callback.get_accumulate_grad_batches(_epoch_of(trainer))
    twin = Twin(
        accelerator="cpu",
        callbacks=[Losses(trainer), *in_the_step(trainer.callbacks)],
        # What a module writes with `self.logger.experiment` goes nowhere.
        logger=DummyLogger() if trainer.logger else False,
        max_epochs=trainer.max_epochs,
        max_steps=trainer.max_steps,
        limit_train_batches=trainer.limit_train_batches,
        overfit_batches=trainer.overfit_batches,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        accumulate_grad_batches=count,
        gradient_clip_val=trainer.gradient_clip_val,
        gradient_clip_algorithm=trainer.gradient_clip_algorithm,
        reload_dataloaders_every_n_epochs=trainer.reload_dataloaders_every_n_epochs,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=trainer.default_root_dir,
    )
    # The devices, the precision plugin and the settings of the samplers, in a strategy of its own.
    twin._accelerator_connector = copy.copy(trainer._accelerator_connector)
    twin._accelerator_connector.strategy = copy.copy(trainer.strategy)
    return twin


def _epoch_of(trainer: Trainer) -> int:
    return trainer.current_epoch if trainer.training else 0


class Losses(Callback):
    """Takes the losses of the batches, and freezes what the user's trainer would freeze."""

    def __init__(self, original: Trainer) -> None:
        self.taken: list[torch.Tensor] = []
        self._original, self._no_loss = original, NoLoss("training_step")

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Freeze what the user's trainer would freeze; called by Lightning."""
        for callback in self._original.callbacks:
            if isinstance(callback, callbacks.BaseFinetuning) and not self._original.training:
                callback.freeze_before_training(pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the loss of a batch, if it has one; called by Lightning."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        self._no_loss.check(loss)
        if loss is None:
            return
        if pl_module.automatic_optimization:
            loss = loss * trainer.accumulate_grad_batches  # Lightning has divided it
        self.taken.append(loss)


class _Ready(Exception):
    """Ends the set-up of a `Twin`."""


class Twin(Trainer):
    """A trainer whose `fit` returns once all is set up, to be `driven` from outside."""

    def _run(self, *args: Any, **kwargs: Any) -> None:
        with suppress(_Ready):
            super()._run(*args, **kwargs)
        self.state.status = TrainerStatus.FINISHED  # as `fit` demands of what it has run

    def _run_stage(self) -> None:
        raise _Ready

    @contextmanager
    def driven(self, *held: Any) -> Iterator[None]:
        """Do what `fit` does between its set-up and the first epoch, and after the last.

        Args:
            held: What may have random state that making the loaders would move on.
        """
        self.state.status, self.training = TrainerStatus.RUNNING, True
        # Only now: `configure_optimizers` may have asked for the length of the training.
        self.fit_loop.max_epochs = self.fit_loop.epoch_loop.max_steps = -1
        self.fit_loop.min_epochs = self.fit_loop.epoch_loop.min_steps = None
        if self.lightning_module.automatic_optimization:
            self.strategy.lr_scheduler_configs = []
        try:
            self.strategy.barrier("run-stage")
            self.lightning_module.zero_grad()
            self._make_loaders(held)
            self.fit_loop.reset()
            self.fit_loop.on_run_start()
            yield
            self.fit_loop.on_run_end()
        finally:
            self._teardown()
        call._call_callback_hooks(self, "on_fit_end")
        call._call_lightning_module_hook(self, "on_fit_end")
        call._call_teardown_hook(self)

    def _make_loaders(self, held: Sequence[Any]) -> None:
        # This also makes their iterators, as every run will again.
        with preserve_state(*held):
            self.fit_loop.setup_data()
            made = dict(vars(self.fit_loop))
        # A datamodule holds its trainer, whose loop has been put back with it.
        self.fit_loop.__dict__.update(made)
        if self.fit_loop._data_fetcher is None:
            raise ValueError(
                "`trainer` has `limit_train_batches=0`, so it has nothing to train on."
            )
