"""Random number generators: saving their state so that it can be restored."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

import numpy as np
import torch

Restore = Callable[[], object]

GENERATORS = (torch.Generator, random.Random, np.random.Generator, np.random.RandomState)
"""The types of generators whose state can be read and set."""


SEEDS = 2**64
"""Number of the seeds that torch takes, from 0 up."""


def generator_restore(generator: object) -> Restore:
    """A function that resets one of the `GENERATORS` to its current state."""
    if isinstance(generator, torch.Generator):
        return partial(generator.set_state, generator.get_state())
    if isinstance(generator, random.Random):
        return partial(generator.setstate, generator.getstate())
    if isinstance(generator, np.random.RandomState):
        return partial(generator.set_state, generator.get_state())
    assert isinstance(generator, np.random.Generator)
    bits = generator.bit_generator
    return partial(setattr, bits, "state", bits.state)


def global_restores() -> list[tuple[Restore]]:
    """Functions that reset the global CPU generators of Python, NumPy and torch."""
    return [
        (partial(random.setstate, random.getstate()),),
        # Legacy, but most code still draws from it.
        (partial(np.random.set_state, np.random.get_state()),),  # noqa: NPY002
        (partial(torch.set_rng_state, torch.get_rng_state()),),
    ]


def device_state(device: torch.device) -> torch.Tensor:
    """The state of the generator of an accelerator."""
    module = torch.get_device_module(device.type)
    # MPS has a single device, and its functions take no index.
    state: torch.Tensor = module.get_rng_state(*[device] * (device.type != "mps"))
    return state


def accelerator_restores() -> list[tuple[Restore]]:
    """Functions that reset the generators of all accelerator devices; initialises no device."""
    device = torch.accelerator.current_accelerator()
    if device is None:
        return []
    module = torch.get_device_module(device.type)
    if not getattr(module, "is_initialized", lambda: True)():
        # Not initialised yet: its only state is the seed that it would start from.
        reseed = getattr(module, "manual_seed_all", module.manual_seed)
        return [(partial(reseed, torch.initial_seed()),)]
    count = torch.accelerator.device_count()
    return [(device_restore(torch.device(device.type, index)),) for index in range(count)]


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch, on every device."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)


def device_restore(device: torch.device) -> Restore:
    """A function that resets the generator of an accelerator to its current state."""
    setter = torch.get_device_module(device.type).set_rng_state
    return partial(setter, device_state(device), *[device] * (device.type != "mps"))
