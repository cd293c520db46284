"""The rules that rescale settings to another batch size, and the limits of each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lrfind.support.arguments import require_number

Settings = Mapping[str, Any]


def ema(settings: Settings, k: float) -> dict[str, Any]:
    """Averages keep their half-life in samples; the learning rate grows with the batch size.

    `beta' = beta**k` for every beta, `lr' = lr * k`; weight decay (as in AdamW and LAMB) and eps
    are unchanged. From batch size b to 1 that is `beta**(1/b)` and `lr / b`, from 1 to b `beta**b`
    and `lr * b`.

    torch's SGD keeps its momentum as a sum: use "ema_sum" for it.

    Assumes: k small steps add up to one large step, that is, the gradient changes little over k
    steps and the step is linear in it. The division by the second moment in Adam and LAMB is not
    linear.

    Source: the article on moving averages and batch size in LAMB from which this project started;
    for the averages alone also Busbridge et al. 2023 (arXiv:2307.13813).
    """
    lr, betas = _rate(settings), _betas(settings)
    new = _powers(betas, k)
    damped = require_number("dampening", settings.get("dampening", 0.0))
    if damped == betas.get("momentum") and damped > 0:
        new["dampening"] = new["momentum"]
    return {"lr": lr * k, **new}


def ema_sum(settings: Settings, k: float) -> dict[str, Any]:
    """The rule "ema" for a momentum that is a sum and not an average, as in torch's SGD.

    `buf = m * buf + grad` is the average times `1 / (1 - m)`. With `m' = m**k` that factor shrinks
    about k-fold, so the rule for the average becomes `lr' = lr * k * (1 - m') / (1 - m)`; with
    `lr * k` the step length would hardly change.

    Assumes: as "ema".

    Source: the rule "ema" (arXiv:2307.13813 for its averages), written for the sum.
    """
    betas = _betas(settings)
    if "momentum" not in betas or "ns_steps" in settings:  # Muon's momentum is an average
        raise ValueError("rule 'ema_sum' is for the `momentum` of SGD: use 'ema'.")
    if require_number("dampening", settings.get("dampening", 0.0)) != 0:
        raise ValueError("rule 'ema_sum' is for a `dampening` of 0: use 'ema'.")
    new = _powers(betas, k)
    return {"lr": _rate(settings) * k * (1 - new["momentum"]) / (1 - betas["momentum"]), **new}


def linear(settings: Settings, k: float) -> dict[str, Any]:
    """The learning rate grows with the batch size, `lr' = lr * k`; all else is unchanged.

    Assumes: SGD, and a gradient that changes little over k steps. According to its authors it fails
    beyond some batch size, and in the first epochs without a gradual warm-up.

    Source: Goyal et al. 2017 (arXiv:1706.02677), section 2.1.
    """
    if "betas" in settings or ("eps" in settings and "dampening" not in settings):
        raise ValueError(
            "rule 'linear' is for SGD, but these are settings of an adaptive optimizer (they have "
            "`betas` or `eps`): use 'sqrt' or 'ema'."
        )
    return {"lr": _rate(settings) * k}


def sqrt(settings: Settings, k: float) -> dict[str, Any]:
    """The learning rate grows with the square root of the batch size, for Adam and RMSprop.

    `lr' = lr * sqrt(k)`, `beta' = 1 - k * (1 - beta)` for every beta, `eps' = eps / sqrt(k)`.

    Assumes: Adam or RMSprop (whose beta is torch's `alpha`) with gradient noise larger than the
    mean gradient, and averages longer than one step, `k * (1 - beta) < 1`; otherwise an error is
    raised. The rule does not cover weight decay, which is unchanged.

    Source: Malladi et al. 2022 (arXiv:2205.10287), the square root scaling rules for RMSprop and
    Adam.
    """
    betas = _betas(settings)
    if betas.pop("momentum", 0.0) or not (betas.keys() & {"betas", "alpha"}):
        raise ValueError(
            "rule 'sqrt' is for Adam, and RMSprop without momentum, and needs their `betas` or "
            "`alpha`: use 'linear' or 'ema'."
        )
    root = math.sqrt(k)
    new: dict[str, Any] = {"lr": _rate(settings) * root}
    if "eps" in settings:
        new["eps"] = require_number("eps", settings["eps"]) / root
    return new | _each(betas, lambda name, beta: _linearised(name, beta, k))


def half_life(settings: Settings, k: float) -> dict[str, Any]:
    """Every average keeps its half-life in samples; the learning rate and all else are unchanged.

    `beta' = beta**k` for every beta, whose half-life is `ln(0.5) / ln(beta)` steps.

    Assumes: nothing about the learning rate, which should be searched anew (by a range test).

    Source: Busbridge et al. 2023 (arXiv:2307.13813), for the average of the weights; Marek et al.
    2025 (arXiv:2507.07101), for the second of Adam's betas, in tokens.
    """
    betas = _betas(settings)
    if not betas:
        raise ValueError(
            f"rule 'half_life' needs one of {', '.join(f'`{name}`' for name in BETAS)}."
        )
    return _powers(betas, k)


RULES: dict[str, Callable[[Settings, float], dict[str, Any]]] = {
    "ema": ema,
    "ema_sum": ema_sum,
    "linear": linear,
    "sqrt": sqrt,
    "half_life": half_life,
}
"""Every rule, as a function of (settings, new / old batch size) that returns what it changes."""

BETAS = ("betas", "beta", "momentum", "alpha")
"""The settings that are weights of the old value in an average, by torch's names."""


def _rate(settings: Settings) -> float:
    if "lr" not in settings:
        raise ValueError("`settings` must hold `lr` for this rule.")
    lr = require_number("lr", settings["lr"])
    if not (math.isfinite(lr) and lr >= 0):
        raise ValueError(f"`lr` must be finite and at least 0, got {lr!r}.")
    return lr


def _betas(settings: Settings) -> dict[str, Any]:
    """The `BETAS` among the settings, checked: floats, `betas` a tuple of floats."""
    found = {name: settings[name] for name in BETAS if name in settings}
    if "eps" not in settings:
        found.pop("alpha", None)  # ASGD's `alpha`, which is an exponent
    if not isinstance(found.get("betas", ()), Sequence):
        raise TypeError(f"`betas` must be a tuple of numbers, got {found['betas']!r}.")
    return _each(found, _weight)


def _each(betas: Mapping[str, Any], change: Callable[[str, Any], float]) -> dict[str, Any]:
    """Apply `change(name, beta)` to every beta."""
    return {
        name: tuple(change(name, beta) for beta in value)
        if name == "betas"
        else change(name, value)
        for name, value in betas.items()
    }


def _powers(betas: Mapping[str, Any], k: float) -> dict[str, Any]:
    return _each(betas, lambda name, beta: scaled_power(name, beta, k))


def _weight(name: str, value: object) -> float:
    beta = require_number(name, value)
    if not 0 <= beta < 1:
        raise ValueError(f"`{name}` must be in [0, 1), got {value!r}.")
    return beta


def scaled_power(name: str, beta: float, k: float) -> float:
    """`beta**k`; raises if it rounds to 0 or 1."""
    new = math.pow(beta, k)
    if new >= 1 or (new == 0 < beta):
        raise ValueError(
            f"`{name}` of {beta:g} would become {new:g} at {k:g} times the batch size: the average "
            f"would be {'shorter' if new == 0 else 'longer'} than a float can represent."
        )
    return new


def _linearised(name: str, beta: float, k: float) -> float:
    new = 1 - k * (1 - beta)
    if not (0 < new < 1 and beta > 0):
        raise ValueError(
            f"`{name}` of {beta:g} would become {new:g} at {k:g} times the batch size: rule 'sqrt' "
            "holds where gradient noise dominates and averages are longer than a step, before and "
            "after, so beta must be above 0 and k * (1 - beta) below 1. Use a batch size closer to "
            "the old one, or rule 'ema' or 'half_life'."
        )
    return new
