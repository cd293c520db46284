"""Trains a task at many learning rates and under several schedules side by side.

A lane is one training from scratch: a run (schedule and length) at a rate. All lanes of a seed
start from the same weights and see the same batches, so that a step of all of them is one forward
and one backward pass over weights with a leading dimension. Each lane trains exactly what
`task.build(seed)` trains with an ordinary loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from oracle_optimizers import RULES, Rule, State, Step, evaluated
from oracle_task import OracleTask, Run
from ordinary_training import batches, scheduled
from torch import Tensor, nn
from torch.func import functional_call, vmap

from lrfind import Problem

CHECK_EVERY = 20
"""Steps between looks for lanes whose loss is not finite; only these are given up.

Lanes have come back from ten thousand times their initial loss, under one cycle or where a
schedule-free optimizer averages.
"""
LANES_MEASURED_AT_ONCE = 10
MEASURED = ("validation", "training")


def schedule(task: OracleTask, run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Rate over peak rate, and momentum or first beta, at each step, from torch's own scheduler."""
    optimizer = task.optimizer([nn.Parameter(torch.zeros(1, 1))])
    group = optimizer.param_groups[0]
    group["lr"] = 1.0
    scheduler = scheduled(run.schedule, optimizer, 1.0, run.steps)
    taken = []
    for _ in range(run.steps):
        momentum = group["betas"][0] if "betas" in group else group.get("momentum", 0.0)
        taken.append((group["lr"], momentum))
        if scheduler is not None:
            optimizer.step()
            scheduler.step()
    factors, momenta = np.array(taken).T
    return factors, momenta


@dataclass
class Lanes:
    """Trainings side by side.

    Attributes:
        problem: The ordinary problem, whose weights stay as they are.
        rule: Step of the optimizer.
        place: Which run and which rate a lane is, shape (lanes, 2).
        factors: Learning rate at each step, shape (lanes, steps).
        momenta: Momentum at each step, shape (lanes, steps).
        weights: All weights of a lane in a row.
        buffers: Buffers of the model by name, with a row per lane.
        state: State of the optimizer.
        losses: Mini-batch losses before the last step, shape (lanes,).
    """

    problem: Problem
    rule: Rule
    place: Tensor
    factors: Tensor
    momenta: Tensor
    weights: Tensor = field(init=False)
    buffers: dict[str, Tensor] = field(init=False)
    state: State = field(default_factory=dict)
    losses: Tensor = field(init=False)
    taken: int = 0

    def __post_init__(self) -> None:
        count, model = len(self.place), self.problem.model
        self.shapes = {name: value.shape for name, value in model.named_parameters()}
        row = torch.cat([value.detach().flatten() for value in model.parameters()])
        self.weights = row.repeat(count, 1)
        self.buffers = {
            name: value.expand(count, *value.shape).clone() for name, value in model.named_buffers()
        }
        self.losses = torch.zeros(count)

    def advance(self, inputs: Tensor, targets: Tensor) -> None:
        """One step of every lane on the same mini-batch."""
        self.weights.requires_grad_()
        losses = self._losses(self.weights, inputs, targets, None)
        (grads,) = torch.autograd.grad(losses.sum(), self.weights)
        self.weights = self.weights.detach()
        step = Step(
            self.taken + 1,
            self.factors[:, self.taken, None],
            self.momenta[:, self.taken, None],
            self.problem.optimizer.param_groups[0],
            tuple(self.shapes.values()),
        )
        self.rule(self.weights, grads, self.state, step)
        self.losses = losses.detach()
        self.taken += 1

    def _losses(
        self, weights: Tensor, inputs: Tensor, targets: Tensor, chunk_size: int | None
    ) -> Tensor:
        """The loss of every lane, shape (lanes,)."""
        model, loss_fn = self.problem.model, self.problem.loss_fn

        def loss(parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
            return loss_fn(functional_call(model, (parameters, buffers), (inputs,)), targets)

        parts = weights.split([shape.numel() for shape in self.shapes.values()], dim=1)
        named = zip(self.shapes.items(), parts, strict=True)
        parameters = {name: part.unflatten(1, shape or (1,)) for (name, shape), part in named}
        return vmap(loss, chunk_size=chunk_size)(parameters, self.buffers)

    @torch.no_grad()
    def measure(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of every lane in eval mode."""
        momentum = self.momenta[:, max(0, self.taken - 1), None]
        weights = evaluated(self.weights, self.state, momentum)
        self.problem.model.eval()
        losses = self._losses(weights, inputs, targets, LANES_MEASURED_AT_ONCE)
        self.problem.model.train()
        return losses

    def keep(self, wanted: Tensor) -> None:
        """Go on with some of the lanes only."""
        if bool(wanted.all()):
            return
        for name in ("place", "factors", "momenta", "weights", "losses"):
            setattr(self, name, getattr(self, name)[wanted])
        for rows in (self.buffers, self.state):
            rows.update({name: value[wanted] for name, value in rows.items()})


def start(
    task: OracleTask, seed: int, runs: Sequence[Run], rates: np.ndarray, dtype: torch.dtype
) -> Lanes:
    """Untrained lanes, one for every run and rate."""
    longest = max(run.steps for run in runs)
    place = torch.cartesian_prod(torch.arange(len(runs)), torch.arange(len(rates)))
    problem = task.build(seed)
    problem.model.to(dtype).train()
    factors, momenta = torch.zeros(2, len(runs), longest, dtype=torch.float64)
    for number, run in enumerate(runs):
        found = schedule(task, run)
        factors[number, : run.steps], momenta[number, : run.steps] = map(torch.as_tensor, found)
    lr = factors[place[:, 0]] * torch.as_tensor(rates)[place[:, 1], None]
    return Lanes(problem, RULES[task.optimizer_class], place, lr, momenta[place[:, 0]])


def train(
    task: OracleTask,
    seed: int,
    *,
    runs: Sequence[Run] | None = None,
    rates: np.ndarray | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Train every run at every rate.

    Args:
        task: The task.
        seed: Of the weights and batches.
        runs: Those of the task by default.
        rates: Peak rates; those of the task by default.
        dtype: Of weights and real-valued samples.

    Returns:
        Validation and training loss before training, shape (2,); for each run, the same two at its
        horizons, shape (2, horizons, rates), infinite where the training blew up.
    """
    runs, rates = runs or task.runs, task.rates if rates is None else rates
    lanes = start(task, seed, runs, rates, dtype)
    measured = {name: _cast(*data, dtype) for name, data in task.measured().items()}
    samples = _cast(*task.split()[0], dtype)
    initial = np.array([float(lanes.measure(*measured[name])[0]) for name in MEASURED])
    kept = [np.full((2, len(run.horizons), len(rates)), np.inf) for run in runs]
    for positions in task.batch_positions(seed, lanes.factors.shape[1]):
        lanes.advance(*(each[positions] for each in samples))
        if any(lanes.taken in run.horizons for run in runs):
            _judge(lanes, runs, [lanes.measure(*measured[name]) for name in MEASURED], kept)
        if lanes.taken % CHECK_EVERY == 0:
            lanes.keep(lanes.losses.isfinite())
        if not len(lanes.place):
            break
    return initial, kept


def train_ordinarily(
    task: OracleTask, seed: int, run: Run, rate: float, *, dtype: torch.dtype = torch.float32
) -> np.ndarray:
    """The same training in an ordinary loop: what `train` must agree with.

    Returns:
        Validation and training loss after the run, shape (2,).
    """
    problem = task.build(seed)
    model, optimizer = problem.model.to(dtype), problem.optimizer
    for group in optimizer.param_groups:
        group["lr"] = rate
    scheduler = scheduled(run.schedule, optimizer, rate, run.steps)
    _turn(optimizer, "train")
    for inputs, targets in batches(problem.train_loader, run.steps):
        given, wanted = _cast(inputs, targets, dtype)
        optimizer.zero_grad()
        problem.loss_fn(model(given), wanted).backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    _turn(optimizer, "eval")
    model.eval()
    with torch.no_grad():
        measured = [_cast(*task.measured()[name], dtype) for name in MEASURED]
        return np.array([float(problem.loss_fn(model(x), y)) for x, y in measured])


def _turn(optimizer: torch.optim.Optimizer, mode: str) -> None:
    """Schedule-free optimizers have modes."""
    if hasattr(optimizer, mode):
        getattr(optimizer, mode)()


def _cast(inputs: Tensor, targets: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    one, two = (each.to(dtype) if each.is_floating_point() else each for each in (inputs, targets))
    return one, two


def _judge(lanes: Lanes, runs: Sequence[Run], losses: list[Tensor], kept: list[np.ndarray]) -> None:
    """Note the losses of the lanes that have a horizon here; end those for which it is the last."""
    for lane, (run, rate) in enumerate(lanes.place.tolist()):
        if lanes.taken in runs[run].horizons:
            found = np.array([float(each[lane]) for each in losses])
            at = runs[run].horizons.index(lanes.taken)
            kept[run][:, at, rate] = np.where(np.isfinite(found), found, np.inf)
    steps = torch.tensor([run.steps for run in runs])
    lanes.keep(lanes.taken < steps[lanes.place[:, 0]])
