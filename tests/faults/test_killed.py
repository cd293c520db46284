"""What is killed at random moments: a sweep has what was written of it, and a file is whole."""

import dataclasses
import random
import shutil
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sweep_to_kill
from in_a_fork import command, do, over_and_over
from makers import make_controls, make_trial, make_verification, parabola

import lrfind
from lrfind import StopReason
from lrfind.repeats.files import RunKey, save_run

pytestmark = pytest.mark.slow

STEPS = 600
WAYS = [(0.005, 1.0), (0.0, 0.0)]
"""Seconds per step, and to a flush: as it is, and at every step, so that lines are torn."""
PER_STEP = ("lr", "loss", "probe")


def swept(folder, pause, flush, kill_after=None):
    folder.mkdir()
    return do(folder, sweep_to_kill.main, folder, STEPS, pause, flush, kill_after=kill_after)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The result of the sweep that nobody kills, which its journal has too."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert swept(folder, 0.0, 1.0).code == 0
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
        path, before = folder / "journal.jsonl", []
        seconds = moments.uniform(0, 2.5 if pause else 0.2)

        def wait(process, path=path, seconds=seconds, before=before):
            while not path.exists():
                assert process.is_alive()
                time.sleep(0.001)
            time.sleep(seconds)
            before.append(lrfind.load(path).lr.size)  # also while it is written

        assert swept(folder, pause, flush, wait).code in (-9, 0)
        part = lrfind.load(path)
        counts.append(part.lr.size)
        assert part.lr.size >= before[0]
        if part.stop_reason is StopReason.UNFINISHED:
            assert_is_start_of(whole, part)
        else:
            assert dataclasses.replace(part, state_bytes=whole.state_bytes) == whole
        # Those of the last second are lost at most, each of which slept twice, and one under way.
        made = (folder / "made").stat().st_size // 2
        assert not pause or made - part.lr.size <= 2 + flush / (2 * pause)
    assert np.unique(counts).size > 1, "the moments are not all the same"


def moments_of(seconds, count):
    """Random moments, one in each of as many parts of that time."""
    draws = random.Random(15)
    return [seconds * (part + draws.random()) / count for part in range(count)]


def unchanged(path):
    """What is another after a writing."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns


def files_in(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*")}


PROBLEM = """
import torch
from torch import nn

def problem():
    with open("made", "ab", 0) as made:
        made.write(b".")
    model = nn.Linear(2, 1)
    data = [(x, x.sum(1, keepdim=True)) for x in torch.randn(40, 8, 2)]
    return model, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss(), data
"""
RUNS = 6


def repeats(folder, runs=RUNS, kill_after=None):
    """Runs in `out`, and the time they took; each adds a byte to the file `made`."""
    (folder / "problem.py").write_text(PROBLEM)
    words = ("--num-iter", 150, "--start-lr", 1e-4, "--jobs", 1, "--out", "out")
    start = time.perf_counter()
    done = do(
        folder, command, "repeat", "problem.py:problem", "--seeds", runs, *words,
        kill_after=kill_after,
    )  # fmt: skip
    return done, time.perf_counter() - start


def wait_for_runs(made, count, seconds, process):
    """Wait until so many runs have begun, and some seconds more."""
    while process.is_alive() and (not made.exists() or made.stat().st_size < count):
        time.sleep(0.001)
    time.sleep(seconds)


def test_a_killed_repeat_has_whole_files_and_goes_on_to_the_same_end(tmp_path, cases):
    earlier, undisturbed = tmp_path / "earlier", tmp_path / "undisturbed"
    earlier.mkdir()
    undisturbed.mkdir()
    assert repeats(earlier, 2)[0].code == 0
    done, seconds = repeats(undisturbed)
    assert done.code == 0, done.err
    old, whole = (files_in(folder / "out") for folder in (earlier, undisturbed))
    assert {*old} < {*whole}
    counts = []
    draws, count = random.Random(15), cases(3)
    for case in range(count):
        folder = tmp_path / str(case)
        shutil.copytree(earlier, folder) if case % 2 else folder.mkdir()
        begun = 1 + case * (RUNS - 1) // max(1, count - 1)  # in the last, files of all are written
        delay = draws.uniform(0, 0.05 if begun < RUNS else seconds / 2)
        wait = partial(wait_for_runs, folder / "made", begun, delay)
        assert repeats(folder, kill_after=wait)[0].code in (-9, 0)
        left = {name: data for name, data in files_in(folder / "out").items() if name[0] != "."}
        for name, data in left.items():
            assert data in (whole[name], *([old[name]] if case % 2 and name in old else []))
        runs = [*(folder / "out").glob("*.json")]
        assert len(runs) >= 2 * (case % 2)
        before = {path: unchanged(path) for path in runs}
        made = (folder / "made").stat().st_size if (folder / "made").exists() else 0
        again, _ = repeats(folder)
        # No run is made twice, no finished one written again, and nothing is left of what was.
        assert (again.code, again.out) == (0, done.out)
        assert (folder / "made").stat().st_size == made + RUNS - len(runs)
        assert {path: unchanged(path) for path in runs} == before
        assert files_in(folder / "out") == whole
        counts.append(len(runs))
    assert len({*counts}) > 1, "the moments are not all the same"


def savings(best):
    """A call that saves a record of each kind, by the name of its file."""
    result, key = parabola(best, steps=2001), RunKey(0, {}, {}, "build 0")
    controls = make_controls(seed=round(-10 * best))
    verification = make_verification([make_trial(0.1, 1.0, -best)] * 200)
    return {
        "result.json": partial(result.save, "result.json"),
        "result.csv": partial(result.to_csv, "result.csv"),
        "controls.json": partial(controls.save, "controls.json"),
        "verification.json": partial(verification.save, "verification.json"),
        key.file_name: partial(save_run, Path(), key, result),
    }


def test_what_is_killed_while_it_saves_leaves_the_old_file_or_the_new_one(
    tmp_path, monkeypatch, cases
):
    monkeypatch.chdir(tmp_path)
    each, known = (savings(-1.0), savings(-2.0)), []
    for saves in each:
        for save in saves.values():
            save()
        known.append(files_in(tmp_path))
    calls = [save for saves in each for save in saves.values()]
    seen = set()
    for moment in moments_of(0.3, cases(10)):
        assert do(tmp_path, over_and_over, *calls, kill_after=moment).code == -9
        found = files_in(tmp_path)
        for name in known[0]:
            assert found[name] in (known[0][name], known[1][name]), name
        seen |= found.items()
        # The next writing takes away what was half written.
        for save in each[0].values():
            save()
        assert files_in(tmp_path) == known[0]
    assert seen & (known[1].items() - known[0].items()), "nothing was written"
