"""The LR range test of a Lightning module, as its trainer trains it."""

from __future__ import annotations

import copy
import logging
import math
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from lrfind.integrations.missing import missing
from lrfind.integrations.options import check_names, data_objects
from lrfind.integrations.recording import Recording
from lrfind.result.range_test_result import RangeTestResult
from lrfind.state.preserve import preserve_state
from lrfind.sweep.sweep import Sweep

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.callbacks import BaseFinetuning
    from lightning.pytorch.loggers.logger import DummyLogger
    from lightning.pytorch.utilities.parsing import lightning_hasattr, lightning_setattr
    from lightning.pytorch.utilities.warnings import PossibleUserWarning
except ImportError as error:
    raise missing("lightning") from error

RATE_NAMES = ("lr", "learning_rate")


def range_test(
    trainer: Trainer,
    module: LightningModule,
    train_dataloaders: Any = None,
    datamodule: Any = None,
    *,
    apply: bool = False,
    **options: Any,
) -> RangeTestResult:
    """Run an LR range test as the trainer would train, and restore everything bit for bit.

    A second trainer with the settings of yours runs the sweep: its strategy, precision plugin,
    accumulation, gradient clipping and limits on the training batches, and all hooks of the module.
    Yours is not touched, so its loops, callbacks, loggers and checkpoints stay as they are. There
    is no validation and no logging, LR schedulers are not stepped, and of your callbacks only the
    freezing of a `BaseFinetuning` acts. With manual optimization, `training_step` must return the
    loss. At the end of an epoch Lightning steps on what it has accumulated, as in training.

    Within a running `fit`, the sweep starts from the current weights and optimizer state.

    Args:
        trainer: Your trainer, also one that has trained or is training.
        module: The module.
        train_dataloaders: As for `trainer.fit`. By default those of the running `fit`, or of the
            module.
        datamodule: As for `trainer.fit`.
        apply: Whether to set the suggested rate as the module's `lr` or `learning_rate`, or as that
            of its `hparams`; within a running `fit` also that of the optimizer and its schedulers.
        options: Those of `Sweep`; `layers=True` records the norms of all tensors of the module.

    Returns:
        The sweep as an immutable record, with the analysis as methods.

    Raises:
        AttributeError: `apply` is set, and the module has no attribute for the rate.
        CannotTellError: `apply` is set, and there is no suggestion.
        TypeError: An option is unknown, or `training_step` returns no loss.
        ValueError: An option is out of range.
    """
    check_names(options)
    name = rate_name(module) if apply else None
    if options.get("layers"):
        options = {**options, "layers": module}
    running = list(trainer.optimizers) if trainer.training else []
    if running and train_dataloaders is None and datamodule is None:
        train_dataloaders = trainer.train_dataloader
    data = data_objects(train_dataloaders if datamodule is None else datamodule)
    with ExitStack() as stack:
        kept = stack.enter_context(preserve_state(*data, module, *running, trainer.scaler))
        stack.enter_context(_quiet())
        stack.enter_context(_keyboard_interrupts())
        # Instance attributes, which are gone with the rest of what the run changes.
        vars(module)["configure_callbacks"] = lambda: []
        if running:
            vars(module)["configure_optimizers"] = lambda: running
        sweeping = _Sweeping(trainer, options, stack)
        _twin(trainer, sweeping).fit(module, train_dataloaders, datamodule=datamodule)
        result = sweeping.result()
    result = replace(result, state_bytes=kept.nbytes)
    if name is not None:
        schedulers = [config.scheduler for config in trainer.lr_scheduler_configs if running]
        answer = result.apply(running, schedulers or None) if running else result.suggest()
        lightning_setattr(module, name, answer.lr)
    return result


def rate_name(module: LightningModule) -> str:
    """The attribute that holds the learning rate, of the module or of its `hparams`.

    Raises:
        AttributeError: There is none.
    """
    for name in RATE_NAMES:
        if lightning_hasattr(module, name):
            return name
    raise AttributeError(
        f"`apply=True` needs an attribute {' or '.join(map(repr, RATE_NAMES))} of the module or of "
        f"its `hparams`, and {type(module).__name__} has none."
    )


class RangeTest(Callback):
    """Runs a range test at the start of `fit`, and trains at the suggested rate.

    Args:
        apply: Whether to set the suggested rate; see `range_test`.
        options: Those of `Sweep`.

    Attributes:
        result: The result, None before.
    """

    def __init__(self, *, apply: bool = True, **options: Any) -> None:
        check_names(options)
        self.result: RangeTestResult | None = None
        self._apply, self._options = apply, options

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Run the test; called by Lightning."""
        self.result = range_test(trainer, pl_module, apply=self._apply, **self._options)


class _Sweeping(Callback):
    """Holds the sweep during the fit of the second trainer."""

    def __init__(self, original: Trainer, options: Mapping[str, Any], stack: ExitStack) -> None:
        self._original, self._options, self._stack = original, options, stack
        self._epoch_steps: float | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for callback in self._original.callbacks:
            if isinstance(callback, BaseFinetuning) and not self._original.training:
                callback.freeze_before_training(pl_module)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not before: `configure_optimizers` may ask for the length of the training.
        trainer.fit_loop.max_epochs = trainer.fit_loop.epoch_loop.max_steps = -1
        trainer.fit_loop.min_epochs = trainer.fit_loop.epoch_loop.min_steps = None
        if pl_module.automatic_optimization:
            trainer.strategy.lr_scheduler_configs = []
        sweep = Sweep(trainer.optimizers, scaler=trainer.scaler, **self._options)
        self._recording = Recording(self._stack.enter_context(sweep), "training_step")

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        batches, count = trainer.num_training_batches, trainer.accumulate_grad_batches
        self._epoch_steps = None if math.isinf(batches) else math.ceil(batches / count)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if loss is not None and pl_module.automatic_optimization:
            loss = loss * trainer.accumulate_grad_batches  # Lightning has divided it
        if not self._recording.goes_on(loss):
            trainer.should_stop = True

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._recording.has_more():
            trainer.should_stop = True

    def result(self) -> RangeTestResult:
        return replace(self._recording.sweep.result(), epoch_steps=self._epoch_steps)


def _twin(trainer: Trainer, sweeping: Callback) -> Trainer:
    """A trainer that trains like another, without its callbacks, loggers and validation."""
    twin = Trainer(
        accelerator="cpu",
        callbacks=[sweeping],
        # What a module writes with `self.logger.experiment` goes nowhere.
        logger=DummyLogger() if trainer.logger else False,
        max_epochs=trainer.max_epochs,
        max_steps=trainer.max_steps,
        limit_train_batches=trainer.limit_train_batches,
        overfit_batches=trainer.overfit_batches,
        limit_val_batches=0,
        num_sanity_val_steps=0,
        accumulate_grad_batches=trainer.accumulate_grad_batches,
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


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice for the training itself."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _keyboard_interrupts() -> Iterator[None]:
    """Raise Ctrl-C as `KeyboardInterrupt`: Lightning exits, and ignores any further one."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise
    finally:
        if threading.current_thread() is threading.main_thread() and before is not None:
            signal.signal(signal.SIGINT, before)
