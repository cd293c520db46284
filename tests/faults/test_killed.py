"""Sweeps that are killed at random moments: what was written is the sweep up to there."""

import dataclasses
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import lrfind
from lrfind import StopReason

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("sweep_to_kill.py")
STEPS = 600
WAYS = [(0.005, 1.0), (0.0, 0.0)]
"""Seconds per step, and to a flush: as it is, and at every step, so that lines are torn."""
PER_STEP = ("lr", "loss", "probe")


def started(folder, pause, flush):
    folder.mkdir()
    return subprocess.Popen([sys.executable, SCRIPT, folder, str(STEPS), str(pause), str(flush)])


def waited_for(path, process):
    """Wait until there is a file; not for a process that has died."""
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.001)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The result of the sweep that nobody kills, which its journal has too."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert started(folder, 0.0, 1.0).wait() == 0
    result = lrfind.load(folder / "result.json")
    assert lrfind.load(folder / "journal.jsonl") == result
    assert result.loss.size == STEPS
    return result


def assert_is_start_of(whole, part):
    count = part.lr.size
    for name in PER_STEP:
        assert getattr(part, name).tobytes() == getattr(whole, name)[:count].tobytes(), name
    for name, losses in part.tasks.items():
        assert losses.tobytes() == whole.tasks[name][:count].tobytes(), name
    # And nothing else of it differs.
    arrays = {name: getattr(whole, name)[:count] for name in PER_STEP}
    tasks = {name: losses[:count] for name, losses in whole.tasks.items()} if count else {}
    cut = dataclasses.replace(whole, **arrays, tasks=tasks, stop_reason=StopReason.UNFINISHED)
    assert dataclasses.replace(part, state_bytes=whole.state_bytes) == cut


def test_a_killed_sweep_has_what_was_written_of_it(tmp_path, whole, cases):
    moments = random.Random(15)
    counts = []
    for case in range(cases(4)):
        pause, flush = WAYS[case % 2]
        folder = tmp_path / str(case)
        process = started(folder, pause, flush)
        path = folder / "journal.jsonl"
        waited_for(path, process)
        time.sleep(moments.uniform(0, 2.5 if pause else 0.2))
        before = lrfind.load(path).lr.size  # also while it is written
        process.kill()
        assert process.wait() in (-9, 0)
        part = lrfind.load(path)
        counts.append(part.lr.size)
        assert part.lr.size >= before
        if part.stop_reason is StopReason.UNFINISHED:
            assert_is_start_of(whole, part)
        else:
            assert dataclasses.replace(part, state_bytes=whole.state_bytes) == whole
        # Those of the last second are lost at most, each of which slept twice, and one under way.
        made = (folder / "made").stat().st_size // 2
        assert not pause or made - part.lr.size <= 2 + flush / (2 * pause)
    assert np.unique(counts).size > 1, "the moments are not all the same"
