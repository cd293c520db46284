"""Sees every optimizer step, and whether it was made at the learning rate that was set."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

from lrfind.sweep.group_rates import GroupRates


class StepWatch:
    """Watches the optimizers of one run by a hook on every optimizer of the process.

    A hook on all, and not on those given, also sees a step through a wrapper, which makes it with
    the optimizer inside: that one is known by its parameters. The hook runs right after the step,
    so that an LR scheduler stepped after the optimizer changes nothing it sees.

    Args:
        optimizers: The optimizers.
        rates: What sets their learning rates.

    Attributes:
        all_stepped: Whether each of them is known to have stepped before the last `saw_step`; not
            of one that leaves it to the device whether a gradient scaler skips its step.
    """

    def __init__(self, optimizers: Sequence[Optimizer], rates: GroupRates) -> None:
        self._optimizers, self._rates = optimizers, rates
        self._numbers: dict[int, int] = {}
        for number, optimizer in enumerate(optimizers):
            self._numbers |= dict.fromkeys(map(id, _parameters(optimizer)), number)
        self._numbers |= {id(optimizer): number for number, optimizer in enumerate(optimizers)}
        self._unseen = {n for n, each in enumerate(optimizers) if not _calls_hooks(each)}
        self._stepped = self._ever = self.all_stepped = False
        self._certain: set[int] = set()
        self._wrong: str | None = None
        self._hook: Any = None
        self._note_tensors()

    def start(self) -> None:
        """Watch from now on."""
        # Not to be traced into a compiled step, which would be compiled again.
        disable: Any = torch.compiler.disable
        self._hook = register_optimizer_step_post_hook(disable(_hook(self), recursive=False))

    def stop(self) -> None:
        """Watch no longer, if it was started."""
        if self._hook is not None:
            self._hook.remove()

    def saw_step(self) -> bool:
        """Whether a step was made since the last call.

        An optimizer that calls no hooks is taken to have made one. Until a step has been seen, so
        are all, unless there are gradients of which no weights have been made.

        Raises:
            RuntimeError: It was made at another learning rate than the one set.
        """
        stepped, self._stepped = self._stepped, False
        self.all_stepped = len(self._certain) == len(self._optimizers)
        self._certain.clear()
        if not stepped and self._unseen:
            self._compare(self._unseen)
        if self._wrong is not None:
            raise RuntimeError(self._wrong)
        if stepped or self._unseen:
            return True
        return not self._ever and not self._only_gradients_moved()

    def after_step(self, optimizer: Optimizer) -> None:
        """Note a step of an optimizer, if it is one of those watched."""
        number = self._numbers.get(id(optimizer))
        if number is None:  # another optimizer, or the one inside a wrapper
            number = self._numbers.get(id(next(_parameters(optimizer), None)))
        if number is not None:
            self._stepped = self._ever = True
            self._unseen.discard(number)
            if not getattr(optimizer, "_step_supports_amp_scaling", False):
                self._certain.add(number)
            if self._wrong is None:
                self._wrong = self._rates.difference(number)

    def _compare(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._wrong = self._wrong or self._rates.difference(number)

    def _only_gradients_moved(self) -> bool:
        """Whether gradients, but no weights, have changed since the tensors were last noted."""
        weights, gradients = self._weights, self._gradients
        moved = any(
            grad is not None and (ref is None or ref() is not grad or grad._version != version)
            for grad, (ref, version) in zip(self._grads(), gradients, strict=False)
        )
        self._note_tensors()
        return moved and self._weights == weights

    def _note_tensors(self) -> None:
        # How often a tensor was changed in place is known on the host, whatever its device.
        self._weights = [each._version for each in self._trained()]
        self._gradients = [
            (None, 0) if grad is None else (weakref.ref(grad), grad._version)
            for grad in self._grads()
        ]

    def _trained(self) -> Iterator[torch.Tensor]:
        return (each for optimizer in self._optimizers for each in _parameters(optimizer))

    def _grads(self) -> Iterator[torch.Tensor | None]:
        return (each.grad for each in self._trained())


def _hook(watch: StepWatch) -> Callable[[Optimizer, Any, Any], None]:
    def hook(optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        watch.after_step(optimizer)

    return hook


def _parameters(optimizer: Optimizer) -> Iterator[torch.Tensor]:
    return (parameter for group in optimizer.param_groups for parameter in group["params"])


def _calls_hooks(optimizer: Any) -> bool:
    """Whether torch has put its hooks around the `step` of an optimizer, or of one it wraps."""
    inside = getattr(optimizer, "__dict__", {}).values()
    return any(
        getattr(getattr(type(each), "step", None), "hooked", False)
        for each in (optimizer, *(each for each in inside if isinstance(each, Optimizer)))
    )
