"""What a sweep shows beside its minimum, and that a lead is judged where it was not chosen."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("pytorch_optimizer")
pytest.importorskip("schedulefree")

import check_leads
import oracle_sweeps
from check_leads import left_out, lost, moved, shown_by
from choose_calibration import GRID, Study, seen
from oracle_families import FAMILY_OF, ORACLE_TASKS
from oracle_table import SCHEDULES, TABLE, Table, load

from lrfind.analysis.curves import SweepCurves
from lrfind.analysis.schedule import producing_lr

TASKS = ("digits softmax, SGD", "iris mlp, Adam", "condition 10, SGD")


@pytest.fixture(scope="module")
def recorded():
    if not (oracle_sweeps.FILE.exists() and TABLE.exists()):
        pytest.skip("the table or the sweeps have not been made")
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


@pytest.mark.parametrize("level", [2.0, 0.0])
def test_the_steepest_slope_is_that_of_a_logistic_descent(level):
    lr = np.geomspace(1e-6, 10, 300)
    at = np.log10(lr)
    share = 1 / (1 + np.exp(-4 * (at + 2)))
    loss = level - 1.9 * share + 4 * np.clip(at, 0, 1)
    shown = shown_by("iris mlp, Adam", oracle_sweeps.Swept(lr, loss, np.full(300, np.nan)))
    minimum = math.log10(SweepCurves(producing_lr(lr), loss).posterior.mean)
    # A loss is that of the weights of the step before.
    lag = at[1] - at[0]
    assert minimum - shown.slope == pytest.approx(-2 - lag, abs=lag)
    # Of log(2 - 1.9 s) where 2 - 4 s + 1.9 s^2 is 0; of a loss below 0 there is no logarithm.
    s = (2 - math.sqrt(4 - 2 * 1.9)) / 1.9 if level else 0.5
    assert minimum - shown.relative == pytest.approx(math.log(s / (1 - s)) / 4 - 2 - lag, abs=lag)


def test_a_lead_is_chosen_by_the_other_families_and_judged_by_its_own(monkeypatch):
    # Two studies: by family, the regret on it, and on the others. Each is better on one of the two
    # families where it is not chosen for that.
    regrets = {"good": {"a": (1.0, 0.1), "b": (2.0, 0.1)}, "lucky": {"a": (0.0, 0.2), "b": (9, 0)}}
    cases = [SimpleNamespace(schedule=s, family=f) for s in SCHEDULES for f in "aab"]
    studies = [
        SimpleNamespace(name=name, families=["a", "b"], cases=cases, answered=lambda case: [1, 1])
        for name in regrets
    ]

    def made_up(study, schedule, family, judged):
        return regrets[study.name][family][0 if judged else 1]

    monkeypatch.setattr(check_leads, "lost", made_up)
    # Of 4 sweeps of the first family and 2 of the second.
    assert left_out(studies) == pytest.approx(((1.0 + 9.0) / 6,) * 2)


@pytest.mark.parametrize("judged", [False, True])
def test_what_is_lost_on_a_family_is_lost_by_numbers_chosen_without_it(recorded, table, judged):
    study = Study(table, {key: seen(each) for key, each in recorded.items()})
    family = FAMILY_OF[TASKS[0]]
    way = study.choose(("constant",), family)
    assert way != study.choose(("constant",))
    regrets = [
        np.interp(each.minimum - way.at(case.steps), GRID, study.costs[row])
        for row, case in enumerate(study.cases)
        if case.schedule == "constant" and (case.family == family) is judged
        for each in study.answered(case)
    ]
    expected = np.sum(regrets) if judged else np.mean(regrets)
    assert lost(study, "constant", family, judged) == pytest.approx(expected)


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
    assert other.choose(("constant",)).fixed == pytest.approx(
        plain.choose(("constant",)).fixed + 0.3
    )
