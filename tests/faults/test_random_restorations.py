"""Random models, optimizers, loops and faults: nothing has changed afterwards, to the last bit."""

import random
import warnings

import numpy as np
import pytorch_optimizer
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from whole_state import whole_state

import lrfind


class Fault(Exception):
    """Raised on purpose."""


class Noisy(nn.Module):
    """State of its own: a counter, a buffer, a tensor, a cache made when it is first called."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.calls, self.hidden, self.cache = 0, torch.zeros(1), {}

    def forward(self, x):
        self.calls += 1
        self.mean += 0.1 * x.detach().float().mean()
        self.hidden = self.hidden + 1
        self.cache.setdefault(tuple(x.shape), torch.full((1,), random.random()))
        return x + 0.01 * np.random.rand() + 0.01 * self.mean  # noqa: NPY002


class Tied(nn.Module):
    """One weight at two places, and a scale that is no parameter of a layer."""

    def __init__(self, width):
        super().__init__()
        self.there, self.back = nn.Linear(width, width), nn.Linear(width, width)
        self.back.weight = self.there.weight
        self.scale = nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        return x + self.scale * self.back(torch.tanh(self.there(x)))


LAYERS = [
    lambda width: nn.BatchNorm1d(width),
    lambda width: nn.LayerNorm(width),
    lambda width: nn.Dropout(0.3),
    lambda width: nn.Linear(width, width),
    lambda width: nn.utils.parametrizations.weight_norm(nn.Linear(width, width)),
    lambda width: nn.utils.parametrizations.spectral_norm(nn.Linear(width, width)),
    lambda width: nn.PReLU(),
    lambda width: nn.GELU(),
    lambda width: nn.RReLU(),
    lambda width: Noisy(),
    Tied,
]

OPTIMIZERS = [
    lambda p: torch.optim.SGD(p, lr=0.1),
    lambda p: torch.optim.SGD(p, lr=torch.tensor(0.1), momentum=0.9, nesterov=True),
    lambda p: torch.optim.Adam(p, lr=1e-2, amsgrad=True, foreach=True),
    lambda p: torch.optim.AdamW(p, lr=torch.tensor(1e-2), capturable=False, fused=True),
    lambda p: torch.optim.NAdam(p),
    lambda p: torch.optim.RAdam(p),
    lambda p: torch.optim.RMSprop(p, centered=True, momentum=0.5),
    lambda p: torch.optim.Adagrad(p),
    lambda p: torch.optim.Adadelta(p),
    lambda p: torch.optim.Adamax(p),
    lambda p: torch.optim.ASGD(p),
    lambda p: torch.optim.Rprop(p),
    lambda p: pytorch_optimizer.Lion(p, lr=1e-3),
    lambda p: pytorch_optimizer.Lamb(p, lr=1e-3),
    lambda p: pytorch_optimizer.LARS(p, lr=1e-2),
    lambda p: pytorch_optimizer.AdaBelief(p, lr=1e-3),
    lambda p: pytorch_optimizer.Adan(p, lr=1e-3),
    lambda p: pytorch_optimizer.Lookahead(torch.optim.Adam(p), k=2),
]

SCHEDULERS = [
    lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 2),
    lambda optimizer: torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer),
    lambda optimizer: torch.optim.lr_scheduler.LinearLR(optimizer),
]


class Case:
    """A training drawn by chance."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        draw = self.draw = np.random.default_rng(seed)
        width = int(draw.integers(3, 7))
        parts = [nn.Linear(5, width)]
        for number in draw.integers(len(LAYERS), size=draw.integers(1, 5)):
            parts.append(LAYERS[number](width))
        if draw.random() < 0.3:  # the same layer twice
            parts.append(parts[int(draw.integers(1, len(parts)))])
        self.model = nn.Sequential(*parts, nn.Linear(width, 3))
        self._freeze()
        self.optimizers = self._optimizers()
        self.schedulers = [
            SCHEDULERS[draw.integers(len(SCHEDULERS))](each)
            for each in self.optimizers
            if isinstance(each, torch.optim.Optimizer) and draw.random() < 0.4
        ]
        self.seen = []
        if draw.random() < 0.4:
            self.model[0].register_forward_hook(lambda *_: self.seen.append(1))
        data = TensorDataset(torch.randn(40, 5), torch.randint(0, 3, (40,)))
        own = torch.Generator().manual_seed(seed) if draw.random() < 0.5 else None
        self.loader = DataLoader(data, batch_size=8, shuffle=True, generator=own)
        bf16, scaled = draw.random(size=2) < 0.3
        self.options = {
            "num_iter": int(draw.integers(3, 9)),
            "start_lr": 1e-5,
            "accumulation_steps": int(draw.integers(1, 3)),
            "autocast": torch.bfloat16 if bf16 else None,
            "scaler": torch.amp.GradScaler("cpu", init_scale=16.0) if scaled else None,
            "clip_grad": 1.0 if draw.random() < 0.3 else None,
            "store": str(draw.choice(["cpu", "device"])),
            "layers": bool(draw.random() < 0.3),
            "preserve": self.schedulers,
            "progress": False,
        }

    def _freeze(self):
        for each in list(self.model.parameters())[:-2]:
            each.requires_grad_(bool(self.draw.random() < 0.8))
        for each in self.model:
            each.train(bool(self.draw.random() < 0.8))
        self.model.training = True

    def _optimizers(self):
        trained = [each for each in self.model.parameters() if each.requires_grad]
        cut = int(self.draw.integers(len(trained)))
        first, second = trained[:cut], trained[cut:]
        if not first:
            parts = [second]
        elif self.draw.random() < 0.5:
            parts = [first, second]  # an optimizer each
        else:
            parts = [[{"params": first}, {"params": second, "weight_decay": 0.1}]]
        return [OPTIMIZERS[self.draw.integers(len(OPTIMIZERS))](each) for each in parts]

    def train(self):
        """A few steps of a training before, which leave states and gradients; or none."""
        for _ in range(int(self.draw.integers(3))):
            x, y = next(iter(self.loader))
            nn.functional.cross_entropy(self.model(x), y).backward()
            for each in self.optimizers:
                each.step()
        if self.draw.random() < 0.5:
            self.model.zero_grad(set_to_none=bool(self.draw.random() < 0.5))

    def loss_fn(self):
        """A loss that raises at one call, or never."""
        calls, at = [], int(self.draw.integers(1, 20))
        error = [Fault, KeyboardInterrupt, SystemExit][self.draw.integers(3)]

        def loss_fn(output, target):
            calls.append(1)
            if len(calls) == at:
                raise error(at)
            return nn.functional.cross_entropy(output, target)

        return loss_fn, error

    def state(self):
        return whole_state(
            self.model, *self.optimizers, *self.schedulers, self.loader, self.options["scaler"]
        )


def restored(seed):
    """Whether one case is as before, and whether it met its fault."""
    case = Case(seed)
    case.train()
    before, (loss_fn, error), met = case.state(), case.loss_fn(), False
    try:
        lrfind.range_test(case.model, case.optimizers, loss_fn, case.loader, **case.options)
    except error:
        met = True
    return case.state() == before, met


def test_random_trainings_are_restored_to_the_last_bit(cases):
    count, wrong, met = cases(300), [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(count):
            same, fault = restored(seed)
            wrong += [] if same else [seed]
            met += fault
    assert not wrong
    assert count // 5 < met < count


def test_the_state_that_is_compared_sees_a_change_of_each_kind():
    case = Case(1)
    case.train()
    assert case.state() == case.state()
    before = case.state()
    changes = [
        lambda: case.model[0].weight.data.view(-1)[0].add_(1e-7),
        lambda: case.model[0].train(not case.model[0].training),
        lambda: case.model[0].bias.requires_grad_(not case.model[0].bias.requires_grad),
        lambda: case.optimizers[0].param_groups[0].update(lr=3.0),
        lambda: case.model[0].register_forward_pre_hook(print),
        lambda: torch.rand(1),
        lambda: random.random(),
        lambda: np.random.rand(),  # noqa: NPY002
    ]
    for change in changes:
        change()
        after = case.state()
        assert after != before
        before = after
