"""Combines several task losses into one, each normalised by its own scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.distributed as dist

from lrfind.analysis.defaults import NORMALIZER_BETA
from lrfind.multitask.checks import check_task_loss, checked_names, checked_weights
from lrfind.multitask.normalizer import EMANormalizer
from lrfind.support.arguments import require_choice
from lrfind.support.process_group import rank_count

NON_FINITE = ("pass", "skip", "refuse")
"""How to treat a task loss that is NaN or infinite."""

Scalarizer = Callable[[torch.Tensor], torch.Tensor]
"""Combines a vector of losses into one, such as those of `torchjd.scalarization`."""


class MultiTaskLoss(torch.nn.Module):
    """The weighted sum of task losses, each divided by its own moving average.

        total = sum over tasks of weight * loss / max(debiased EMA of loss, min_value)

    so that a task contributes by its weight and not by its units: losses of 1000 and 1 with weights
    0.5 and 0.5 give 1.0 and half of the gradient's scale each, while their plain weighted sum,
    500.5, is 99.9 % the first. This is a smoothed form of minimising the sum of log(loss), as in
    IMTL-L and DB-MTL. See `EMANormalizer` for the average, when it is updated, and several ranks; a
    task missing from a step contributes nothing, and its average is not updated.

    The averages follow the losses, so however far these fall, the total returns to about the sum of
    the weights once they stop changing. In a range test the total therefore shows a descent only if
    the window `1 / (1 - beta)` is not short compared with the number of steps of the descent: 100
    in a sweep of 300 is enough, 10 is not. For a sweep with fixed scales, use an instance that has
    seen some steps, in eval mode.

    Nothing here waits for the device, branches on a value or breaks the graph of `torch.compile`,
    except with `non_finite="refuse"`.

    Args:
        task_names: The names, all different.
        weights: Weight of each task, by name or in order, at least 0; `1 / len(task_names)` each
            if None. Not with a `scalarizer`.
        beta: Weight of the old value, in [0, 1); the effective window is about `1 / (1 - beta)`
            steps.
        min_value: Lower bound of the divisor, above 0.
        normalize: False leaves the losses as they are; the averages are still in `metrics`.
        non_finite: What to do with a NaN or infinite loss, which never updates an average. "pass"
            includes it in the total, where the training loop sees it: a range test ends there.
            "skip" leaves the task out of this step's total. The gradient at its loss is then
            exactly 0, but a NaN further back in the task's graph times 0 is NaN again; only leaving
            the task out of the dictionary avoids this. "refuse" raises, on all ranks if on one; to
            check the values it waits for an accelerator at each step, and it breaks a compiled
            graph.
        scalarizer: Combines the vector of losses, shape `(tasks,)`, in place of the weighted sum;
            those of `torchjd.scalarization` can be used. It needs all tasks in every step. If it
            scales the losses itself, use `normalize=False`.
        all_ranks: Under `torch.distributed`, whether the ranks share their averages.

    Attributes:
        task_names: The names, in order.
        weights: Weight of each task, in order.
        normalizer: The averages.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range, or two of them are incompatible.

    Example:
        >>> criterion = MultiTaskLoss(["rul", "health"], weights={"rul": 0.5, "health": 0.5})
        >>> losses = {"rul": torch.tensor(1000.0), "health": torch.tensor(1.0)}
        >>> criterion(losses).item()
        1.0
        >>> {name: value.item() for name, value in criterion.metrics["rul"].items()}
        {'raw': 1000.0, 'normalized': 1.0, 'ema': 1000.0}
    """

    def __init__(
        self,
        task_names: Sequence[str],
        *,
        weights: Mapping[str, float] | Sequence[float] | None = None,
        beta: float = NORMALIZER_BETA,
        min_value: float = 1e-8,
        normalize: bool = True,
        non_finite: str = "pass",
        scalarizer: Scalarizer | None = None,
        all_ranks: bool = True,
    ) -> None:
        super().__init__()
        self.task_names = checked_names(task_names)
        self.non_finite = require_choice("non_finite", non_finite, NON_FINITE)
        if scalarizer is not None and (weights is not None or non_finite == "skip"):
            raise ValueError(
                "`scalarizer` cannot be combined with `weights` or non_finite='skip': it alone "
                "decides how much each task contributes."
            )
        if scalarizer is not None and not callable(scalarizer):
            raise TypeError(f"`scalarizer` must be callable, got {type(scalarizer).__name__}.")
        self.weights = checked_weights(weights, self.task_names)
        self.normalize = normalize
        self.scalarizer = scalarizer
        self.normalizer = EMANormalizer(
            beta, min_value=min_value, shape=(len(self.task_names),), all_ranks=all_ranks
        )
        self._last: tuple[torch.Tensor, torch.Tensor] | None = None

    def forward(self, losses: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The total of one step.

        Args:
            losses: The losses of the tasks in this step, by name: scalars on one device.

        Returns:
            A scalar, at least float32.

        Raises:
            TypeError: `losses` is not a mapping of tensors.
            ValueError: `losses` is empty, or has an unknown task, a loss that is not a scalar, a
                missing task although there is a `scalarizer`, or a non-finite loss with
                `non_finite="refuse"`.
        """
        self._check(losses)
        raw = self._vector(losses)
        present = self._present(losses, raw.device)
        if self.non_finite == "refuse":
            self._refuse(raw, present)
        usable, used = None, raw
        if self.non_finite == "skip":
            # Masked before the division: a NaN times 0 would still be NaN in the gradient.
            usable = torch.isfinite(raw)
            used, present = raw.masked_fill(~usable, 1.0), usable
        scaled = self.normalizer(used, present)
        seen = scaled.detach()
        if usable is not None:
            seen = seen.masked_fill(~usable, torch.nan)
        self._last = raw.detach(), seen
        if not self.normalize:
            scaled = used
        if self.scalarizer is not None:
            return self.scalarizer(scaled)
        if usable is not None:
            scaled = scaled.masked_fill(~usable, 0.0)
        parts = zip(self.task_names, self.weights, scaled.unbind(), strict=True)
        return torch.stack([part * weight for name, weight, part in parts if name in losses]).sum()

    @property
    def metrics(self) -> dict[str, dict[str, torch.Tensor]]:
        """Values "raw", "normalized" and "ema" (debiased) of each task at the last call, detached.

        NaN for a task that was missing, or has no average yet. Empty before the first call. The
        tensors stay on the device; reading one waits for it.
        """
        if self._last is None:
            return {}
        columns = (*self._last, self.normalizer.value)
        rows = zip(*(column.unbind() for column in columns), strict=True)
        return {
            name: dict(zip(("raw", "normalized", "ema"), row, strict=True))
            for name, row in zip(self.task_names, rows, strict=True)
        }

    def reset(self) -> MultiTaskLoss:
        """Forget all losses, in place."""
        self.normalizer.reset()
        self._last = None
        return self

    def extra_repr(self) -> str:
        """What `repr` shows."""
        shares = dict(zip(self.task_names, self.weights, strict=True))
        return f"weights={shares}, normalize={self.normalize}, non_finite={self.non_finite!r}"

    def _check(self, losses: Mapping[str, torch.Tensor]) -> None:
        if not isinstance(losses, Mapping):
            raise TypeError(f"`losses` must be a mapping, got {type(losses).__name__}.")
        unknown = [name for name in losses if name not in self.task_names]
        if unknown or not losses:
            raise ValueError(f"`losses` must hold tasks of {self.task_names}, got {list(losses)}.")
        if self.scalarizer is not None and len(losses) < len(self.task_names):
            raise ValueError(f"`scalarizer` needs all of {self.task_names}, got {list(losses)}.")
        for name, loss in losses.items():
            check_task_loss(name, loss)

    def _vector(self, losses: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The losses in order, shape `(tasks,)`, at least float32; NaN for missing tasks."""
        one = next(iter(losses.values()))
        absent = None if len(losses) == len(self.task_names) else torch.full_like(one, torch.nan)
        ordered = [losses.get(name, absent) for name in self.task_names]
        # Cast before stacking: under autocast the task losses may have different dtypes.
        return torch.stack([
            loss.reshape(()).to(torch.promote_types(loss.dtype, torch.float32))
            for loss in ordered if loss is not None
        ])  # fmt: skip

    def _present(
        self, losses: Mapping[str, torch.Tensor], device: torch.device
    ) -> torch.Tensor | None:
        if len(losses) == len(self.task_names):
            return None
        # Filled on the device: copying a list of bools to it would wait for the device.
        return torch.stack(
            [torch.full((), name in losses, device=device) for name in self.task_names]
        )

    def _refuse(self, raw: torch.Tensor, present: torch.Tensor | None) -> None:
        """Raise if a loss of this step is not finite on any rank."""
        bad = ~torch.isfinite(raw.detach())
        if present is not None:
            bad = bad & present
        if self.normalizer.is_averaging and self.normalizer.all_ranks and rank_count() > 1:
            counts = bad.to(torch.float32)
            dist.all_reduce(counts)
            bad = counts > 0
        if bad.any():
            names = [name for name, flag in zip(self.task_names, bad.tolist(), strict=True) if flag]
            raise ValueError(f"`losses` must be finite, but {', '.join(map(repr, names))} is not.")
