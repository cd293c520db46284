"""Optimizer steps for many lanes at once, the same formulas as the ordinary optimizers.

A lane is one training. Weights, gradients and state have a row per lane; learning rate and
momentum are columns. Every option comes from the ordinary optimizer itself, so that both train
the same; the tests compare them step by step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pytorch_optimizer import Lamb, Lion
from schedulefree import AdamWScheduleFree, SGDScheduleFree
from torch import Tensor
from torch.optim import SGD, Adagrad, Adam, AdamW, Muon, NAdam, Optimizer, RMSprop

State = dict[str, Tensor]
"""By name, shape (lanes, weights) or (lanes, 1)."""


@dataclass(frozen=True)
class Step:
    """What one step of all lanes depends on besides weights and gradients.

    Attributes:
        number: Counted from 1.
        lr: Learning rates, float64, shape (lanes, 1).
        momentum: Momenta, or first betas, float64, shape (lanes, 1).
        options: The parameter group of the ordinary optimizer.
        shapes: Shapes of the parameters that a row of weights holds one after the other.
    """

    number: int
    lr: Tensor
    momentum: Tensor
    options: Mapping[str, Any]
    shapes: tuple[torch.Size, ...]

    @property
    def sizes(self) -> list[int]:
        """Weights of each parameter."""
        return [shape.numel() for shape in self.shapes]


Rule = Callable[[Tensor, Tensor, State, Step], None]
"""Changes weights (lanes, all weights) in place by their gradients."""


def _kept(state: State, name: str, like: Tensor) -> Tensor:
    if name not in state:
        state[name] = torch.zeros_like(like)
    return state[name]


def sgd(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Gradient descent, with momentum (of Nesterov's kind or not) and coupled weight decay."""
    if step.options["weight_decay"]:
        grads = grads.add(weights, alpha=step.options["weight_decay"])
    if step.options["momentum"]:
        momentum = step.momentum.to(weights)
        buffer = _kept(state, "momentum", weights).mul_(momentum).add_(grads)
        grads = grads.addcmul(buffer, momentum) if step.options["nesterov"] else buffer
    weights.addcmul_(grads, -step.lr.to(weights))


def _moments(grads: Tensor, state: State, step: Step) -> tuple[Tensor, Tensor]:
    beta2 = step.options["betas"][1]
    mean, square = _kept(state, "mean", grads), _kept(state, "square", grads)
    mean.lerp_(grads, (1 - step.momentum).to(grads))
    return mean, square.mul_(beta2).addcmul_(grads, grads, value=1 - beta2)


def _root(square: Tensor, step: Step) -> Tensor:
    """The bias-corrected root of the second moment, with epsilon."""
    corrected = 1 - step.options["betas"][1] ** step.number
    return square.sqrt().div_(math.sqrt(corrected)).add_(step.options["eps"])


def _decay(weights: Tensor, step: Step) -> None:
    if step.options["weight_decay"]:
        weights.mul_((1 - step.lr * step.options["weight_decay"]).to(weights))


def adam(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Adam without weight decay."""
    mean, square = _moments(grads, state, step)
    size = step.lr / (1 - step.momentum**step.number)
    weights.addcmul_(mean / _root(square, step), -size.to(weights))


def adamw(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Adam with decoupled weight decay."""
    _decay(weights, step)
    adam(weights, grads, state, step)


def nadam(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Adam with Nesterov's momentum, which grows with the steps."""
    mean, square = _moments(grads, state, step)
    psi = step.options["momentum_decay"]
    now, then = (
        step.momentum * (1 - 0.5 * 0.96 ** (number * psi))
        for number in (step.number, step.number + 1)
    )
    product = state["product"] = state.get("product", torch.ones_like(now)) * now
    root = _root(square, step)
    weights.addcmul_(grads / root, -(step.lr * (1 - now) / (1 - product)).to(weights))
    weights.addcmul_(mean / root, -(step.lr * then / (1 - product * then)).to(weights))


def rmsprop(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Gradients over the root of their mean square."""
    alpha = step.options["alpha"]
    square = _kept(state, "square", grads).mul_(alpha)
    square.addcmul_(grads, grads, value=1 - alpha)
    weights.addcmul_(grads / square.sqrt().add_(step.options["eps"]), -step.lr.to(weights))


def adagrad(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Gradients over the root of the sum of their squares."""
    total = _kept(state, "sum", grads).addcmul_(grads, grads)
    weights.addcmul_(grads / total.sqrt().add_(step.options["eps"]), -step.lr.to(weights))


def lion(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """The sign of an interpolated momentum."""
    _decay(weights, step)
    mean = _kept(state, "mean", grads)
    update = mean.lerp(grads, (1 - step.momentum).to(grads)).sign_()
    mean.lerp_(grads, 1 - step.options["betas"][1])
    weights.addcmul_(update, -step.lr.to(weights))


def lamb(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Adam's step for each parameter scaled to the norm of its weights.

    The library corrects the bias of the first moment alone, and after the norms are taken.
    """
    _decay(weights, step)
    mean, square = _moments(grads, state, step)
    eps = step.options["eps"]
    update = mean / square.sqrt().add_(eps)
    norms = _norms(weights, step).clamp_(max=Lamb.clamp)
    lengths = _norms(update, step)
    trust = torch.where((norms != 0) & (lengths != 0), norms / (lengths + eps), 1.0)
    repeats = torch.tensor(step.sizes)
    update.mul_(trust.repeat_interleave(repeats, dim=1, output_size=update.shape[1]))
    size = step.lr / (1 - step.momentum**step.number)
    weights.addcmul_(update, -size.to(weights))


def _norms(rows: Tensor, step: Step) -> Tensor:
    """Of each parameter, shape (lanes, parameters)."""
    parts = rows.split(step.sizes, dim=1)
    return torch.stack([torch.linalg.vector_norm(part, dim=1) for part in parts], dim=1)


def muon(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Nesterov's momentum, made orthogonal for each matrix."""
    momentum = step.momentum.to(weights)
    buffer = _kept(state, "momentum", grads).lerp_(grads, 1 - momentum)
    update = grads.lerp(buffer, momentum)
    _decay(weights, step)
    parts = zip(weights.split(step.sizes, 1), update.split(step.sizes, 1), step.shapes, strict=True)
    for part, direction, (rows, columns) in parts:
        matrix = _orthogonal(direction.unflatten(1, (rows, columns)), step).flatten(1)
        size = step.lr * math.sqrt(max(1, rows / columns))
        part.sub_(matrix.to(weights) * size.to(weights))


def _orthogonal(matrices: Tensor, step: Step) -> Tensor:
    """The Newton-Schulz iteration of torch's Muon, in bfloat16 as there."""
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.bfloat16()
    x = x.mT if tall else x
    norms = torch.linalg.matrix_norm(x, keepdim=True).clamp(min=step.options["eps"])
    x = x / norms
    a, b, c = step.options["ns_coefficients"]
    for _ in range(step.options["ns_steps"]):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _averaged(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """The schedule-free step along given directions; at a constant rate the average is plain."""
    if "z" not in state:
        state["z"] = weights.clone()
    share = 1 / step.number
    weights.lerp_(state["z"], share)
    lr = step.lr.to(weights)
    weights.addcmul_(grads, lr * (step.momentum.to(weights) * (1 - share) - 1))
    state["z"].addcmul_(grads, -lr)


def schedule_free_sgd(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Schedule-free gradient descent at a constant rate; weights are the point of gradients."""
    _averaged(weights, grads, state, step)


def schedule_free_adamw(weights: Tensor, grads: Tensor, state: State, step: Step) -> None:
    """Schedule-free Adam at a constant rate, without weight decay."""
    beta2 = step.options["betas"][1]
    square = _kept(state, "square", grads).mul_(beta2)
    square.addcmul_(grads, grads, value=1 - beta2)
    root = (square / (1 - beta2**step.number)).sqrt_().add_(step.options["eps"])
    _averaged(weights, grads / root, state, step)


def evaluated(weights: Tensor, state: State, momentum: Tensor) -> Tensor:
    """The weights to judge: those trained, or the average of a schedule-free optimizer."""
    if "z" not in state:
        return weights
    return weights.lerp(state["z"], (1 - 1 / momentum).to(weights))


RULES: dict[type[Optimizer], Rule] = {
    SGD: sgd,
    Adam: adam,
    AdamW: adamw,
    NAdam: nadam,
    RMSprop: rmsprop,
    Adagrad: adagrad,
    Lion: lion,
    Lamb: lamb,
    Muon: muon,
    SGDScheduleFree: schedule_free_sgd,
    AdamWScheduleFree: schedule_free_adamw,
}
