"""The range test as an engine: hands out learning rates, takes losses, knows when to stop."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind._version import __version__
from lrfind.analysis.schedule import lr_sequence
from lrfind.layers.recorder import LayerRecorder
from lrfind.result.range_test_result import RangeTestResult
from lrfind.result.settings import StopReason, SweepSettings
from lrfind.support.arguments import require_count, require_positive
from lrfind.sweep.recorder import Recorder

if TYPE_CHECKING:
    from typing_extensions import Self


class Sweep(Recorder):
    """An LR range test in a loop of your own.

    Entering it sets the first learning rate; after each optimizer step, `record` takes the
    loss and sets the next. Leaving it puts the learning rates back. It touches nothing else: put
    `preserve_state` around it to have the rest of the training state put back as well.

    Losses on an accelerator are read back without stopping it: `record` looks at those that have
    arrived, and the result is cut at the step where a loop that waits for each loss would have
    stopped.

    Args:
        optimizer: One optimizer or several; all parameter groups keep the ratios of their rates,
            and the largest is swept from `start_lr` to `end_lr`.
        start_lr: Rate of the first step, above 0.
        end_lr: Rate of the last step, above `start_lr`.
        num_iter: Number of steps, at least 2.
        step_mode: "exp" (uniform in log10) or "linear".
        diverge_th: Stop when the loss has risen above its best by this many times its descent
            (see `DivergenceRule`); None never stops early. A non-finite loss always stops.
        probe_every: After how many steps each a probe loss is given to `record`, if any is.
        scaler: The gradient scaler of the loop, if it has one: a step that it skips does not
            advance the rate, and is counted in the result's `skipped`.
        all_ranks: Under `torch.distributed`, whether this is one sweep over all ranks, with the
            mean of their losses; False for a sweep of this process alone.
        layers: The model, to record the norms of its trainable tensors around every step of the
            optimizers as the result's `layers`; several as one `torch.nn.ModuleDict`. Where an
            optimizer steps more than once before `record`, its last step counts. Costs a second
            copy of the trainable weights on their device.

    Attributes:
        settings: The arguments, as a record.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range; the message names it.

    Example:
        >>> import torch
        >>> weight = torch.nn.Parameter(torch.tensor(1.0))
        >>> optimizer = torch.optim.SGD([weight], lr=0.1)
        >>> with Sweep(optimizer, start_lr=1e-3, end_lr=10, num_iter=50) as sweep:
        ...     more = True
        ...     while more:
        ...         loss = weight**2 / 2
        ...         optimizer.zero_grad()
        ...         loss.backward()
        ...         _ = optimizer.step()
        ...         more = sweep.record(loss)
        >>> sweep.result()
        <RangeTestResult: 50 steps, lr 0.001 to 10, completed>
    """

    def __init__(
        self,
        optimizer: Optimizer | Sequence[Optimizer],
        *,
        start_lr: float = 1e-6,
        end_lr: float = 10.0,
        num_iter: int = 300,
        step_mode: str = "exp",
        diverge_th: float | None = 4.0,
        probe_every: int = 1,
        scaler: torch.amp.GradScaler | None = None,
        all_ranks: bool = True,
        layers: torch.nn.Module | None = None,
    ) -> None:
        lr = lr_sequence(start_lr, end_lr, num_iter, step_mode)
        if diverge_th is not None:
            diverge_th = require_positive("diverge_th", diverge_th)
        settings = SweepSettings(
            start_lr=float(start_lr),
            end_lr=float(end_lr),
            num_iter=lr.size,
            step_mode=step_mode,
            diverge_th=diverge_th,
            probe_every=require_count("probe_every", probe_every, least=1),
        )
        if settings.probe_every > lr.size:
            raise ValueError(f"`probe_every` must be at most `num_iter`, got {probe_every!r}.")
        super().__init__(optimizer, lr, settings, scaler=scaler, all_ranks=all_ranks)
        self._layers = None if layers is None else LayerRecorder(layers, self._optimizers)

    def __enter__(self) -> Self:
        if self._layers is None:
            return super().__enter__()
        self._layers.attach(self.settings.num_iter, lambda: self.steps)
        try:
            return super().__enter__()
        except BaseException:
            self._layers.detach()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._layers is not None:
            self._layers.detach()
        super().__exit__(kind, error, trace)

    def result(self) -> RangeTestResult:
        """The record so far.

        Returns:
            A frozen result; `stop_reason` is `UNFINISHED` if the sweep was not over.

        Raises:
            RuntimeError: The sweep was never entered.
        """
        if not hasattr(self, "_group_scale"):
            raise RuntimeError("nothing was recorded: use `with Sweep(...) as sweep:` first.")
        self._wait()
        lr = self._lr[: len(self._losses)]
        return RangeTestResult(
            lr=lr,
            loss=np.array(self._losses, dtype=np.float64),
            stop_reason=self._stop_reason or StopReason.UNFINISHED,
            settings=self.settings,
            group_scale=self._group_scale,
            probe=self._probe.by_step(len(self._losses)),
            metric=self._metric.by_step(len(self._losses)),
            tasks=self._tasks.by_step(len(self._losses)),
            skipped=self._skips() if self._scaler else (),
            layers=None if self._layers is None else self._layers.layers(lr, self._group_scale),
            optimizer="+".join(type(optimizer).__name__ for optimizer in self._optimizers),
            seed=self._seed,
            versions={
                "lrfind": __version__,
                "python": platform.python_version(),
                "torch": str(torch.__version__),
                "numpy": np.__version__,
            },
        )
