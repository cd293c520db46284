"""The losses of single tasks, recorded step by step."""

import numpy as np
import pytest
import torch
from torch import nn

from lrfind import Sweep


def test_your_own_loop_gives_the_losses_of_the_tasks_to_record():
    running = torch.zeros(())
    with Sweep(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0), num_iter=4) as sweep:
        for k in range(4):
            running.fill_(k)
            tasks = {"a": running} if k == 2 else {"a": running, "b": k / 2}
            sweep.record(10.0 - k, tasks=tasks)
    tasks = sweep.result().tasks
    np.testing.assert_array_equal(tasks["a"], [0, 1, 2, 3])
    np.testing.assert_array_equal(tasks["b"], [0, 0.5, np.nan, 1.5])
    assert sweep.result() == sweep.result()


@pytest.mark.filterwarnings("ignore:the loop ended after")
@pytest.mark.parametrize(
    ("tasks", "error", "message"),
    [
        ([1.0], TypeError, "`tasks` must be a mapping"),
        ({"a": "1"}, TypeError, r"`tasks\['a'\]` must be a number"),
        ({"a": torch.ones(2)}, TypeError, r"`tasks\['a'\]` must be one number"),
        ({"a": 1.0, "train": 1.0}, ValueError, "named 'train'"),
    ],
)
def test_what_are_no_task_losses_is_refused_and_not_recorded(tasks, error, message):
    with Sweep(torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=1.0)) as sweep:
        with pytest.raises(error, match=message):
            sweep.record(1.0, tasks=tasks)
        assert sweep.steps == 0
    assert sweep.result().tasks == {}
