"""The modes of torch that code sets for a while, and that an exception may leave set."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch


def mode_restores() -> list[tuple[Callable[[], object]]]:
    """Functions that restore the gradient mode, the default dtype, and autocast."""
    accelerator = torch.accelerator.current_accelerator()
    kinds = {"cpu", *([] if accelerator is None else [accelerator.type])}
    kinds = {kind for kind in kinds if torch.amp.is_autocast_available(kind)}
    return [
        (partial(torch.set_grad_enabled, torch.is_grad_enabled()),),
        (partial(torch.set_default_dtype, torch.get_default_dtype()),),
        (partial(torch.set_autocast_cache_enabled, torch.is_autocast_cache_enabled()),),
        *((partial(torch.set_autocast_enabled, each, torch.is_autocast_enabled(each)),)
          for each in kinds),
        *((partial(torch.set_autocast_dtype, each, torch.get_autocast_dtype(each)),)
          for each in kinds),
    ]  # fmt: skip
