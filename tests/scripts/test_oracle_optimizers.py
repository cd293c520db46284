"""Optimizer steps for many lanes at once are those of the ordinary optimizers."""

from functools import partial

import numpy as np
import pytest
import torch
from benchmark_tasks import CLASSES, momentum, nesterov
from oracle_data_images import digit_images
from oracle_networks import dense
from oracle_optimizers import RULES
from oracle_task import LOWEST, OracleTask, Run
from oracle_training import train, train_ordinarily
from pytorch_optimizer import Lamb, Lion
from schedulefree import AdamWScheduleFree, SGDScheduleFree
from torch.optim import SGD, Adagrad, Adam, AdamW, Muon, NAdam, RMSprop

EXACT, HALF_STATE = 1e-12, 1e-6
OPTIMIZERS = {
    "sgd": (SGD, EXACT),
    "momentum": (momentum, EXACT),
    "nesterov": (nesterov, EXACT),
    "adam": (Adam, EXACT),
    "adamw": (AdamW, EXACT),
    # Some of the state of these is float32 in the ordinary optimizer whatever the weights are.
    "nadam": (NAdam, HALF_STATE),
    "adagrad": (Adagrad, HALF_STATE),
    "rmsprop": (RMSprop, EXACT),
    "lion": (partial(Lion, weight_decay=0.1), EXACT),
    "lamb": (partial(Lamb, weight_decay=0.1), EXACT),
    # Its directions are rounded to three digits, in another order in a batch of matrices.
    "muon": (Muon, 1e-3),
    "schedule-free sgd": (SGDScheduleFree, EXACT),
    "schedule-free adamw": (AdamWScheduleFree, EXACT),
}
STEPS = 20


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("schedule", ["constant", "one_cycle"])
def test_a_lane_is_the_ordinary_training_at_its_rate_and_schedule(name, schedule):
    optimizer, tolerance = OPTIMIZERS[name]
    network = partial(dense, 64, 24, 10, norm="layer", bias=False)
    task = OracleTask(digit_images, network, optimizer, CLASSES)
    run = Run(schedule, (STEPS,))
    if schedule not in {each.schedule for each in task.runs}:
        assert name.startswith("schedule-free")
        return
    rates = np.array([1e-3, 1e-2])
    _, (losses,) = train(task, 1, runs=[run], rates=rates, dtype=torch.float64)
    for rate, lane in zip(rates, losses[:, 0].T, strict=True):
        expected = train_ordinarily(task, 1, run, rate, dtype=torch.float64)
        np.testing.assert_allclose(lane, expected, rtol=tolerance)


def test_every_optimizer_has_a_rule_and_a_range_of_rates():
    classes = {OracleTask(digit_images, dense, make, CLASSES).optimizer_class
               for make, _ in OPTIMIZERS.values()}  # fmt: skip
    assert set(RULES) == set(LOWEST) == classes
