"""The LR range test of a Lightning module, as its trainer trains it."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils.data import DataLoader

from lrfind.integrations.lightning_steps import Steps, Turns
from lrfind.integrations.lightning_twin import Twin, in_the_step, twin_of
from lrfind.integrations.options import check_names, data_objects
from lrfind.integrations.put_back import without_step
from lrfind.problems.problem import Problem
from lrfind.result.range_test_result import RangeTestResult
from lrfind.state.preserve import preserve_state
from lrfind.support.missing import missing

try:
    from lightning.pytorch import Callback, LightningModule, Trainer
    from lightning.pytorch.utilities.parsing import lightning_hasattr, lightning_setattr
    from lightning.pytorch.utilities.signature_utils import is_param_in_hook_signature
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
    is no validation and no logging, and LR schedulers are not stepped. With manual optimization,
    `training_step` must return the loss. At the end of an epoch Lightning steps on what it has
    accumulated, as in training.

    Of your callbacks, and those of the module, these act, and are put back with the rest:

    - with all their hooks, those that have a part in the training step, as one that mixes batches
      or adds noise to gradients: they override `on_train_batch_start`, `on_before_zero_grad`,
      `on_before_backward`, `on_after_backward` or `on_before_optimizer_step`;
    - of a `BaseFinetuning` what it freezes before the training, and of a
      `GradientAccumulationScheduler` the accumulation of the first epoch.

    Others record, save, stop, show, schedule or average beside the training, and are left out: also
    progress bars, checkpoints, monitors and timers with the hooks above, and whatever only has
    others, such as `on_train_batch_end`.

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
    with prepared(trainer, module, train_dataloaders, datamodule) as problem:
        result = without_step(problem.range_test(**options, progress=False), options)
    running = list(trainer.optimizers) if trainer.training else []
    if name is not None:
        schedulers = [config.scheduler for config in trainer.lr_scheduler_configs if running]
        answer = result.apply(running, schedulers or None) if running else result.suggest()
        lightning_setattr(module, name, answer.lr)
    return result


@contextmanager
def prepared(
    trainer: Trainer,
    module: LightningModule,
    train_dataloaders: Any = None,
    datamodule: Any = None,
) -> Iterator[Problem]:
    """A module made ready to train, as a `Problem`: for `verify`, `controls` and `find_lr`.

    The steps are those of the second trainer that `range_test` describes, each run from its first
    epoch on. At the end of the `with` block, everything is as it was before, also weights that you
    train there yourself: another copy of them is kept, besides that of each run.

    Args:
        trainer: As in `range_test`.
        module: As in `range_test`.
        train_dataloaders: As in `range_test`.
        datamodule: As in `range_test`.

    Yields:
        The module and its optimizers, with the training step; valid inside the block. The loader
        gives the numbers of the optimizer steps of an epoch, for which Lightning fetches batches.

    Raises:
        ValueError: The trainer has no batches, or `training_step` takes a `dataloader_iter`.
    """
    if is_param_in_hook_signature(module.training_step, "dataloader_iter", explicit=True):
        raise ValueError("`training_step` takes a `dataloader_iter`, so its steps are not known.")
    running = list(trainer.optimizers) if trainer.training else []
    if running and train_dataloaders is None and datamodule is None:
        train_dataloaders = trainer.train_dataloader
    data = data_objects(train_dataloaders if datamodule is None else datamodule)
    own = module.configure_callbacks
    # The callbacks first: those of a datamodule's trainer would be taken for its data.
    held = [*map(vars, in_the_step(trainer.callbacks)), *data, module]
    with preserve_state(*held, *running, trainer.scaler), _quiet():
        # Instance attributes, which are gone with the rest of what the run changes.
        vars(module)["configure_callbacks"] = lambda: [] if running else in_the_step(own())
        if running:
            vars(module)["configure_optimizers"] = lambda: running
        twin = twin_of(trainer)
        with _keyboard_interrupts():
            twin.fit(module, train_dataloaders, datamodule=datamodule)
        loaders = [each for each in vars(module).values() if isinstance(each, DataLoader)]
        with twin.driven(*data, *loaders):
            yield _problem_of(twin)


def _problem_of(twin: Twin) -> Problem:
    steps, optimizers = Steps(twin), twin.optimizers
    return Problem(
        twin.lightning_module,
        optimizers if len(optimizers) > 1 else optimizers[0],
        None,
        Turns(steps, twin.train_dataloader),
        {"step": steps.make, "scaler": twin.scaler, "preserve": steps.held()},
    )


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
