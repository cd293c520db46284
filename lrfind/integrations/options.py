"""The options that the range tests of all frameworks share: those of `Sweep`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from torch.utils.data import DataLoader

from lrfind.state.kinds import Data
from lrfind.support.option_names import hint
from lrfind.sweep.sweep import Sweep

_TAKEN = [name for name in inspect.signature(Sweep).parameters if name != "optimizer"]


def check_names(options: Mapping[str, Any]) -> None:
    """Refuse an option that `Sweep` does not take, before anything is touched.

    Raises:
        TypeError: An option is unknown; the message names it.
    """
    for name in options:
        if name not in _TAKEN:
            raise TypeError(f"`range_test` has no option `{name}`{hint(name, _TAKEN) or '.'}")


def data_objects(data: Any) -> list[Any]:
    """What to preserve of a loader, several loaders or another iterable; never the data itself."""
    if isinstance(data, Mapping | list | tuple):
        parts = list(data.values() if isinstance(data, Mapping) else data)
        if parts and all(isinstance(part, DataLoader) for part in parts):
            return parts
    if data is None or isinstance(data, DataLoader):
        return [data]
    return [Data(data)]
