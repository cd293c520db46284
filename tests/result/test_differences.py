"""What differs between sweeps, and nothing that does not."""

import json
from dataclasses import replace

import numpy as np
import pytest
from makers import make_result

from lrfind.result.cold_start import ColdStart
from lrfind.result.differences import differences, settings_of
from lrfind.result.origin import Origin
from lrfind.result.settings import StopReason, SweepSettings

ONE = replace(make_result(), optimizer="SGD", seed=0, versions={"torch": "2.6"})
STEPS = np.arange(float(ONE.lr.size))


def test_a_sweep_does_not_differ_from_itself_nor_by_its_losses_alone():
    assert differences([ONE, ONE]) == {}
    assert differences([ONE, replace(ONE, loss=ONE.loss + 1)]) == {}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"optimizer": "Adam"}, {"optimizer": ("SGD", "Adam")}),
        ({"seed": None}, {"seed": (0, None)}),
        ({"epoch_steps": 12.5}, {"epoch_steps": (None, 12.5)}),
        ({"stop_reason": StopReason.NON_FINITE}, {"stop_reason": ("diverged", "non_finite")}),
        ({"group_scale": (1.0, 0.1)}, {"group_scale": ([1.0], [1.0, 0.1])}),
        ({"versions": {"torch": "2.7"}}, {"version of torch": ("2.6", "2.7")}),
        ({"versions": {}}, {"version of torch": ("2.6", None)}),
        ({"tasks": {"ce": STEPS, "kl": STEPS}}, {"tasks": (None, ["ce", "kl"])}),
        ({"probe": STEPS}, {"probe": (False, True)}),
        ({"metric": STEPS}, {"metric": (False, True)}),
        ({"skipped": (0, 2) + (0,) * 99}, {"skipped_steps": (0, 2)}),
        ({"cold_starts": (ColdStart(0.1, 20, 1.0, 2.0),)}, {"confirm": (False, True)}),
        ({"origin": Origin("fastai")}, {"origin": (None, "Losses of fastai, taken as raw.")}),
        ({"lr": ONE.lr[:50], "loss": ONE.loss[:50]}, {"steps": (100, 50)}),
    ],
)
def test_each_change_is_found_and_no_other(change, found):
    assert differences([ONE, replace(ONE, **change)]) == found


@pytest.mark.parametrize("name", vars(SweepSettings()))
def test_every_setting_is_compared(name):
    value = {"step_mode": "linear", "diverge_th": None}.get(name, 2)
    other = replace(ONE, settings=replace(ONE.settings, **{name: value}))
    was = getattr(ONE.settings, name)
    assert was != value
    assert differences([ONE, other, ONE]) == {name: (was, value, was)}


def test_of_tasks_only_those_are_named_that_not_all_have():
    some, more = {"ce": STEPS, "kl": STEPS}, {"ce": STEPS, "l2": STEPS}
    first, second = (replace(ONE, tasks=tasks) for tasks in (some, more))
    assert differences([first, second])["tasks"] == (["kl"], ["l2"])
    reordered = replace(ONE, tasks=dict(reversed(some.items())))
    assert differences([first, reordered])["tasks"] == (["ce", "kl"], ["kl", "ce"])


def test_layers_are_compared_by_name():
    from lrfind.demo import digits_problem

    layered = digits_problem(model="mlp").range_test(num_iter=5, layers=True, progress=False)
    bare = replace(layered, layers=None)
    assert differences([bare, layered]) == {"layers": (None, list(layered.layers.names))}


def test_everything_is_plain_for_json():
    settings = settings_of(ONE)
    assert json.loads(json.dumps(settings)) == settings
