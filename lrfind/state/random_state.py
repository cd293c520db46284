"""Random number generators: saving their state so that it can be restored."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

Restore = Callable[[], object]

GENERATORS = (torch.Generator, random.Random, np.random.Generator, np.random.RandomState)
"""The types of generators whose state can be read and set."""


SEEDS = 2**64
"""Number of the seeds that torch takes, from 0 up."""


def generator_state(generator: Any) -> Any:
    """The state of one of the `GENERATORS`."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    if isinstance(generator, random.Random):
        return generator.getstate()
    return generator.get_state()


def set_generator_state(generator: Any, state: Any) -> None:
    """Set one of the `GENERATORS` to a state that it had."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, random.Random):
        generator.setstate(state)
    else:
        generator.set_state(state)


def global_state() -> tuple[Any, ...]:
    """The state of the global generators of Python, NumPy and torch, and of the accelerators."""
    return (
        random.getstate(),
        np.random.get_state(),  # noqa: NPY002
        torch.get_rng_state(),
        [device_state(device) for device in _devices()],
    )


def set_global_state(state: tuple[Any, ...]) -> None:
    """Set the global generators to a state that they had, here or in another process."""
    python, legacy, cpu, devices = state
    random.setstate(python)
    np.random.set_state(legacy)  # noqa: NPY002
    torch.set_rng_state(cpu)
    for device, each in zip(_devices(), devices, strict=True):
        setter = torch.get_device_module(device.type).set_rng_state
        setter(each, *[device] * (device.type != "mps"))


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
    if device is not None and not _is_initialized(device):
        # Its only state is the seed that it would start from.
        module = torch.get_device_module(device.type)
        reseed = getattr(module, "manual_seed_all", module.manual_seed)
        return [(partial(reseed, torch.initial_seed()),)]
    return [(device_restore(each),) for each in _devices()]


def _devices() -> list[torch.device]:
    """The accelerator devices; none before the first use of one."""
    device = torch.accelerator.current_accelerator()
    if device is None or not _is_initialized(device):
        return []
    return [torch.device(device.type, n) for n in range(torch.accelerator.device_count())]


def _is_initialized(device: torch.device) -> bool:
    module = torch.get_device_module(device.type)
    return bool(getattr(module, "is_initialized", lambda: True)())


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, NumPy and torch, on every device."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)


def device_restore(device: torch.device) -> Restore:
    """A function that resets the generator of an accelerator to its current state."""
    setter = torch.get_device_module(device.type).set_rng_state
    return partial(setter, device_state(device), *[device] * (device.type != "mps"))
