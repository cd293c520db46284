"""Losses of any scale brought to about 1, by a moving average of their own."""

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

    and the loss comes back as `x_t / max(value, min_value)`. The divisor has no gradient: the
    gradient is that of the loss, on the scale of log(loss). Starting `m` at the first loss *and*
    dividing by `1 - beta**t`, as some descriptions have it, would be too large by the factor
    `1 / (1 - beta**t)`, 100-fold at the first step with beta 0.99.

    Only a call in train mode and with gradients enabled moves the average; in eval mode or under
    `torch.no_grad()` losses are divided by the average as it stands, and one that has none yet by
    itself, as its first call would. A loss that is not finite never moves it. It is meant for
    losses above 0: one whose average is not is divided by `min_value`.

    The average and the count of each element are buffers: they are in `state_dict`, and stay
    float32 and int64 when a model is turned to half precision. Nothing waits for the device.
    Under `torch.distributed` a step averages over the ranks that have the loss, in one all-reduce.

    Args:
        beta: Weight of the old value, in [0, 1); 0 divides each loss by itself.
        min_value: What the divisor is at least, above 0.
        shape: Of what is normalised: `()` for one loss, `(n,)` for n with an average each.
        all_ranks: Under `torch.distributed`, whether the ranks share their averages: then all of
            them must make every step that one makes.

    Attributes:
        average: Shape `shape`, float32: m_t, without the debiasing.
        steps: Shape `shape`, int64: t, the number of losses that each average has taken.

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
        """The effective number of steps that the average looks back on, `1 / (1 - beta)`."""
        return 1 / (1 - self.beta)

    @property
    def value(self) -> torch.Tensor:
        """Shape `shape`: the debiased average; NaN before the first loss."""
        # As 1 - beta**t in float32 the debiasing would lose digits where beta is near 1.
        weight = -torch.expm1(self.steps.to(torch.float32) * self._log_beta)
        return (self.average / weight).masked_fill(self.steps == 0, torch.nan)

    @property
    def is_averaging(self) -> bool:
        """Whether a call now would move the average: in train mode and with gradients."""
        return self.training and torch.is_grad_enabled()

    def forward(self, loss: torch.Tensor, present: torch.Tensor | None = None) -> torch.Tensor:
        """The loss over its average, which it moves first.

        Args:
            loss: Shape `shape`.
            present: Shape `shape`, bool: which elements are losses of this step; all if None.

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
        """Move the average by one step, without normalising anything.

        Args:
            loss: Shape `shape`.
            present: Shape `shape`, bool: which elements are losses of this step; the averages and
                counts of the others stay. All if None.

        Raises:
            ValueError: The loss is on another device than the average.
        """
        self._check_device(loss)
        loss = torch.as_tensor(loss, dtype=torch.float32, device=self.average.device)
        taken = torch.isfinite(loss)
        if present is not None:
            taken = taken & present
        if self.all_ranks and rank_count() > 1:
            loss, taken = _mean_over_ranks(loss, taken)
        # In this form a rounded beta still weighs old and new by a sum of exactly 1.
        moved = torch.lerp(self.average, loss, 1 - self.beta)
        self.average.copy_(torch.where(taken, moved, self.average))
        self.steps.add_(taken)

    def reset(self) -> Self:
        """Forget all losses, in place."""
        self.average.zero_()
        self.steps.zero_()
        return self

    def _check_device(self, loss: torch.Tensor | float) -> None:
        # Torch would take a scalar from another device in silence, and wait for it at each step.
        if isinstance(loss, torch.Tensor) and loss.device != self.average.device:
            raise ValueError(
                f"`loss` is on {loss.device}, its average on {self.average.device}: "
                "move the module with `.to(device)`."
            )

    def extra_repr(self) -> str:
        """What `repr` shows."""
        return f"beta={self.beta:g}, min_value={self.min_value:g}, shape={tuple(self.steps.shape)}"

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Move to other devices, but not to other types: half a digit would stop the average."""

        def keep_type(tensor: torch.Tensor) -> torch.Tensor:
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        moved: Any = super()._apply(keep_type, recurse)  # type: ignore[no-untyped-call]
        return moved  # type: ignore[no-any-return]


def _mean_over_ranks(loss: torch.Tensor, taken: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean over the ranks that have each loss, and which losses any of them has."""
    sums = torch.stack([loss.masked_fill(~taken, 0.0), taken.to(loss.dtype)])
    dist.all_reduce(sums)
    return sums[0] / sums[1].clamp(min=1), sums[1] > 0
