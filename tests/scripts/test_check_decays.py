"""Cosine and linear decays: the schedules are torch's, and the page holds what was trained."""

import math

import check_decays
import numpy as np
import pytest
import torch
from check_decays import TAKEN_AS, lost, page, rates_told, runs, table_of, train_and_save
from oracle_families import ORACLE_TASKS
from oracle_regret import Case, regret
from oracle_training import train_ordinarily
from ordinary_training import DECAYS, scheduled
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

NAME = "condition 10, SGD"
STEPS = 20


def rates_of(made):
    """The rate of each step under a scheduler that a function makes of an optimizer."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    scheduler, found = made(optimizer), []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(
    ("schedule", "made"),
    [
        ("cosine", lambda optimizer: CosineAnnealingLR(optimizer, STEPS)),
        ("linear", lambda optimizer: LinearLR(optimizer, 1.0, 0.0, STEPS)),
        (
            "warmup_cosine",
            lambda optimizer: SequentialLR(
                optimizer,
                [LinearLR(optimizer, 1e-9, 1.0, 2), CosineAnnealingLR(optimizer, STEPS - 2)],
                [2],
            ),
        ),
    ],
)
def test_the_decays_are_those_of_torch(schedule, made):
    ours = rates_of(lambda optimizer: scheduled(schedule, optimizer, 0.5, STEPS))
    assert ours == pytest.approx(rates_of(made), abs=1e-8)


@pytest.fixture
def table(monkeypatch, tmp_path):
    """The decays of one task, trained for a few steps."""
    monkeypatch.setattr(check_decays, "SHORT", (2, 4))
    monkeypatch.setattr(check_decays, "settle", lambda: None)
    train_and_save(NAME, tmp_path)
    return table_of([NAME], tmp_path)


def test_a_lane_ends_where_an_ordinary_training_under_the_decay_does(table):
    task, entry = ORACLE_TASKS[NAME], table[NAME]
    for run in runs():
        place = entry.horizons.index(run.steps)
        for number in (4, 12):
            ended = train_ordinarily(task, 1, run, entry.rates[number])
            assert entry.losses[run.schedule][1, :, place, number] == pytest.approx(ended, rel=1e-4)


def test_a_rate_between_is_the_geometric_mean_and_all_are_judged_by_their_table(table):
    case = Case(NAME, "cosine", 4)
    told = {(NAME, "constant", 4): [1e-3, 1e-2], (NAME, "one_cycle", 4): [4e-3, 4e-2]}
    found = dict(zip(TAKEN_AS, lost(table, case, told), strict=True))
    wanted = [(regret(table, case, 2e-3) + regret(table, case, 2e-2)) / 2]
    assert [found["between"]] == pytest.approx(wanted)


def test_the_page_has_a_row_for_each_schedule_and_length(table, monkeypatch):
    told = {
        (task, schedule, steps): [1e-2] * 3
        for task, schedule, steps in [
            (NAME, name, steps) for name in ("constant", "one_cycle") for steps in (2, 4)
        ]
    }
    monkeypatch.setattr(check_decays, "rates_told", lambda path: told)
    lines = page(table).splitlines()
    assert sum(line.startswith("| open") for line in lines) == 2 * len(DECAYS)


def test_what_lrfind_said_is_read_with_its_refusals():
    told = rates_told(check_decays.SCRIPTS / check_decays.ANSWERS[False])
    assert all(len(rates) == 3 for rates in told.values())
    assert any(math.isnan(rate) for rates in told.values() for rate in rates)
    assert np.nanmin([rate for rates in told.values() for rate in rates]) > 0
