"""The controls of a sweep: the same batches at a constant rate, and with the weights left alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim import Optimizer

from lrfind._errors import require_positive
from lrfind._types import Array
from lrfind.analysis.constant_run import ConstantRun
from lrfind.controlled import Controls
from lrfind.result import RangeTestResult
from lrfind.settings import StopReason
from lrfind.training.constant_rate import ConstantRate
from lrfind.training.forward import LossFn
from lrfind.training.loop import Loop, LoopOptions
from lrfind.training.random_state import device_state
from lrfind.training.step import device_of

if TYPE_CHECKING:
    from typing_extensions import Unpack

DEVICE_TOLERANCE = 1e-4
"""Kernels of an accelerator may differ by rounding from run to run; those of the CPU do not."""


def controls(
    model: torch.nn.Module,
    optimizer: Optimizer | Sequence[Optimizer],
    loss_fn: LossFn | None,
    train_loader: Iterable[Any],
    result: RangeTestResult,
    *,
    suggested: bool | float = False,
    frozen: bool = True,
    **options: Unpack[LoopOptions],
) -> Controls:
    """Run the controls of a sweep: what of its fall is time, what of its wiggle the data.

    Each control is as long as the sweep, on the same batches with the same random numbers, from
    the same state; afterwards every bit of it is back (see `preserve_state`). One trains at the
    sweep's `start_lr` throughout: what falls there falls without any rise of the rate. One leaves
    the weights alone: what moves there are the batches. By option, one trains at the suggested
    rate.

    Args:
        model: The model, as it was when the sweep began; likewise all that follows.
        optimizer: Its optimizer, or several that step together.
        loss_fn: As in `range_test`.
        train_loader: The same loader. No iterator: the sweep used its batches up.
        result: The sweep that `range_test` made of these.
        suggested: Whether to train at `result.suggest().lr` as well; or a rate to train at.
        frozen: Whether to run the control with the weights left alone; False with a `step`.
        options: Those of `range_test` that say how to train, the same as for the sweep
            (`accumulation_steps`, `autocast`, `scaler`, `clip_grad`, `forward`, `step`,
            `preserve`, `all_ranks`), and `store` and `progress`. `probe` and `metric` may be given
            too; the sweep has recorded them, and they are not looked at again.

    Returns:
        The runs, with what they say as methods: `print` it, `plot()` it.

    Raises:
        CannotTellError: The sweep holds fewer than two finite losses, or supports no suggestion
            although `suggested` asks for its rate.
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range, or the first loss is not that of the sweep: to
            the bit on the CPU, by more than 1e-4 of it on an accelerator.

    Example:
        >>> from lrfind.demo import digits_problem
        >>> problem = digits_problem(model="mlp", optimizer="sgd")
        >>> parts = problem.model, problem.optimizer, problem.loss_fn, problem.train_loader
        >>> result = problem.range_test(num_iter=60)
        >>> found = controls(*parts, result)
        >>> found.time.share < 0.01, found.data.stretches[0].explained > 0.9
        (True, True)
    """
    options.pop("probe", None)
    options.pop("metric", None)
    rate = _check(result, train_loader, suggested, frozen, options)
    loop = Loop(model, optimizer, loss_fn, train_loader, **options)
    if result.optimizer not in ("", now := _names(loop)):
        raise ValueError(f"`optimizer` is {now}, that of `result` was {result.optimizer}.")
    run = _Runs(loop, optimizer, result, device_of(model, loop.optimizers), options)
    constant, numbers = run.constant(result.settings.start_lr)
    other = None if rate is None else run.constant(rate)[0]
    losses, same_numbers = np.empty(0), True
    if frozen:
        losses, frozen_numbers = run.frozen()
        same_numbers = numbers == frozen_numbers or constant.loss.size < result.loss.size
    return loop.agreed(Controls(result, constant, other, losses, same_numbers))


class _Runs:
    """The runs of the controls of one sweep, one after the other."""

    def __init__(
        self,
        loop: Loop,
        optimizer: Optimizer | Sequence[Optimizer],
        result: RangeTestResult,
        device: torch.device,
        options: LoopOptions,
    ) -> None:
        self._loop, self._optimizer, self._result, self._device = loop, optimizer, result, device
        self._scaler, self._all_ranks = options.get("scaler"), options.get("all_ranks", True)

    def constant(self, lr: float) -> tuple[ConstantRun, bytes]:
        """A training at one rate, and the state in which it left the random numbers."""
        recorder = _PairedRate(
            self._optimizer,
            lr,
            self._result.loss.size,
            device=self._device,
            scaler=self._scaler,
            all_ranks=self._all_ranks,
        )
        recorder.sweep = self._result
        self._loop.run(recorder)
        return recorder.result(), recorder.random_state

    def frozen(self) -> tuple[Array, bytes]:
        """The losses of the untouched model, one for each of the sweep, and likewise."""
        # A step that a scaler skipped took batches too, and has no loss in the record.
        count = self._result.loss.size
        places = np.arange(count) + np.cumsum([*self._result.skipped, *[0] * count])[:count]
        recorder = _FrozenLosses(
            self._optimizer,
            self._result.settings.start_lr,
            int(places[-1]) + 1,
            device=self._device,
            all_ranks=self._all_ranks,
        )
        self._loop.run(recorder, frozen=True)
        return recorder.losses()[places], recorder.random_state


class _Control(ConstantRate):
    """Notes where the random numbers stand at the end, to be compared with another run."""

    def __init__(
        self,
        optimizer: Optimizer | Sequence[Optimizer],
        lr: float,
        num_iter: int,
        *,
        device: torch.device,
        scaler: torch.amp.GradScaler | None = None,
        all_ranks: bool = True,
    ) -> None:
        super().__init__(optimizer, lr, num_iter, scaler=scaler, all_ranks=all_ranks)
        self._device = device
        self.random_state = b""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        states = [torch.get_rng_state()]
        if self._device.type != "cpu":
            states.append(device_state(self._device))
        self.random_state = b"".join(state.cpu().numpy().tobytes() for state in states)
        super().__exit__(kind, error, trace)


class _PairedRate(_Control):
    """A training at one rate that ends at once if its first loss is not that of the sweep."""

    sweep: RangeTestResult
    _strayed = False

    def _look_at(self, loss: float) -> None:
        super()._look_at(loss)
        tolerance = 0.0 if self._device.type == "cpu" else DEVICE_TOLERANCE
        first = float(self.sweep.loss[0])
        if len(self._losses) == 1 and not math.isclose(loss, first, rel_tol=tolerance):
            # As a stop, not as an error: then all ranks come to it at the same step.
            self._strayed, self._stop_reason = True, StopReason.UNFINISHED

    def result(self) -> ConstantRun:
        """The record, up to where a scaler skipped other steps than in the sweep.

        Raises:
            ValueError: The first loss, or the ratios of the rates, are not those of the sweep.
        """
        run = super().result()
        if self._strayed:
            raise ValueError(_differs(run.loss[0], self.sweep, self._seed))
        if self._group_scale != self.sweep.group_scale:
            raise ValueError(
                f"`optimizer` has parameter groups with the ratios {self._group_scale} of their "
                f"rates; when `result` was made they were {self.sweep.group_scale}."
            )
        own, swept = (
            np.array([*skips, *[0] * run.loss.size])[: run.loss.size]
            for skips in (self._skips(), self.sweep.skipped)
        )
        apart = np.flatnonzero(own != swept)
        return ConstantRun(run.lr, run.loss[: apart[0]]) if apart.size else run


class _FrozenLosses(_Control):
    """The losses of a model that does not step."""

    def _look_at(self, loss: float) -> None:
        # Unlike a training's, a loss that is not finite spoils none of those to come.
        self._losses.append(loss)
        if len(self._losses) == self.settings.num_iter:
            self._stop_reason = StopReason.COMPLETED

    def losses(self) -> Array:
        """Shape `(num_iter,)`; NaN where the data ran out."""
        self._wait()
        looked_at: Array = np.full(self.settings.num_iter, np.nan)
        looked_at[: len(self._losses)] = self._losses
        return looked_at


def _check(
    result: RangeTestResult,
    train_loader: Iterable[Any],
    suggested: bool | float,
    frozen: bool,
    options: LoopOptions,
) -> float | None:
    """Refuse what cannot be controlled; the second rate to train at, if there is one."""
    if not isinstance(result, RangeTestResult):
        raise TypeError(f"`result` must be a RangeTestResult, got {type(result).__name__}.")
    result.curves()
    if hasattr(train_loader, "__next__"):
        raise ValueError(
            "`train_loader` is an iterator, whose batches the sweep has used up: pass what it "
            "was made from, to the range test and here."
        )
    if frozen and options.get("step") is not None:
        raise ValueError(
            "`frozen` needs the loss without the step, and `step` makes both at once: pass "
            "`frozen=False`, or `forward` instead of `step`."
        )
    if isinstance(suggested, bool):
        return result.suggest().lr if suggested else None
    return require_positive("suggested", suggested)


def _names(loop: Loop) -> str:
    return "+".join(type(optimizer).__name__ for optimizer in loop.optimizers)


def _differs(loss: float, result: RangeTestResult, seed: int) -> str:
    reseeded = "" if seed == result.seed else f" torch's seed was {result.seed} and is {seed}."
    return (
        f"`result` begins with a loss of {float(result.loss[0])!r}, its control with "
        f"{float(loss)!r}: they have not started from the same state on the same batches. Was the "
        "model trained since, were random numbers drawn, does `train_loader` shuffle in a way that "
        f"cannot be put back, or were other options given?{reseeded}"
    )
