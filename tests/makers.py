"""What several tests make.

Small trainings and all of their state, builds for workers, results whose minima are known, and what
reads back a picture or a pair of processes.
"""

import json
import math
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import stdtrit
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lrfind import Controls, Problem, RangeTestResult, RepeatSet, StopReason, Verification
from lrfind.analysis.calibration import TASKS
from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.question import ask
from lrfind.analysis.suggestion import suggest as answer_to
from lrfind.checks.verification.trial import Trial
from lrfind.repeats.runs import Run
from lrfind.result.constant_run import ConstantRun
from lrfind.result.settings import SweepSettings
from lrfind.state.random_state import seed_everything

# Places and names.

TESTS = Path(__file__).parent
ROOT = TESTS.parent
BEFORE = TESTS / "fixtures" / "5a026df"
"""Files that the version of that commit wrote."""
README = (ROOT / "README.md").read_text()
SWEEP_FILES = [
    "beta.png", "journal.jsonl", "range_test.png", "report.html", "result.csv", "result.json",
]  # fmt: skip
"""What the command writes of a sweep."""
TRIAL_FILES = ["verification.json", "verification.png"]
"""What it writes of a verification."""


# Small trainings, and all of their state.

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=3, history_size=4),
}


class Counting(nn.Module):
    """A module with state that no `state_dict` holds: a counter and a hidden tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.hidden = torch.zeros(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.hidden = self.hidden * 0.5 + x.detach().mean()
        return x + 0.01 * self.hidden


def make_model() -> nn.Module:
    """Batch norm (one frozen in eval mode), dropout, a frozen layer and a stateful module."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Linear(6, 16),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.3),
        Counting(),
        nn.Linear(16, 16),
        nn.BatchNorm1d(16),
        nn.Linear(16, 3),
    )
    model[5].weight.requires_grad_(False)
    model[6].eval()
    return model


def trainable(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def make_loader(**options: Any) -> DataLoader:
    """96 points, shuffled by a generator of the loader's own."""
    rng = torch.Generator().manual_seed(2)
    x = torch.randn(96, 6, generator=rng)
    y = torch.randint(0, 3, (96,), generator=rng)
    options = {
        "dataset": TensorDataset(x, y),
        "batch_size": 8,
        "shuffle": True,
        "generator": rng,
    } | options
    return DataLoader(**options)


loss_fn = nn.CrossEntropyLoss()


def accuracy(model: nn.Module, batch: Any) -> torch.Tensor:
    """A metric."""
    return (model(batch[0]).argmax(1) == batch[1]).float().mean()


def train(model: nn.Module, optimizer: torch.optim.Optimizer, loader: Any, steps: int):
    """The losses of that many ordinary training steps."""
    losses: list[float] = []
    for x, y in forever(loader):

        def closure(x: torch.Tensor = x, y: torch.Tensor = y) -> torch.Tensor:
            optimizer.zero_grad()
            loss = loss_fn(model(x), y)
            loss.backward()
            return loss

        losses.append(optimizer.step(closure).item())
        if len(losses) == steps:
            return losses
    raise AssertionError


def forever(loader: Any) -> Iterator[Any]:
    while True:
        yield from loader


class Counted:
    """Counts the steps of an optimizer from now on, and notes the rate of each."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.rates: list[float] = []
        self._hook = optimizer.register_step_pre_hook(
            lambda optimizer, args, kwargs: self.rates.append(optimizer.param_groups[0]["lr"])
        )

    def stop(self) -> None:
        self._hook.remove()


def learning(optimizer="momentum", steps=3, **loader):
    """A model, optimizer and loader with something to learn, some steps into a training."""
    model, batches = make_model(), make_loader(**loader)
    inputs, labels = batches.dataset.tensors
    labels.copy_(inputs[:, :3].argmax(1))
    made = OPTIMIZERS[optimizer](trainable(model))
    if steps:
        train(model, made, batches, steps)
    return model, made, batches


class Valley(nn.Module):
    """Loss w^2 / 2, on which SGD multiplies w by 1 - lr; batches do not matter."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(1.0, dtype=torch.float64))

    def forward(self) -> torch.Tensor:
        return self.w**2 / 2


def valley():
    """The four arguments of a training in it, with `valley_loss` for its `forward`."""
    model = Valley()
    return model, torch.optim.SGD(model.parameters(), lr=0.5), None, [(0,)] * 5


def valley_loss(model, batch):
    return model()


def valley_step(model, optimizer):
    """A training step in it of one's own, for `step`."""

    def step(batch):
        optimizer.zero_grad()
        loss = model()
        loss.backward()
        optimizer.step()
        return loss

    return step


def valley_losses(lr, steps):
    """Before each of so many steps."""
    return (1 - lr) ** (2 * np.arange(steps)) / 2


class Walled(nn.Module):
    """A wide bowl behind a steep wall, and a flat plain on the far side.

    Small steps slide down the wall into the bowl, which bears rates up to 20; one large step from
    the top of the wall lands on the plain, where nothing moves any more.
    """

    def __init__(self, start: float = 4.0) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.tensor(start))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        bowl = self.place**2 / 20 + 5 * (self.place - 2).clamp(min=0)
        plain = torch.where(self.place < -6, 11.0, bowl)
        return plain + 0 * batch.sum() + 0 * self.place


def walled(start=4.0):
    """The four arguments of a training over it."""
    model = Walled(start)
    return model, torch.optim.SGD(model.parameters(), lr=0.1), None, [torch.zeros(1)] * 8


WALLED = {"start_lr": 1e-4, "end_lr": 1e3, "progress": False}
"""How it is swept."""


class Untouchable(list):
    """A loader that must not be asked for a batch."""

    def __iter__(self):
        raise AssertionError("a batch was taken")


class Trained:
    """A model with its loader, two optimizers, their schedulers and a scaler."""

    def __init__(self) -> None:
        self.model, self.loader = make_model(), make_loader()
        first, second = trainable(self.model)[:2], trainable(self.model)[2:]
        self.optimizers = [
            torch.optim.Adam([{"params": first[:1]}, {"params": first[1:], "lr": 0.02}], lr=0.01),
            torch.optim.SGD(second, lr=torch.tensor(0.1), momentum=0.9),
        ]
        schedulers = torch.optim.lr_scheduler
        self.schedulers = [
            schedulers.CosineAnnealingLR(self.optimizers[0], 20),
            schedulers.ReduceLROnPlateau(self.optimizers[1]),
        ]
        self.scaler = torch.amp.GradScaler("cpu", init_scale=64.0)


class Stateful:
    """Anything with the state_dict protocol."""

    def __init__(self) -> None:
        self.value = [1]

    def state_dict(self) -> dict[str, Any]:
        return {"value": self.value}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.value = state["value"]


def everything(model: nn.Module, optimizer: torch.optim.Optimizer, loader: Any) -> Any:
    """All state of a training run as plain, comparable values: tensors as bytes."""
    return plain(
        {
            "parameters": [(n, p, p.grad, p.requires_grad) for n, p in model.named_parameters()],
            "buffers": list(model.named_buffers()),
            "modes": [module.training for module in model.modules()],
            "attributes": [
                {k: v for k, v in vars(module).items() if not k.startswith("_")}
                for module in model.modules()
            ],
            "state": [(i, optimizer.state.get(p)) for i, p in enumerate(model.parameters())],
            "state_size": len(optimizer.state),
            "groups": optimizer.param_groups,
            "loader": getattr(loader, "generator", None),
            "random": [random.getstate(), np.random.get_state(), torch.get_rng_state()],  # noqa: NPY002
        }
    )


def plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.detach().numpy().tobytes()
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, torch.Generator):
        return plain(value.get_state())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


# Functions that make a problem, imported by worker processes under this module's name.


def regression(width=8, optimizer="sgd", batch_size=8, scale=1.0):
    """Draws from NumPy and torch; weights, data and order follow from the seed."""
    data = TensorDataset(torch.randn(64, 4) * scale, torch.randn(64, 1))
    model = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Dropout(0.1), nn.Linear(width, 1))
    with torch.no_grad():
        model[0].weight += float(np.random.normal())  # noqa: NPY002
    make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[optimizer]
    return (
        model,
        make(model.parameters(), lr=0.1),
        nn.MSELoss(),
        DataLoader(data, batch_size, shuffle=True),
    )


SHORT = {"num_iter": 20, "start_lr": 1e-4}


def by_hand(seed, **settings):
    """A run of `regression` as a person would make it."""
    seed_everything(seed)
    return Problem(*regression(**settings)).range_test(**SHORT)


def all_generators(width=8):
    """Draws from Python's generator too, which other threads of a Dask worker draw from."""
    return regression(width, scale=1 + random.random())


def as_problem(width=8):
    return Problem(*regression(width), options={"num_iter": 25, "start_lr": 1e-5})


def own_seed():
    seed_everything(1)
    return regression()


def picky(seed, width=8):
    if seed == 1:
        raise RuntimeError(f"no data for {seed}")
    return regression(width)


def mortal(seed, marker, width=8):
    """The worker with seed 1 dies, but only the first time."""
    if seed == 1 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return regression(width)


def deadly(seed, parent):
    """Seed 1 kills every worker, though never the tests."""
    if seed == 1:
        assert os.getpid() != parent
        os.kill(os.getpid(), signal.SIGKILL)
    return regression()


def counted(seed, folder):
    """Leaves a file for each time it is called."""
    names = len(list(Path(folder).iterdir()))
    (Path(folder) / f"{seed}-{names}-{os.getpid()}").touch()
    return regression()


# Losses whose shape is known, and their curves.


def curves_of(loss, decades=8.0):
    """The curves of a loss whose rates span that many decades up to 10."""
    return SweepCurves(np.geomspace(10 ** (1 - decades), 10, len(loss)), loss)


def suggest(curves, *, group_scale=(1.0,), **question):
    """The answer to a question, of curves without a record."""
    return answer_to(curves, ask(**question), group_scale=group_scale)


def typical_loss(seed=0, noise=0.02, size=100):
    """A plateau, a descent, an explosion."""
    steps = np.linspace(0, 100, size)
    loss = 2.3 - 2 / (1 + np.exp(-(steps - 60) / 4)) + np.exp(np.minimum((steps - 85) / 2, 3))
    return loss + np.random.default_rng(seed).normal(scale=noise, size=size)


def correlated(size, correlation, seed):
    """Noise of deviation 1 with the lag-1 autocorrelation given, of a seed or a generator."""
    fresh = np.random.default_rng(seed).normal(size=size)
    values = np.empty(size)
    values[0] = fresh[0]
    for step in range(1, size):
        values[step] = correlation * values[step - 1] + np.sqrt(1 - correlation**2) * fresh[step]
    return values


# Results whose minima are known.

SETTINGS = SweepSettings(1e-7, 10.0, 100, "exp", 4.0)


def make_result(loss=None, **changes):
    lr = np.geomspace(1e-7, 10, 100)
    if loss is None:
        steps = np.arange(100)
        loss = 2.3 - 2 / (1 + np.exp(-(steps - 60) / 4)) + np.exp((steps - 85) / 5)
    return RangeTestResult(
        lr=lr[: len(loss)], loss=loss, stop_reason=StopReason.DIVERGED, settings=SETTINGS, **changes
    )


def noisy_result(**changes):
    """The same with the noise of batches."""
    noise = np.random.default_rng(0).normal(scale=0.05, size=100)
    return make_result(make_result().loss + noise, **changes)


# Controls and verifications of such results.

N = 100
BATCHES = np.random.default_rng(0).normal(0, 0.05, N)
FALLEN = 0.3 * np.arange(N) / N


def make_controls(frozen=True, suggested=None, drift=FALLEN, **changes):
    """A sweep of which 0.3 of the fall at its end is time, and whose wiggle is all data."""
    result = make_result(make_result().loss - drift + BATCHES, **changes)
    constant = ConstantRun(1e-7, 2.3 - drift + BATCHES)
    return Controls(result, constant, suggested, 2.3 + BATCHES if frozen else np.empty(0))


def make_trial(lr, halfway, end):
    """A short training that came to those losses; one whose end is not finite has blown up."""
    losses = [2.0, 1.5, 1.2, 1.0] if math.isfinite(end) else [2.0, math.nan]
    return Trial(ConstantRun(lr, losses), halfway, end)


def flat_trials(*scores):
    """Trials that stay where they are, so that their scores are those given."""
    return [make_trial(10.0 ** (k / 2 - 3), score, score) for k, score in enumerate(scores)]


def half_of(deviation):
    """Half of a 90 % interval, in decades: its deviation was measured on those tasks."""
    return stdtrit(TASKS - 1, 0.95) * deviation


def make_verification(trials, suggested=None, level=2.0, noise=0.1, **rest):
    return Verification(tuple(trials), suggested, level, noise, 200, **rest)


# Repeated runs, each a parabola.

FIVE = (-1.4, -1.2, -1.0, -0.7, -0.5)


def parabola(best, *, stop=None, steps=81, slope=1.0):
    """A parabola in log10 of the rate, with its minimum at `best`, every tenth of a decade."""
    lr = np.geomspace(1e-6, 1e2, steps)
    # The loss after a step, so that the rate that made it is that of the step before.
    decades = np.log10(np.append(lr[0], lr[:-1]))
    loss = slope * np.minimum((decades - best) ** 2, 4)
    settings = SweepSettings(1e-6, 1e2, steps, "exp", 4.0)
    stop = stop or steps
    ended = StopReason.COMPLETED if stop == steps else StopReason.DIVERGED
    return RangeTestResult(lr[:stop], loss[:stop], ended, settings, group_scale=(1.0, 0.1))


def make_set(*bests, **settings):
    return RepeatSet(tuple(Run(i, settings, parabola(best)) for i, best in enumerate(bests)))


def flat(seed=9, **settings):
    return Run(seed, settings, parabola(0.0, slope=0.0))


def grid():
    return RepeatSet(
        tuple(
            Run(seed, {"size": size, "kind": kind}, parabola(shift + best))
            for size, shift in ((64, 0.0), (16, -1.0))
            for kind in ("a", "b")
            for seed, best in enumerate((-1.2, -1.0, -0.8))
        )
    )


# A pair of processes, and what they saw.

TIMEOUT_S = 180
"""Of the pair: far more than it needs, as the cores may be busy with other tests."""


def torchrun(*arguments, cwd=None):
    """Two processes of this machine, ended if they hang."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    # A free port of its own, so that test runs side by side do not meet.
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0"]
    path = os.environ.get("PYTHONPATH", "")
    return subprocess.run(
        [*command, *map(str, arguments)],
        cwd=cwd, timeout=TIMEOUT_S, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": f"{TESTS}:{path}"},
    )  # fmt: skip


def both(folder, scenario):
    return [json.loads((folder / f"{scenario}.{rank}.json").read_text()) for rank in (0, 1)]


# What a picture shows.


def line(ax, start):
    """The one line whose label starts so, as (x, y)."""
    (found,) = [item for item in ax.get_lines() if str(item.get_label()).startswith(start)]
    return np.asarray(found.get_xdata(), float), np.asarray(found.get_ydata(), float)


# A full disk.


@contextmanager
def files_of_at_most(size):
    """No file may be larger, in this process; more raises, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
