"""Values noted beside the losses of a sweep, after some steps or after all."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from lrfind.support.arguments import require_number
from lrfind.support.arrays import Array
from lrfind.support.process_group import mean_over_ranks


class Series:
    """One value per step that has one; those on a device stay there until they are asked for.

    Args:
        name: What the values are, for error messages.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._values: dict[int, torch.Tensor | float] = {}

    def note(self, step: int, value: torch.Tensor | float) -> None:
        """Note the value of a step, which may change afterwards.

        Raises:
            TypeError: It is not one number.
        """
        if isinstance(value, torch.Tensor) and value.numel() == 1:
            self._values[step] = value.detach().reshape(()).clone()
        else:
            self._values[step] = require_number(self._name, value)

    def average_over_ranks(self) -> None:
        """Replace the values by their means over all ranks."""
        means = mean_over_ranks(np.array(self._numbers()))
        self._values = dict(zip(self._values, means.tolist(), strict=True))

    def noted(self, count: int) -> NDArray[np.bool_]:
        """Shape `(count,)`: which of the first steps have a value."""
        return np.isin(np.arange(count), list(self._values))

    def by_step(self, count: int) -> Array:
        """The values of the first steps, NaN for those without; empty if there is none at all."""
        if not self._values:
            return np.empty(0)
        array = np.full(max(count, *self._values) + 1, np.nan)
        array[list(self._values)] = self._numbers()
        return array[:count]

    def _numbers(self) -> list[float]:
        """The values as numbers, those on a device read back together."""
        values = self._values.values()
        tensors = [value for value in values if isinstance(value, torch.Tensor)]
        read = iter(torch.stack(tensors).tolist() if tensors else [])
        return [next(read) if isinstance(v, torch.Tensor) else float(v) for v in values]
