"""Normalises losses of any scale to about 1, by their own moving average."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist

from lrfind.analysis.defaults import NORMALIZER_BETA
from lrfind.support.arguments import require_beta, require_positive
from lrfind.support.process_group import rank_count

if TYPE_CHECKING:
    from typing_extensions import Self


class EMANormalizer(torch.nn.Module):
    """Divides a loss by its debiased exponential moving average, so that it is about 1.

    After the t-th loss x_t, with m_0 = 0:

        m_t = beta * m_{t-1} + (1 - beta) * x_t,    value = m_t / (1 - beta**t)

    and the normalised loss is `x_t / max(value, min_value)`. The divisor is detached, so the
    gradient is that of the loss, on the scale of log(loss). Starting `m` at the first loss *and*
    dividing by `1 - beta**t`, as some descriptions do, would make the average too large by the
    factor `1 / (1 - beta**t)`, 100-fold at the first step with beta 0.99.

    The average is updated only in train mode with gradients enabled. In eval mode or under
    `torch.no_grad()` losses are divided by the current average, or by themselves if there is none
    yet, as in the first call. A non-finite loss never updates it. It is meant for losses above 0: a
    loss whose average is not positive is divided by `min_value`.

    The average and the count of each element are buffers: they are in `state_dict`, and stay
    float32 and int64 when a model is converted to half precision. Nothing waits for the device.
    Under `torch.distributed` a step averages over the ranks that have the loss, in one all-reduce.

    Args:
        beta: Weight of the old value, in [0, 1); 0 divides each loss by itself.
        min_value: Lower bound of the divisor, above 0.
        shape: Shape of what is normalised: `()` for one loss, `(n,)` for n losses with an average
            each.
        all_ranks: Under `torch.distributed`, whether the ranks share their averages; then all ranks
            must make the same steps.

    Attributes:
        average: Shape `shape`, float32: m_t, without the debiasing.
        steps: Shape `shape`, int64: t, the number of losses in each average.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: `beta` is outside [0, 1) or `min_value` not above 0.

    Example:
        >>> normalizer = EMANormalizer(beta=0.99)
        >>> for _ in range(3):
        ...     scaled = normalizer(torch.tensor(1000.0))
        >>> f"{scaled:.3f} {normalizer.value:.1f} {normalizer.average:.1f}"
        '1.000 1000.0 29.7'
    """

    average: torch.Tensor
    steps: torch.Tensor

    def __init__(
        self,
        beta: float = NORMALIZER_BETA,
        *,
        min_value: float = 1e-8,
        shape: Sequence[int] = (),
        all_ranks: bool = True,
    ) -> None:
        super().__init__()
        self.beta = require_beta(beta)
        self.min_value = require_positive("min_value", min_value)
        self.all_ranks = all_ranks
        self._log_beta = math.log(self.beta) if self.beta else -math.inf
        self.register_buffer("average", torch.zeros(tuple(shape), dtype=torch.float32))
        self.register_buffer("steps", torch.zeros(tuple(shape), dtype=torch.int64))

    @property
    def window(self) -> float:
        """The effective number of steps in the average, `1 / (1 - beta)`."""
        return 1 / (1 - self.beta)

    @property
    def value(self) -> torch.Tensor:
        """Shape `shape`: the debiased average; NaN before the first loss."""
        # 1 - beta**t in float32 would lose digits when beta is close to 1.
        weight = -torch.expm1(self.steps.to(torch.float32) * self._log_beta)
        return (self.average / weight).masked_fill(self.steps == 0, torch.nan)

    @property
    def is_averaging(self) -> bool:
        """Whether a call now would update the average: in train mode, with gradients enabled."""
        return self.training and torch.is_grad_enabled()

    def forward(self, loss: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        """Update the average with the loss, and divide the loss by it.

        Args:
            loss: Shape `shape`.
            present: Shape `shape`, bool: which elements are losses of this step; None for all.

        Returns:
            Shape `shape`, at least float32.

        Raises:
            ValueError: The loss is on another device than the average.
        """
        self._check_device(loss)
        loss = loss.to(torch.promote_types(loss.dtype, torch.float32))
        if self.is_averaging:
            self.update(loss, present)
        value = torch.where(self.steps > 0, self.value, loss.detach())
        return loss / value.clamp(min=self.min_value)

    @torch.no_grad()
    def update(self, loss: torch.Tensor | float, present: torch.Tensor | None = None) -> None:
        """Update the average by one step, without normalising anything.

        Args:
            loss: Shape `shape`.
            present: Shape `shape`, bool: which elements are losses of this step; the averages and
                counts of the others are unchanged. None for all.

        Raises:
            ValueError: The loss is on another device than the average.
        """
        self._check_device(loss)
        if isinstance(loss, float | int):
            loss = self.average.new_full((), loss)  # copying it there would wait for the device
        loss = torch.as_tensor(loss, dtype=torch.float32, device=self.average.device)
        taken = torch.isfinite(loss)
        if present is not None:
            taken = taken & present
        if self.all_ranks and rank_count() > 1:
            loss, taken = _mean_over_ranks(loss, taken)
        # `lerp`, so that the weights of old and new value sum to exactly 1 even if beta is rounded.
        moved = torch.lerp(self.average, loss, 1 - self.beta)
        self.average.copy_(torch.where(taken, moved, self.average))
        self.steps.add_(taken)

    def reset(self) -> Self:
        """Forget all losses, in place."""
        self.average.zero_()
        self.steps.zero_()
        return self

    def _check_device(self, loss: torch.Tensor | float) -> None:
        # Torch would silently accept a scalar from another device, and wait for it at each step.
        if isinstance(loss, torch.Tensor) and loss.device != self.average.device:
            raise ValueError(
                f"`loss` is on {loss.device}, but its average is on {self.average.device}: "
                "move the module with `.to(device)`."
            )

    def extra_repr(self) -> str:
        """What `repr` shows."""
        return f"beta={self.beta:g}, min_value={self.min_value:g}, shape={tuple(self.steps.shape)}"

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Move to other devices but keep the dtype: half precision would stall the average."""

        def keep_type(tensor: torch.Tensor) -> torch.Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        moved: Any = super()._apply(keep_type, recurse)  # type: ignore[no-untyped-call]
        return moved  # type: ignore[no-any-return]


def _mean_over_ranks(loss: torch.Tensor, taken: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean of each loss over the ranks that have it, and which losses any rank has."""
    sums = torch.stack([loss.masked_fill(~taken, 0.0), taken.to(loss.dtype)])
    dist.all_reduce(sums)
    return sums[0] / sums[1].clamp(min=1), sums[1] > 0
