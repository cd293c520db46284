"""Rescales optimizer settings, or a smoothing beta, to another batch size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, overload

from lrfind.batch_size.rules import RULES, Settings, scaled_power
from lrfind.support.arguments import require_beta, require_choice, require_count


class HasParamGroups(Protocol):
    """Any optimizer: an object with parameter groups."""

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups, each a dictionary of settings."""


@overload
def rescale(settings: Settings, old_batch: int, new_batch: int, *, rule: str) -> dict[str, Any]: ...


@overload
def rescale(
    settings: HasParamGroups, old_batch: int, new_batch: int, *, rule: str
) -> list[dict[str, Any]]: ...


def rescale(
    settings: Settings | HasParamGroups, old_batch: int, new_batch: int, *, rule: str
) -> dict[str, Any] | list[dict[str, Any]]:
    """Convert optimizer settings for batch size `old_batch` to settings for `new_batch`.

    There is no default rule, since none holds everywhere. Each rule documents its formula,
    assumptions and source; with `k = new_batch / old_batch`:

    - "ema": `lr * k`, `beta**k` (see `ema`), for small steps along a slowly changing gradient;
    - "ema_sum": `lr * k * (1 - m**k) / (1 - m)`, `m**k` (see `ema_sum`), the same for the momentum
      of torch's SGD, which is a sum and not an average;
    - "linear": `lr * k` (see `linear`), for SGD;
    - "sqrt": `lr * sqrt(k)`, `1 - k * (1 - beta)`, `eps / sqrt(k)` (see `sqrt`), for Adam and
      RMSprop where gradient noise dominates;
    - "half_life": `beta**k` alone (see `half_life`).

    Args:
        settings: Settings by torch's names, such as `lr`, `betas`, `momentum`, `eps`,
            `weight_decay`; or an optimizer, which is not changed.
        old_batch: The batch size the settings are for, at least 1: the samples per optimizer step,
            over all processes and accumulated batches.
        new_batch: The new batch size, at least 1.
        rule: A key of `RULES`.

    Returns:
        New settings; those that the rule does not change are copied. For an optimizer a list, one
        per parameter group, without the parameters: apply them with
        `optimizer.param_groups[0].update(new[0])`. Numbers that the rule changes become floats,
        even if the optimizer holds them as tensors.

    Raises:
        TypeError: `settings` is neither, or a setting has the wrong type.
        ValueError: An unknown rule, a rule that does not apply to these settings, or a result
            outside the regime that the rule assumes.

    Example:
        >>> adam = {"lr": 0.001, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}
        >>> new = rescale(adam, 32, 128, rule="sqrt")
        >>> new["lr"], new["eps"], new["weight_decay"]
        (0.002, 5e-09, 0.01)
        >>> [round(beta, 6) for beta in new["betas"]]
        [0.6, 0.996]
        >>> rescale(adam, 32, 512, rule="sqrt")
        Traceback (most recent call last):
        ValueError: `betas` of 0.9 would become -0.6 ...
    """
    change = RULES[require_choice("rule", rule, RULES)]
    k = _ratio(old_batch, new_batch)
    if isinstance(settings, Mapping):
        return {**settings, **change(settings, k)}
    if not hasattr(settings, "param_groups"):
        raise TypeError(
            "`settings` must be a mapping of settings or an optimizer, "
            f"got {type(settings).__name__}."
        )
    groups = [
        {name: value for name, value in group.items() if name != "params"}
        for group in settings.param_groups
    ]
    return [{**group, **change(group, k)} for group in groups]


def rescale_beta(beta: float, old_batch: int, new_batch: int) -> float:
    """The smoothing beta that averages over the same number of samples at another batch size.

    `beta' = beta**(new_batch / old_batch)` keeps the half-life in samples, `ln(0.5) / ln(beta)`
    steps times the batch size (Busbridge et al. 2023, arXiv:2307.13813, the EMA scaling rule
    `rho**kappa`). With it, sweeps over the same learning rates and the same number of samples are
    comparable at any batch size. For sweeps over different learning rates see
    `RangeTestResult.beta_over`.

    Args:
        beta: Weight of the old value, in [0, 1).
        old_batch: The batch size it is for, at least 1.
        new_batch: The new batch size, at least 1.

    Returns:
        A beta in [0, 1).

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument is out of range, or the new beta would be 0 or 1.

    Example:
        >>> round(rescale_beta(0.98, 64, 32), 4)
        0.9899
    """
    return scaled_power("beta", require_beta(beta), _ratio(old_batch, new_batch))


def _ratio(old_batch: int, new_batch: int) -> float:
    old = require_count("old_batch", old_batch, least=1)
    return require_count("new_batch", new_batch, least=1) / old
