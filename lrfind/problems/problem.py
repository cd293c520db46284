"""Everything that a range test needs, as one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.optim import Optimizer

from lrfind.checks.controls.record import Controls
from lrfind.checks.controls.run import controls
from lrfind.checks.verification.answering import Suggested
from lrfind.checks.verification.find_lr import find_lr
from lrfind.checks.verification.record import Verification
from lrfind.checks.verification.verify import verify
from lrfind.loop.forward import LossFn
from lrfind.loop.options import LOOP_DEFAULTS
from lrfind.loop.range_test import ARGUMENTS, range_test
from lrfind.result.range_test_result import RangeTestResult
from lrfind.support.option_names import not_an_argument

FIND_LR_TAKES = (*LOOP_DEFAULTS, "start_lr", "end_lr", "diverge_th")
"""The options that `find_lr` takes; the budget determines the others."""


@dataclass(frozen=True)
class Problem:
    """A model with all that its range test needs, as returned by a function for `lrfind run`.

    Attributes:
        model: The model.
        optimizer: Its optimizer, or several that step together.
        loss_fn: The loss function; None if the model returns its loss, or with `forward` or `step`.
        train_loader: Any iterable of batches.
        options: Further arguments of `range_test`, such as `forward` or `num_iter`.

    Raises:
        TypeError: `options` holds anything else.
    """

    model: torch.nn.Module
    optimizer: Optimizer | Sequence[Optimizer]
    loss_fn: LossFn | None
    train_loader: Iterable[Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.options:
            if name not in ARGUMENTS:
                raise TypeError(not_an_argument("options", name, ARGUMENTS))

    def range_test(self, **settings: Any) -> RangeTestResult:
        """Run the range test of this problem; see `lrfind.range_test`.

        Args:
            settings: Arguments of `lrfind.range_test`; they take precedence over `options`.

        Returns:
            The sweep as an immutable record, with the analysis as methods.
        """
        return range_test(*self._parts, **{**self.options, **settings})

    def controls(self, result: RangeTestResult, **settings: Any) -> Controls:
        """Run the controls of a sweep of this problem; see `lrfind.controls`.

        Args:
            result: What `range_test` returned.
            settings: Arguments of `lrfind.controls`; they take precedence over the loop options of
                `result`, and these over those in `options`. By default a frozen-weights control is
                run unless there is a `step`.

        Returns:
            The runs, with their analysis as methods.
        """
        options = {**self._of_loop(result), **settings}
        frozen = options.get("step") is None
        return controls(*self._parts, result, **{"frozen": frozen, **options})

    def verify(self, suggestion: Suggested = None, **settings: Any) -> Verification:
        """Check a suggestion by short training runs; see `lrfind.verify`.

        Args:
            suggestion: A result, its suggestion, an earlier verification, or a learning rate.
            settings: Arguments of `lrfind.verify`; they take precedence over the loop options of
                the result, if there is one, and these over those in `options`.

        Returns:
            The trials, and the learning rate to train with.
        """
        options = self._of_loop(suggestion, settings.get("result"))
        return verify(*self._parts, suggestion, **{**options, **settings})

    def find_lr(self, **settings: Any) -> Verification:
        """Find a learning rate within a budget of steps; see `lrfind.find_lr`.

        Args:
            settings: Arguments of `lrfind.find_lr`; they take precedence over `options`. Options
                that `find_lr` does not take are ignored.

        Returns:
            The learning rate with an interval and a verdict, and the trials it is based on.
        """
        return find_lr(*self._parts, **{**self._among(FIND_LR_TAKES), **settings})

    @property
    def _parts(self) -> tuple[Any, Any, Any, Any]:
        return self.model, self.optimizer, self.loss_fn, self.train_loader

    def _of_loop(self, *sources: object) -> dict[str, Any]:
        """The loop options; those of the first result among the sources take precedence."""
        results = [each for each in sources if isinstance(each, RangeTestResult)]
        kept = results[0].loop_options if results else {}
        return {**self._among(LOOP_DEFAULTS), **kept}

    def _among(self, names: Iterable[str]) -> dict[str, Any]:
        return {name: self.options[name] for name in names if name in self.options}


def as_problem(made: object, maker: str) -> Problem:
    """Convert what a user's function returned to a `Problem`.

    Args:
        made: A `Problem`, or `(model, optimizer, loss_fn, train_loader)`.
        maker: Name of the function, for the error message.

    Raises:
        ValueError: `made` is neither.
    """
    if isinstance(made, Problem):
        return made
    if isinstance(made, tuple) and len(made) == 4:
        return Problem(*made)
    raise ValueError(
        f"{maker} must return (model, optimizer, loss_fn, train_loader) or an lrfind.Problem, got "
        f"{type(made).__name__}."
    )
