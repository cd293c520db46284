"""What the tests of several integrations ask in the same way."""

import numpy as np
import torch


def same(result, expected):
    """A sweep through a framework is the one that `range_test` makes."""
    assert np.array_equal(result.lr, expected.lr)
    np.testing.assert_allclose(result.loss, expected.loss, rtol=1e-6, atol=1e-6)
    assert result.group_scale == expected.group_scale
    assert result.stop_reason is expected.stop_reason
    assert result.epoch_steps == expected.epoch_steps


def assert_same(before, after):
    """Two snapshots, each the tensors by name and everything else, are equal bit for bit."""
    assert before[1] == after[1]
    assert before[0].keys() == after[0].keys()
    assert all(torch.equal(after[0][name], value) for name, value in before[0].items())


def the_checks_work(integration, *trainer, state_of, **silent):
    """All checks of a problem run on a prepared trainer, and leave it as it was."""
    before = state_of(trainer[0])
    with integration.prepared(*trainer) as problem:
        result = problem.range_test(num_iter=60, progress=False)
        checked = problem.verify(1e-3, num_iter=6, progress=False)
        controls = problem.controls(result, progress=False)
        found = problem.find_lr(budget=120, progress=False)
    # A result from before keeps no step of what has been put back.
    earlier = integration.range_test(*trainer, num_iter=60, **silent)
    with integration.prepared(*trainer) as problem:
        again = problem.controls(earlier, progress=False)
    assert again.result == earlier
    assert len(checked.trials) >= 4
    assert controls.constant.loss.size > 0
    assert found.trials
    assert_same(before, state_of(trainer[0]))
