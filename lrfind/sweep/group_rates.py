"""One learning rate for all parameter groups, which keep their ratios."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch.optim import Optimizer

REMEDY = (
    "nothing else may set its rates during the sweep, be it a step hook, the optimizer itself, or "
    "an LR scheduler that is stepped before the optimizer."
)


class GroupRates:
    """Scales the learning rates of all parameter groups together, keeping their ratios.

    The ratios are those of the current learning rates to the largest of them. If all are 0, as in
    the first step of a warm-up, the `initial_lr` that an LR scheduler stores is used instead; if
    those are 0 or missing too, all groups get the same learning rate. A group's `lr_scale`, by
    which timm multiplies its rate, counts where the rates do not have it yet.

    Args:
        optimizers: The optimizers whose `param_groups` hold the learning rates.
        scale: The ratios of the groups, in place of those of their current learning rates.

    Attributes:
        scale: Learning rate of each group as a multiple of the largest; 0 for a group that is not
            trained.
    """

    def __init__(
        self, optimizers: Sequence[Optimizer], scale: Sequence[float] | None = None
    ) -> None:
        self._optimizers = optimizers
        self._before = [
            rate.clone() if isinstance(rate := group["lr"], torch.Tensor) else rate
            for group in self._groups()
        ]
        rates = check_rates(optimizers)
        self.scale = _own_scale(self._groups(), rates) if scale is None else tuple(scale)
        ends = list(accumulate((len(each.param_groups) for each in optimizers), initial=0))
        self._own = [slice(*pair) for pair in pairwise(ends)]

    def set(self, lr: float) -> None:
        """Set each group to its multiple of `lr`; a tensor `lr` rounds it to its own dtype."""
        groups = self._groups()
        if len(groups) != len(self.scale):
            raise RuntimeError(
                f"`optimizer` had {len(self.scale)} parameter groups when the sweep began and now "
                f"has {len(groups)}: add parameter groups before the sweep."
            )
        self._lr = lr
        # Each rate as it was set, with the number of writes to it so far if it is a tensor.
        self._set: list[tuple[Any, int | None]] = []
        for group, scale in zip(groups, self.scale):  # noqa: B905 - checked above
            if type(group["lr"]) is float:
                rate = group["lr"] = lr * scale
                self._set.append((rate, None))
            else:
                _set_rate(group, lr * scale)
                self._set.append((group["lr"], getattr(group["lr"], "_version", None)))

    def difference(self, number: int) -> str | None:
        """How the rates of one optimizer differ from those set, as a message; None if they do not.

        A rate that is the same object as before, and was not written to, is not read: on an
        accelerator that would wait for the device.

        Args:
            number: Its place among the optimizers.
        """
        groups = self._optimizers[number].param_groups
        for group, (before, version) in zip(groups, self._set[self._own[number]], strict=False):
            rate = group["lr"]
            if rate is not before or (version is not None and rate._version != version):
                return self._read_difference(number)
        return None

    def _read_difference(self, number: int) -> str | None:
        optimizer = self._optimizers[number]
        held = zip(optimizer.param_groups, self.scale[self._own[number]], strict=False)
        for place, (group, scale) in enumerate(held):
            rate, wanted = group["lr"], self._lr * scale
            if isinstance(rate, torch.Tensor):
                wanted = torch.tensor(wanted, dtype=rate.dtype).item()
            if float(rate) != wanted:
                return (
                    f"`optimizer` ({type(optimizer).__name__}) has lr={float(rate):g} in its "
                    f"parameter group {place}, where the sweep had set {wanted:g}: {REMEDY}"
                )
        return None

    def restore(self) -> None:
        """Restore the learning rate that each group had when this object was made."""
        for group, rate in zip(self._groups(), self._before, strict=False):
            _set_rate(group, rate)

    def _groups(self) -> list[dict[str, Any]]:
        # Looked up every time: `load_state_dict` replaces the groups.
        if len(self._optimizers) == 1:
            return self._optimizers[0].param_groups
        return [group for optimizer in self._optimizers for group in optimizer.param_groups]


def check_rates(optimizers: Sequence[Optimizer]) -> list[float]:
    """The learning rates of all parameter groups.

    Raises:
        ValueError: One of them is missing, negative or not finite.
    """
    rates = []
    for optimizer in optimizers:
        name = type(optimizer).__name__
        if optimizer.param_groups and optimizer.param_groups[0] is not optimizer.param_groups[0]:
            raise ValueError(
                f"`optimizer` ({name}) makes new `param_groups` whenever they are asked for, so "
                "that no learning rate can be set: pass the torch optimizer that it stands for."
            )
        for number, group in enumerate(optimizer.param_groups):
            rate = group.get("lr")
            if rate is None or not (math.isfinite(rate) and rate >= 0):
                raise ValueError(f"`optimizer` has lr={rate!r} in its parameter group {number}.")
            rates.append(float(rate))
    return rates


def warn_of_own_rates(optimizers: Sequence[Optimizer]) -> None:
    """Warn, once, of an optimizer that steps at another rate than that of its groups."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if (group.get("warmup_steps") or 0) > group.get("k", 0):
                said, remedy = "warms its learning rate up by itself", "warmup_steps=0"
            elif group.get("relative_step"):
                said, remedy = "computes a learning rate of its own", "relative_step=False"
            else:
                continue
            warnings.warn(
                f"`optimizer` ({type(optimizer).__name__}) {said}, so that its steps are not made "
                f"at the learning rates of the sweep: test one made with `{remedy}`.",
                stacklevel=3,
            )
            return


def as_optimizers(optimizer: Optimizer | Sequence[Optimizer]) -> tuple[Optimizer, ...]:
    """One optimizer or several, as a tuple.

    Raises:
        TypeError: Something else.
    """
    optimizers = tuple(optimizer) if isinstance(optimizer, list | tuple) else (optimizer,)
    for each in optimizers:
        if not hasattr(each, "param_groups"):
            raise TypeError(f"`optimizer` must be a torch optimizer, got {type(each).__name__}.")
    if not optimizers:
        raise ValueError("`optimizer` is an empty list.")
    return optimizers


def _own_scale(groups: Sequence[dict[str, Any]], rates: list[float]) -> tuple[float, ...]:
    """The learning rate of each group as a multiple of the largest, as the optimizer has them."""
    if any(rates):
        rates = _with_lr_scale(groups, rates)
    else:
        rates = [
            float(group.get("initial_lr", 0.0)) * float(group.get("lr_scale", 1.0))
            for group in groups
        ]
    if not any(rates):
        rates = [float(group.get("lr_scale", 1.0)) for group in groups]
    largest = max(rates)
    return tuple(rate / largest if largest else 1.0 for rate in rates)


def _with_lr_scale(groups: Sequence[dict[str, Any]], rates: list[float]) -> list[float]:
    """The rates, times the `lr_scale` of their groups unless they have it already.

    They have what they will be trained with if an LR scheduler has been made, which leaves an
    `initial_lr`: one of timm has multiplied them then, one of torch never does. A loop that sets
    `lr * lr_scale` itself shows in rates with the ratios of the scales.
    """
    scales = [float(group.get("lr_scale", 1.0)) for group in groups]
    ratios = ([each / max(values) for each in values] for values in (rates, scales))
    scheduled = any("initial_lr" in group for group in groups)
    if scheduled or not any(scales) or all(map(math.isclose, *ratios)):
        return rates
    return [rate * scale for rate, scale in zip(rates, scales, strict=True)]


def _set_rate(group: dict[str, Any], rate: float | torch.Tensor) -> None:
    if isinstance(group["lr"], torch.Tensor):
        # In place: a compiled optimizer step keeps a reference to this tensor.
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate
