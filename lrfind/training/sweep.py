"""The engine of the range test: hands out learning rates, takes losses, knows when to stop."""

from __future__ import annotations

import math
import platform
from types import TracebackType

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind._errors import require_positive
from lrfind._version import __version__
from lrfind.analysis.divergence import DivergenceRule
from lrfind.analysis.sequences import lr_sequence
from lrfind.result import RangeTestResult, StopReason, SweepSettings
from lrfind.training.learning_rates import GroupRates


class Sweep:
    """An LR range test in a loop of your own.

    Entering it sets the first learning rate; after each optimizer step, `record` takes the
    loss and sets the next. Leaving it puts the learning rates back. It touches nothing else: put
    `preserve_state` around it to have the rest of the training state put back as well.

    Args:
        optimizer: Its parameter groups keep the ratios of their rates; the largest is swept from
            `start_lr` to `end_lr`.
        start_lr: Rate of the first step, above 0.
        end_lr: Rate of the last step, above `start_lr`.
        num_iter: Number of steps, at least 2.
        step_mode: "exp" (uniform in log10) or "linear".
        diverge_th: Stop when the loss has risen above its best by this many times its descent
            (see `DivergenceRule`); None never stops early. A non-finite loss always stops.

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
        optimizer: Optimizer,
        *,
        start_lr: float = 1e-7,
        end_lr: float = 10.0,
        num_iter: int = 100,
        step_mode: str = "exp",
        diverge_th: float | None = 4.0,
    ) -> None:
        if not hasattr(optimizer, "param_groups"):
            raise TypeError(
                f"`optimizer` must be a torch optimizer, got {type(optimizer).__name__}."
            )
        self._optimizer = optimizer
        self._lr = lr_sequence(start_lr, end_lr, num_iter, step_mode)
        if diverge_th is not None:
            diverge_th = require_positive("diverge_th", diverge_th)
        self.settings = SweepSettings(
            float(start_lr), float(end_lr), self._lr.size, step_mode, diverge_th
        )
        self._rates: GroupRates | None = None
        self._losses: list[float] = []

    def __enter__(self) -> Sweep:
        self._rule = DivergenceRule(self.settings.diverge_th, self.settings.num_iter)
        self._losses = []
        self._stop_reason: StopReason | None = None
        # Seeds and versions are read now: the caller's random state is put back before `result`.
        self._seed = torch.initial_seed()
        self._rates = GroupRates(self._optimizer)
        self._scale = self._rates.scale
        self._rates.set(self.lr)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._rates is not None:
            self._rates.restore()
            self._rates = None

    @property
    def lr(self) -> float:
        """The rate of the step to come, or of the last one when the sweep is over."""
        return float(self._lr[min(len(self._losses), self._lr.size - 1)])

    def record(self, loss: torch.Tensor | float) -> bool:
        """Take the loss of the step just made, and set the rate of the next one.

        Args:
            loss: The mini-batch loss, computed before that step: a number or a one-element tensor.

        Returns:
            True to go on; False when the sweep is over, and the loop should end.

        Raises:
            RuntimeError: The sweep has not been entered, or is over.
            TypeError: `loss` is no number.
        """
        if self._rates is None:
            raise RuntimeError("use `with Sweep(...) as sweep:` around the loop that records.")
        if self._stop_reason is not None:
            raise RuntimeError("the sweep is over: end the loop when `record` returns False.")
        value = _as_number(loss)
        self._losses.append(value)
        self._stop_reason = self._check(value)
        if self._stop_reason is None:
            self._rates.set(self.lr)
        return self._stop_reason is None

    def _check(self, loss: float) -> StopReason | None:
        if not math.isfinite(loss):
            return StopReason.NON_FINITE
        if self._rule.diverged(loss):
            return StopReason.DIVERGED
        return StopReason.COMPLETED if len(self._losses) == self._lr.size else None

    def exhausted(self) -> None:
        """Say that the data ran out, so that the result can name it as the reason."""
        self._stop_reason = self._stop_reason or StopReason.EXHAUSTED

    def result(self) -> RangeTestResult:
        """The record so far.

        Returns:
            A frozen result; `stop_reason` is `UNFINISHED` if the sweep was not over.

        Raises:
            RuntimeError: The sweep was never entered.
        """
        if not hasattr(self, "_scale"):
            raise RuntimeError("nothing was recorded: use `with Sweep(...) as sweep:` first.")
        return RangeTestResult(
            lr=self._lr[: len(self._losses)],
            loss=np.array(self._losses, dtype=np.float64),
            stop_reason=self._stop_reason or StopReason.UNFINISHED,
            settings=self.settings,
            group_scale=self._scale,
            optimizer=type(self._optimizer).__name__,
            seed=self._seed,
            versions={
                "lrfind": __version__,
                "python": platform.python_version(),
                "torch": str(torch.__version__),
                "numpy": np.__version__,
            },
        )


def _as_number(loss: torch.Tensor | float) -> float:
    if isinstance(loss, torch.Tensor) and loss.numel() != 1:
        raise TypeError(f"`loss` must hold one number, got shape {tuple(loss.shape)}.")
    try:
        return float(loss.detach()) if isinstance(loss, torch.Tensor) else float(loss)
    except (TypeError, ValueError) as error:
        raise TypeError(f"`loss` must be a number, got {loss!r}.") from error
