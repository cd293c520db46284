"""A sweep that is killed again and again, and goes on each time, is the one that nobody killed."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lrfind

pytestmark = pytest.mark.slow

EVERY = 7
"""Steps from one of its checkpoints to the next."""
SCRIPT = Path(__file__).with_name("sweep_to_resume.py")


def started(folder, pause):
    folder.mkdir(exist_ok=True)
    return subprocess.Popen([sys.executable, SCRIPT, folder, str(pause)])


def stamp(path):
    return path.stat().st_mtime_ns if path.exists() else None


def killed(folder, after):
    """Start the sweep, and kill it some seconds after its next checkpoint; whether it still ran."""
    path = folder / "journal.ckpt"
    before, process = stamp(path), started(folder, 0.003)
    while stamp(path) == before and process.poll() is None:
        time.sleep(0.001)
    time.sleep(after)
    process.kill()
    return process.wait() == -signal.SIGKILL


def test_a_sweep_goes_on_from_any_kill(tmp_path, cases):
    whole, folder = tmp_path / "whole", tmp_path / "killed"
    assert started(whole, 0.0).wait() == 0
    moments, kills = random.Random(16), 0
    for _ in range(cases(1)):
        kills += killed(folder, moments.uniform(0, 0.5))
        assert lrfind.load(folder / "journal.jsonl").lr.size >= EVERY
        if (folder / "result.json").exists():
            assert_is(folder, whole)
            shutil.rmtree(folder)
    assert started(folder, 0.0).wait() == 0
    assert_is(folder, whole)
    assert kills


def assert_is(folder, whole):
    assert (folder / "result.json").read_bytes() == (whole / "result.json").read_bytes()
    assert lrfind.load(folder / "journal.jsonl") == lrfind.load(whole / "result.json")
    # A file that was being written is removed when it is old.
    names = sorted(path.name for path in folder.iterdir() if path.suffix != ".lrfind-tmp")
    assert names == ["journal.jsonl", "result.json"]
