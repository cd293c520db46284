"""What a range test needs, as one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim import Optimizer

from lrfind.checks.controls.record import Controls
from lrfind.checks.controls.run import controls
from lrfind.checks.verification.record import Verification
from lrfind.checks.verification.run import Suggested, find_lr, verify
from lrfind.loop.forward import LossFn
from lrfind.loop.loop import LoopOptions
from lrfind.loop.range_test import range_test
from lrfind.result.range_test_result import RangeTestResult

NOT_OF_A_TRIAL = frozenset(
    {"start_lr", "end_lr", "num_iter", "step_mode", "diverge_th", "probe_every", "layers"}
)
"""Options of `range_test` that say nothing about a short training at one rate."""

NOT_OF_A_BUDGET = frozenset({"num_iter", "step_mode", "probe_every", "layers"})
"""Those that a budget decides."""


@dataclass(frozen=True)
class Problem:
    """A model and all that its range test needs: what a function for `lrfind run` returns.

    Attributes:
        model: The model.
        optimizer: Its optimizer.
        loss_fn: The loss function; None if the model makes its loss, or for `forward` or `step`.
        train_loader: Any iterable of batches.
        options: Further arguments of `range_test`, such as `forward` or `num_iter`.
    """

    model: torch.nn.Module
    optimizer: Optimizer | Sequence[Optimizer]
    loss_fn: LossFn | None
    train_loader: Iterable[Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    def range_test(self, **settings: Any) -> RangeTestResult:
        """Run the range test of this problem; `settings` go before its own `options`."""
        return range_test(
            self.model,
            self.optimizer,
            self.loss_fn,
            self.train_loader,
            **{**self.options, **settings},
        )

    def controls(self, result: RangeTestResult, **settings: Any) -> Controls:
        """Run the controls of a sweep of this problem.

        Args:
            result: What `range_test` returned; those of `options` that say how to train hold here.
            settings: Further arguments of `controls`; they go before. Without a word there is a
                frozen control unless `options` has a `step`.

        Returns:
            See `controls`.
        """
        how = {key: self.options[key] for key in self.options if key in LoopOptions.__annotations__}
        return controls(
            *self._parts, result, **{"frozen": how.get("step") is None, **how, **settings}
        )

    def verify(self, suggestion: Suggested = None, **settings: Any) -> Verification:
        """Put a suggestion to the test by short trainings; see `lrfind.verify`.

        Args:
            suggestion: A result, its suggestion, an earlier answer, or a rate.
            settings: Arguments of `lrfind.verify`; they go before the problem's own `options`, of
                which those that are about a sweep take no part.

        Returns:
            The trials, and the rate to train with.
        """
        return verify(*self._parts, suggestion, **{**self._without(NOT_OF_A_TRIAL), **settings})

    def find_lr(self, **settings: Any) -> Verification:
        """Spend a budget of steps on finding one rate; see `lrfind.find_lr`.

        Args:
            settings: Arguments of `lrfind.find_lr`; they go before the problem's own `options`, of
                which those that the budget decides take no part.

        Returns:
            The rate with an interval and a verdict, and the trials it rests on.
        """
        return find_lr(*self._parts, **{**self._without(NOT_OF_A_BUDGET), **settings})

    @property
    def _parts(self) -> tuple[Any, Any, Any, Any]:
        return self.model, self.optimizer, self.loss_fn, self.train_loader

    def _without(self, names: frozenset[str]) -> dict[str, Any]:
        return {name: value for name, value in self.options.items() if name not in names}


def as_problem(made: object, maker: str) -> Problem:
    """What a user's function returned, as a `Problem`.

    Args:
        made: A `Problem`, or `(model, optimizer, loss_fn, train_loader)`.
        maker: The function, as an error message should call it.

    Raises:
        ValueError: It is something else.
    """
    if isinstance(made, Problem):
        return made
    if isinstance(made, tuple) and len(made) == 4:
        return Problem(*made)
    raise ValueError(
        f"{maker} must return (model, optimizer, loss_fn, train_loader) or an lrfind.Problem, got "
        f"{type(made).__name__}."
    )
