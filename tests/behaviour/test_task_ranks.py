"""Two gloo processes that share the averages of their tasks."""

import math

import numpy as np
import pytest
from makers import TESTS, both, torchrun
from task_ranks import NAMES, STEPS

from lrfind import EMANormalizer

pytestmark = pytest.mark.slow

SCENARIOS = ["averages", "compiled", "refusing", "sweep", "unlike"]


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("task_ranks")
    done = torchrun(TESTS / "behaviour" / "task_ranks.py", folder, *SCENARIOS)
    assert done.returncode == 0, done.stderr
    return {name: both(folder, name) for name in SCENARIOS}


@pytest.mark.parametrize("scenario", ["averages", "compiled"])
def test_the_averages_are_those_of_the_mean_over_the_ranks_that_have_a_finite_loss(seen, scenario):
    first, second = seen[scenario]
    assert first["seen"] == second["seen"]
    alone = [EMANormalizer(0.9, all_ranks=False) for _ in NAMES]
    for step, (values, counts) in zip(STEPS, first["seen"], strict=True):
        for task, normalizer in enumerate(alone):
            pair = [rank[task] for rank in step]
            had = [loss for loss in pair if loss is not None and math.isfinite(loss)]
            if had:
                normalizer.update(float(np.mean(had)))
        assert counts == [normalizer.steps.item() for normalizer in alone]
        assert values == pytest.approx([normalizer.value.item() for normalizer in alone])
    last = zip(STEPS[-1][0], first["seen"][-1][0], strict=True)
    assert first["total"] == pytest.approx(sum(0.5 * loss / value for loss, value in last))


def test_a_loss_refused_on_one_rank_is_refused_on_both(seen):
    for each in seen["refusing"]:
        assert each["error"] == "`losses` must be finite, but 'rul' is not."
        assert each["steps"] == [1, 1]


def test_a_sweep_over_two_ranks_has_the_task_curves_of_one_on_the_joined_batches(seen):
    first, second = seen["sweep"]
    assert first["tasks"] == second["tasks"]
    assert list(first["tasks"]) == NAMES
    for name in NAMES:
        assert len(first["tasks"][name]) == 20
        np.testing.assert_allclose(first["tasks"][name], first["joined"][name], rtol=1e-4)
    assert first["restored"]
    assert second["restored"]


def test_tasks_that_only_one_rank_has_are_on_both(seen):
    first, second = seen["unlike"]
    assert first == second
    assert first["tasks"] == {
        "yours": ["0.0", "1.0", "nan", "3.0"],
        "both": ["5.0", "6.0", "2.0", "8.0"],
        "mine": ["0.0", "1.0", "nan", "3.0"],
    }
