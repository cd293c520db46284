"""Every combination of precision, accumulation, optimizer and batch: rates, steps, restoration."""

from itertools import product

import numpy as np
import pytest
import torch
from makers import OPTIMIZERS, Counted, everything, loss_fn, make_loader, make_model, trainable

import lrfind

STEPS = 12
PRECISIONS = ("fp32", "bf16", "scaler")


class ByName(torch.nn.Module):
    """The model, for batches that are dictionaries."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x, y):
        return loss_fn(self.model(x), y)


class Dictionaries(torch.utils.data.Dataset):
    def __init__(self, data):
        self.data = data

    def __len__(self):
        return len(self.data)

    def __getitem__(self, index):
        x, y = self.data[index]
        return {"x": x, "y": y}


def own_step(model, optimizer, scaler, dtype):
    """A training step as users write it."""

    def step(batch):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
            loss = loss_fn(model(batch[0]), batch[1])
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        return loss

    return step


def meaningful(precision, accumulation_steps, optimizer_name, shape):
    """A closure goes with neither a scaler nor a plain step, which accumulates by itself."""
    closure_alone = optimizer_name != "lbfgs" or (precision != "scaler" and shape != "step")
    return closure_alone and not (shape == "step" and accumulation_steps > 1)


COMBINATIONS = [
    combination
    for combination in product(
        PRECISIONS, (1, 4), ("momentum", "adamw", "lbfgs"), ("tuple", "dict", "step")
    )
    if meaningful(*combination)
]


@pytest.mark.parametrize(
    ("precision", "accumulation_steps", "optimizer_name", "shape"), COMBINATIONS
)
def test_rates_steps_and_restoration(precision, accumulation_steps, optimizer_name, shape):
    base, loader = make_model(), make_loader(drop_last=True)
    model = ByName(base) if shape == "dict" else base
    if shape == "dict":
        loader = make_loader(dataset=Dictionaries(loader.dataset))
    optimizer = OPTIMIZERS[optimizer_name](trainable(model))
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0) if precision == "scaler" else None
    dtype = None if precision == "fp32" else torch.bfloat16
    options = {"accumulation_steps": accumulation_steps, "autocast": dtype}
    if shape == "step":
        options = {"step": own_step(model, optimizer, scaler, dtype)}
    before = everything(model, optimizer, loader)
    counted = Counted(optimizer)
    result = lrfind.range_test(
        model, optimizer, loss_fn if shape == "tuple" else None, loader, scaler=scaler,
        num_iter=STEPS, end_lr=1.0, diverge_th=None, **options,
    )  # fmt: skip
    counted.stop()
    assert counted.rates == result.lr.tolist()
    assert result.lr.tolist() == np.geomspace(1e-6, 1.0, STEPS).tolist()
    assert np.isfinite(result.loss).all()
    assert result.skipped == ((0,) * STEPS if scaler else ())
    counted.stop()
    after = everything(model, optimizer, loader)
    assert after == before
    assert scaler is None or scaler.get_scale() == 8.0
