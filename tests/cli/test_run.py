"""`lrfind run` as a person meets it."""

import pytest
from makers import SWEEP_FILES, TRIAL_FILES

import lrfind


@pytest.mark.parametrize("function", ["parts", "record"])
def test_a_problem_of_the_users_own_gets_the_same_four_files(invoke, problem, tmp_path, function):
    done = invoke("run", f"{problem}:{function}", "--out", "mine", "--betas", "0.5")
    assert done.exit_code == 0, done.stderr
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == SWEEP_FILES
    assert "debiased EMA 0.5" in done.stdout


@pytest.mark.parametrize("function", ["parts", "record"])
def test_controls_are_two_more_files_and_their_words(invoke, problem, tmp_path, function):
    done = invoke("run", f"{problem}:{function}", "--out", "mine", "--num-iter", 40, "--controls")
    assert done.exit_code == 0, done.stderr
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {*SWEEP_FILES, "controls.json", "controls.png"}
    found = lrfind.Controls.load(tmp_path / "mine" / "controls.json")
    assert found.result == lrfind.load(tmp_path / "mine" / "result.json")
    assert str(found) in done.stdout
    assert (tmp_path / "mine" / "controls.png").read_bytes()[:4] == b"\x89PNG"


def test_options_reach_the_sweep(invoke, problem, tmp_path):
    invoke(
        "run", f"{problem}:parts", "--start-lr", 1e-4, "--end-lr", 0.1, "--num-iter", 20,
        "--step-mode", "linear", "--diverge-th", 0, "--out", "mine",
    )  # fmt: skip
    settings = lrfind.load(tmp_path / "mine" / "result.json").settings
    assert settings == type(settings)(1e-4, 0.1, 20, "linear", None)


@pytest.mark.parametrize("option", [["--verify"], ["--budget", 100]])
def test_a_problem_with_options_of_its_own_is_verified_too(invoke, problem, tmp_path, option):
    done = invoke("run", f"{problem}:record", "--out", "mine", "--start-lr", 1e-3, *option)
    assert done.exit_code == 0, done.stderr
    assert set(TRIAL_FILES) <= {p.name for p in (tmp_path / "mine").iterdir()}


def test_what_cannot_be_verified_is_one_line_after_the_report_of_the_sweep(
    invoke, problem, tmp_path
):
    done = invoke("run", f"{problem}:parts", "--out", "mine", "--num-iter", 5, "--verify")
    assert done.exit_code == 1
    assert done.stderr.count("no learning rate can be suggested: fewer than 10") == 1
    assert "No learning rate can be suggested" in done.stdout
    assert sorted(p.name for p in (tmp_path / "mine").iterdir()) == SWEEP_FILES


def test_modules_beside_the_file_can_be_imported(invoke, problem, tmp_path):
    (tmp_path / "outer.py").write_text("from problem import parts\n")
    assert invoke("run", "outer.py:parts").exit_code == 0
