"""The check of a GPU: every step has a line, a failure the exit status 1, and the rows a file."""

import json
import os
import re
import subprocess
from pathlib import Path

import check_gpu
import gpu_state
import gpu_waits
import pytest
import torch
from benchmark_overhead import HEAD, installed, measure
from check_gpu import Outcome, Step, main, outcome_of, sizes_near
from gpu_state import Skip

ROOT = Path(__file__).parents[2]


def lines_of(capsys):
    """The state of every step, by name."""
    printed = re.findall(r"^(ok|FAILED|skipped) +(.+?)  +", capsys.readouterr().out, re.MULTILINE)
    return {name: state for state, name in printed}


@pytest.fixture
def quick(monkeypatch):
    """Models that need no calibration."""
    monkeypatch.setattr(check_gpu, "sizes_near", lambda device: dict.fromkeys(
        check_gpu.TARGETS_MS, (8, 1, 4)
    ))  # fmt: skip


@pytest.mark.slow
def test_on_a_cpu_every_step_has_its_line_and_the_rows_are_written(tmp_path, capsys, quick):
    arguments = ["--device", "cpu", "--out", str(tmp_path), "--rounds", "2", "--steps", "5"]
    assert main(arguments) == 0
    states = lines_of(capsys)
    cuda_only = {
        *(f"no wait: {name}" for name in gpu_waits.CUDA_ONLY),
        "no wait: batches in pinned memory",
        "waits per step, by the profiler",
        "put back: capturable Adam",
        "the tests that need a GPU",
    }
    others = "overhead: the finders of others"
    everything = {
        *(f"a wait is seen: {name}" for name in gpu_waits.FAULTS),
        *(f"no wait: {name}" for name in gpu_waits.LOOPS),
        *gpu_state.PROOFS,
        *cuda_only,
        others,
        "overhead: models for the steps",
        *(f"overhead: {ms:g} ms, Sweep, range_test, layers" for ms in check_gpu.TARGETS_MS),
    }
    assert set(states) == everything
    assert {name for name, state in states.items() if state == "skipped"} - {others} == cuda_only
    assert "FAILED" not in states.values()

    written = json.loads((tmp_path / "gpu.json").read_text())
    assert {each["name"]: each["state"] for each in written["checks"]} == states
    assert written["machine"]["torch"] == torch.__version__
    finders = [each["finder"] for each in written["overhead"]]
    assert finders == list(installed()) * 3
    assert finders[:3] == ["lrfind.Sweep", "lrfind.range_test", "lrfind.range_test, layers=True"]
    text = (tmp_path / "gpu.md").read_text()
    assert f"| {' | '.join(HEAD)} |" in text
    for each in written["overhead"]:
        assert 0 < each["min"] <= each["median"] <= each["max"]
        assert f"| {each['step_ms']:.2f} | {each['finder']} | {each['min']:.3f} |" in text
    assert all(f"| {name} | {state} |" in text for name, state in states.items())


def test_a_failing_step_makes_the_exit_status_1_and_the_others_run(tmp_path, capsys, monkeypatch):
    def broken(device):
        raise AssertionError("the losses afterwards\nand more")

    monkeypatch.setitem(gpu_state.PROOFS, "put back: SGD", broken)
    arguments = ["--device", "cpu", "--out", str(tmp_path), "--only", "put back"]
    assert main(arguments) == 1
    states = lines_of(capsys)
    assert {name for name, state in states.items() if state == "FAILED"} == {"put back: SGD"}
    assert states["put back: Adam"] == "ok"
    assert (
        "| put back: SGD | FAILED | AssertionError: the losses afterwards |"
        in (tmp_path / "gpu.md").read_text()
    )


def test_a_name_of_no_step_is_an_error_that_lists_the_names(tmp_path, capsys):
    assert main(["--device", "cpu", "--out", str(tmp_path / "out"), "--only", "put bakc"]) == 2
    first, *names = capsys.readouterr().err.splitlines()
    assert first == "check_gpu: no step has 'put bakc' in its name:"
    assert {f"  {name}" for name in gpu_state.PROOFS} < set(names)
    assert not (tmp_path / "out").exists()


def test_a_fault_that_fails_for_another_reason_makes_the_exit_status_1(
    tmp_path, capsys, monkeypatch
):
    def broken(self, batch):
        raise TypeError("a mistake in the loop")

    monkeypatch.setattr(gpu_waits.Parts, "step", broken)
    arguments = ["--device", "cpu", "--out", str(tmp_path), "--only", "a wait is seen"]
    assert main(arguments) == 1
    assert set(lines_of(capsys).values()) == {"FAILED"}


def test_a_step_is_ok_failed_or_skipped(capsys):
    def fail():
        raise ValueError

    def skip():
        raise Skip("not on a CPU")

    ends = [outcome_of(Step("it", run)) for run in (lambda: "3 equal", fail, skip)]
    assert [(end.state, end.found) for end in ends] == [
        ("ok", "3 equal"), ("FAILED", "ValueError: "), ("skipped", "not on a CPU"),
    ]  # fmt: skip
    assert "in fail" in capsys.readouterr().err
    assert str(Outcome("it", "ok", "3 equal", 1.25)).split() == [
        "ok",
        "it",
        "3",
        "equal",
        "(1.2",
        "s)",
    ]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_there_is_one_clear_error_and_nothing_is_written(tmp_path, capsys):
    assert main(["--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"check_gpu: torch {torch.__version__} ")
    assert "without CUDA" in line or "sees no GPU" in line
    assert not (tmp_path / "out").exists()


def test_what_is_missing_is_named(capsys, monkeypatch):
    monkeypatch.setattr(check_gpu, "NEEDED", ("torch", "a_package_of_nobody"))
    assert main(["--device", "cpu"]) == 2
    assert capsys.readouterr().err == "check_gpu: not installed: a_package_of_nobody.\n"


def test_the_models_are_those_whose_step_takes_closest_to_the_targets(monkeypatch):
    times = dict(zip(check_gpu.SIZES, (0.1, 0.28, 0.5, 1.2, 3.0, 6.0, 11.0, 1e9), strict=False))
    asked = []

    def seconds(contender, size, device, steps):
        asked.append(size)
        return steps * times[size] / 1e3

    monkeypatch.setattr("benchmark_overhead.seconds", seconds)
    names = list(times)
    assert sizes_near("cpu") == {0.3: names[1], 1.0: names[3], 5.0: names[5]}
    assert asked[-1] == names[6], "no model is tried that is larger than needed"


# Other projects' own, where they are installed.
@pytest.mark.filterwarnings("ignore")
def test_no_round_begins_after_the_time_is_up():
    _, ratios = measure((8, 1, 4), "cpu", 5, 2, until=0.0)
    assert {len(own) for own in ratios.values()} == {1}
    _, ratios = measure((8, 1, 4), "cpu", 2, 2)
    assert {len(own) for own in ratios.values()} == {2}


@pytest.mark.slow
def test_without_torch_and_without_a_network_the_shell_script_says_what_to_do(tmp_path):
    # A copy: it makes an environment beside itself.
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    for name in ("check_gpu", "constraints.txt"):
        (scripts / name).write_bytes((ROOT / "scripts" / name).read_bytes())
    python = tmp_path / "python3"
    python.write_text(
        "#!/usr/bin/env bash\n"
        'case "$*" in "-c import sys"*) exit 0 ;; *) exit 1 ;; esac  # no venv, no pip, no torch\n'
    )
    python.chmod(0o755)
    done = subprocess.run(
        ["bash", str(scripts / "check_gpu")],
        env=os.environ | {"PYTHON": str(python)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no torch with CUDA could be installed: set PYTHON" in done.stderr
