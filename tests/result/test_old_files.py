"""Files that the version before wrote are read as they were."""

import json

import numpy as np
import pytest
from makers import TESTS

import lrfind
from lrfind import StopReason

OLD = TESTS / "fixtures" / "5a026df"
RESULTS = ("result", "probe_metric_layers", "tasks", "non_finite")


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_comes_back_with_every_number_and_is_written_as_it_was(tmp_path, name):
    path = OLD / f"{name}.json"
    result, written = lrfind.load(path), json.loads(path.read_text())
    result.save(tmp_path / "again.json")
    # Nor did that version know how long an epoch is.
    assert "epoch_steps" not in written
    assert json.loads((tmp_path / "again.json").read_text()) == written | {"epoch_steps": None}
    assert result.epoch_steps is None
    assert result.cold_starts == ()
    np.testing.assert_array_equal(result.lr, written["lr"])
    np.testing.assert_array_equal(result.loss, [float(loss) for loss in written["loss"]])
    assert result.versions == written["versions"]


def test_what_was_recorded_beside_the_losses_is_there():
    seen = lrfind.load(OLD / "probe_metric_layers.json")
    assert np.isfinite(seen.probe).sum() == np.isfinite(seen.metric).sum() == seen.lr.size // 3
    assert seen.settings.probe_every == 3
    assert seen.layers.weight.shape == (seen.lr.size, len(seen.layers.names))
    tasks = lrfind.load(OLD / "tasks.json").tasks
    assert list(tasks) == ["rul", "health"]
    ended = lrfind.load(OLD / "non_finite.json")
    assert ended.stop_reason is StopReason.NON_FINITE
    assert np.isnan(ended.loss[-1])
    assert ended.skipped[5] == 2
    assert ended.group_scale == (0.1, 1.0)
