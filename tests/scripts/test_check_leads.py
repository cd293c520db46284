"""What a sweep shows beside its minimum, and that a lead is judged where it was not chosen."""

import numpy as np
import pytest

pytest.importorskip("pytorch_optimizer")
pytest.importorskip("schedulefree")

import oracle_sweeps
from check_leads import lost, moved, shown_by
from choose_calibration import Study, seen
from oracle_families import FAMILY_OF, ORACLE_TASKS
from oracle_table import Table, load

TASKS = ("digits softmax, SGD", "iris mlp, Adam", "condition 10, SGD")


@pytest.fixture(scope="module")
def recorded():
    return {key: each for key, each in oracle_sweeps.load().items() if key[0] in TASKS}


@pytest.fixture(scope="module")
def table():
    whole = load()
    return Table({name: whole[name] for name in TASKS})


def test_distances_are_those_of_a_made_up_sweep():
    lr = np.geomspace(1e-6, 10, 300)
    at = np.log10(lr)
    loss = 2 - np.clip(at + 3, 0, 1) + 4 * np.clip(at, 0, 1)
    shown = shown_by("iris mlp, Adam", oracle_sweeps.Swept(lr, loss, np.full(300, np.nan)))
    task = ORACLE_TASKS["iris mlp, Adam"]
    per_epoch = len(task.split()[0][0]) // task.batch_size
    assert shown.epochs == np.log10(300 / per_epoch)
    assert (shown.probe, shown.plain) == (0.0, 0.0)
    # From the minimum down to where a tenth of the descent is done, and up to the divergence.
    assert shown.fall + shown.to_blow_up == pytest.approx(2.9 + 0.25, abs=0.2)


def test_moving_every_minimum_alike_changes_nothing(recorded, table):
    sweeps = {key: seen(each) for key, each in recorded.items()}
    plain = Study(table, sweeps)
    shifted = {
        key: type(each)(each.minimum + 0.3, each.within, each.low, each.high, each.answered)
        for key, each in sweeps.items()
    }
    other = moved(plain, shifted, table)
    for family in {FAMILY_OF[name] for name in TASKS}:
        for judged in (False, True):
            usual = lost(plain, "constant", family, judged)
            assert lost(other, "constant", family, judged) == pytest.approx(usual, abs=0.02)
